// Wakeup sets timers while another thread already sleeps for a later one: a
// goroutine that returns from a blocking system call makes the sleeper get
// up earlier, again and again.
package main

import (
	"fmt"
	"log"
	"sync"
	"syscall"
	"time"
)

func nap(d time.Duration) {
	start := time.Now()
	ts := syscall.NsecToTimespec(int64(d))
	if err := syscall.Nanosleep(&ts, nil); err != nil {
		log.Fatal(err)
	}
	if took := time.Since(start); took < d {
		log.Fatalf("nanosleep: %v early", d-took)
	}
}

func main() {
	start := time.Now()
	go func() {
		time.Sleep(time.Minute)
		log.Fatal("a minute has passed")
	}()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 25 {
				nap(time.Duration(i+1) * time.Millisecond)
				fired := make(chan bool)
				time.AfterFunc(2*time.Millisecond, func() { close(fired) })
				nap(time.Millisecond)
				<-fired
			}
		})
	}
	wg.Wait()
	if took := time.Since(start); took > 30*time.Second {
		log.Fatalf("timers of 2 ms took %v", took)
	}
	fmt.Println("ok")
}
