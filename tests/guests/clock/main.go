// Clock prints the time in nanoseconds since 1970, and checks that clocks run
// forward and agree with each other.
package main

import (
	"fmt"
	"log"
	"time"
)

func main() {
	fmt.Println(time.Now().UnixNano())
	start := time.Now()
	last := start
	for time.Since(start) < 50*time.Millisecond {
		now := time.Now()
		if now.Before(last) {
			log.Fatalf("the clock went back by %v", last.Sub(now))
		}
		last = now
	}
	mono, wall := last.Sub(start), last.Round(0).Sub(start.Round(0))
	// time.Now reads one after the other, and may be interrupted between.
	if d := (mono - wall).Abs(); d > 10*time.Millisecond {
		log.Fatalf("%v passed on the monotonic clock, %v on the wall", mono, wall)
	}
	time.Sleep(100 * time.Millisecond)
	fmt.Println(time.Now().UnixNano())
}
