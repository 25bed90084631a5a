// Threads has goroutines that are locked to threads pass messages to each
// other, sleep, end with their thread, and share locks with others.
package main

import (
	"fmt"
	"log"
	"runtime"
	"sync"
	"syscall"
	"time"
)

func main() {
	const threads, rounds = 8, 200
	ring := make([]chan int, threads)
	for i := range ring {
		ring[i] = make(chan int)
	}
	var (
		wg  sync.WaitGroup
		mu  sync.Mutex
		ids = map[int]bool{}
	)
	done := make(chan int)
	for i := range ring {
		wg.Go(func() {
			runtime.LockOSThread()
			if i%2 == 0 {
				defer runtime.UnlockOSThread() // the others take their thread with them
			}
			id := syscall.Gettid()
			mu.Lock()
			ids[id] = true
			mu.Unlock()
			for range rounds {
				v := <-ring[i]
				if now := syscall.Gettid(); now != id {
					log.Fatalf("locked to thread %d, found on %d", id, now)
				}
				if i == threads-1 {
					done <- v + 1
				} else {
					ring[i+1] <- v + 1
				}
			}
			time.Sleep(time.Millisecond)
		})
	}
	for r := range rounds {
		ring[0] <- r
		if v := <-done; v != r+threads {
			log.Fatalf("round %d gave %d", r, v)
		}
	}
	wg.Wait()
	if len(ids) != threads {
		log.Fatalf("%d goroutines were locked to %d threads", threads, len(ids))
	}
	// Threads come and go.
	for range 300 {
		wg.Go(func() { runtime.LockOSThread() })
	}
	wg.Wait()
	fmt.Println("ok")
}
