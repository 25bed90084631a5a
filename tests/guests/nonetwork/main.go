// Nonetwork asks a unikernel without a network device for sockets, which it has,
// and for hosts and names, which it cannot reach: it gets errors, soon.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"time"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var d net.Dialer
	for what, f := range map[string]func() error{
		"listen": func() error { _, err := net.Listen("tcp", "127.0.0.1:80"); return err },
		"udp":    func() error { _, err := net.ListenPacket("udp", ":9"); return err },
		"unix":   func() error { _, err := net.Listen("unix", "/tmp/x"); return err },
		"links":  func() error { _, err := net.Interfaces(); return err },
	} {
		if err := f(); err != nil {
			log.Fatalf("%s: %v", what, err)
		}
	}
	for what, f := range map[string]func() error{
		"dial":    func() error { _, err := d.DialContext(ctx, "tcp", "192.0.2.1:80"); return err },
		"resolve": func() error { _, err := net.DefaultResolver.LookupHost(ctx, "host.example"); return err },
	} {
		if f() == nil {
			log.Fatalf("%s: no error", what)
		}
	}
	if ctx.Err() != nil {
		log.Fatal("it took more than five seconds")
	}
	fmt.Println("ok")
}
