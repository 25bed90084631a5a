// Unplugged has its cable cut while it waits for a frame: it gets an error
// each time it reads, and sleeps otherwise.
package main

import (
	"errors"
	"fmt"
	"log"
	"syscall"
	"time"

	"tender/guest"
)

func main() {
	nic, err := guest.OpenNIC("net0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready")
	buf := make([]byte, 1514)
	if _, err := nic.ReadFrame(buf); !errors.Is(err, syscall.EIO) {
		log.Fatal("ReadFrame: ", err)
	}
	if _, ok, err := nic.TryReadFrame(buf); ok || !errors.Is(err, syscall.EIO) {
		log.Fatal("TryReadFrame: ", err)
	}
	fmt.Println("sleeping")
	for range 100 {
		time.Sleep(5 * time.Millisecond)
	}
	fmt.Println("awake")
	if err := nic.WriteFrame(make([]byte, 60)); err == nil {
		log.Fatal("a frame was sent")
	}
}
