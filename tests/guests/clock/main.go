// Clock prints the time in nanoseconds since 1970, and checks that clocks run
// forward and agree with each other.
package main

import (
	"fmt"
	"log"
	"sync/atomic"
	"syscall"
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
	// The wall clock is set anew now and then.
	agree(realtime, realtimeCoarse, time.Millisecond)
	agree(monotonic, monotonicRaw, 0)
	sleeper()
	time.Sleep(100 * time.Millisecond)
	fmt.Println(time.Now().UnixNano())
}

// Clocks of Linux: of each pair the second is told by the guest kernel, the first
// mostly without it.
const (
	realtime, realtimeCoarse = 0, 5
	monotonic, monotonicRaw  = 1, 4
)

// agree reads two clocks in turn that are one, which goes back by less than slack.
func agree(a, b uintptr, slack time.Duration) {
	first := read(a)
	last := first
	for last-first < 50*time.Millisecond {
		for _, c := range []uintptr{a, b} {
			now := read(c)
			if now+slack < last || now-last > 10*time.Second {
				log.Fatalf("clock %d says %d after %d", c, now, last)
			}
			last = now
		}
	}
}

// read is a reading of a clock.
func read(clock uintptr) time.Duration {
	var t syscall.Timespec
	if errno := gettime(clock, &t); errno != 0 {
		log.Fatalf("clock %d: %v", clock, errno)
	}
	if t.Nsec < 0 || t.Nsec >= 1e9 {
		log.Fatalf("clock %d has %d ns in a second", clock, t.Nsec)
	}
	return time.Duration(t.Nano())
}

// sleeper is woken while the program does nothing but read the clock.
func sleeper() {
	var woken atomic.Bool
	time.AfterFunc(time.Millisecond, func() { woken.Store(true) })
	for start := time.Now(); !woken.Load(); {
		if time.Since(start) > 10*time.Second {
			log.Fatal("who reads the clock keeps others from waking")
		}
	}
}
