// Graceful ends when it is asked to, in the way of its argument.
package main

import (
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func spin(counter *uint64) {
	for {
		*counter++
	}
}

func main() {
	asked := make(chan os.Signal, 1)
	switch how := os.Args[1]; how {
	case "waits":
		signal.Notify(asked, syscall.SIGTERM)
	case "computes":
		signal.Notify(asked, syscall.SIGTERM)
		go spin(new(uint64))
	case "sleeps":
		signal.Notify(asked, syscall.SIGTERM)
		go func() {
			for {
				time.Sleep(time.Millisecond)
			}
		}()
	case "ignores":
		signal.Ignore(syscall.SIGTERM)
	case "lingers":
		signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM)
	case "defaults":
	case "spins":
		fmt.Println("up")
		spin(new(uint64))
	default:
		log.Fatalf("%s?", how)
	}
	go func() {
		time.Sleep(time.Minute) // no deadlock
		os.Exit(70)
	}()
	fmt.Println("up")
	s := <-asked
	fmt.Println("asked by", s)
	time.Sleep(10 * time.Millisecond)
	os.Exit(7)
}
