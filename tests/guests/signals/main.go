// Signals sends signals to itself: they reach os/signal, and the code that
// was interrupted goes on. With an argument it ends by a signal.
package main

import (
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 {
		debug.SetTraceback(os.Args[1])
		panic("with a core dump")
	}
	got := make(chan os.Signal, 10)
	signal.Notify(got, syscall.SIGUSR1, syscall.SIGTERM, syscall.SIGINT)
	for i := range 100 {
		sent := []syscall.Signal{syscall.SIGUSR1, syscall.SIGTERM, syscall.SIGINT}[i%3]
		if err := syscall.Kill(syscall.Getpid(), sent); err != nil {
			log.Fatal(err)
		}
		select {
		case s := <-got:
			if s != sent {
				log.Fatalf("sent %v, got %v", sent, s)
			}
		case <-time.After(10 * time.Second):
			log.Fatalf("%v has not come", sent)
		}
	}
	signal.Ignore(syscall.SIGUSR1)
	syscall.Kill(syscall.Getpid(), syscall.SIGUSR1)
	signal.Stop(got)
	fmt.Println("ok")
	syscall.Kill(syscall.Getpid(), syscall.SIGTERM)
	time.Sleep(time.Second)
	fmt.Println("still here")
}
