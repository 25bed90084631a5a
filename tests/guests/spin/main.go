// Spin computes without end in one goroutine, without a call: timers, other
// goroutines and the garbage collector go on.
package main

import (
	"fmt"
	"log"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

// spin never calls anything.
func spin(counter *uint64) {
	for {
		*counter++
	}
}

func main() {
	if n := runtime.GOMAXPROCS(0); n != 1 {
		log.Fatalf("GOMAXPROCS is %d", n)
	}
	spinners := make([]uint64, 3)
	for i := range spinners {
		go spin(&spinners[i])
	}
	locked := new(uint64)
	go func() {
		runtime.LockOSThread()
		spin(locked)
	}()

	ticker := time.NewTicker(50 * time.Millisecond)
	var fired atomic.Int64
	time.AfterFunc(20*time.Millisecond, func() { fired.Add(1) })
	started := time.Now()
	var worst time.Duration
	for range 10 {
		due := time.Now().Add(20 * time.Millisecond)
		time.Sleep(20 * time.Millisecond)
		worst = max(worst, time.Since(due))
	}
	for range 2 {
		<-ticker.C
	}
	if fired.Load() != 1 {
		log.Fatal("a timer has not fired")
	}
	// Stops the world, scans the stacks of those that spin.
	for range 3 {
		runtime.GC()
	}
	for i, n := range spinners {
		if n == 0 {
			log.Fatalf("spinner %d has never run", i)
		}
	}
	if *locked == 0 {
		log.Fatal("the one with its own thread has never run")
	}
	fmt.Fprintln(os.Stderr, "worst lateness", worst, "in", time.Since(started))
	fmt.Println("ok")
}
