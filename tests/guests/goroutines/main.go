// Goroutines shows channels, select and package sync among many goroutines on
// one CPU.
package main

import (
	"fmt"
	"log"
	"runtime"
	"sync"
	"sync/atomic"
)

func main() {
	fmt.Println("pipeline", pipeline(1000))
	fmt.Println("select", fairSelect(3000))
	fmt.Println("mutex", mutex(100, 200))
	fmt.Println("cond", cond(10))
	once()
	readers()
	fmt.Println("goroutines left", runtime.NumGoroutine())
}

// pipeline passes numbers through a chain of goroutines, each adding one.
func pipeline(length int) int {
	first := make(chan int)
	in := first
	for range length {
		out := make(chan int)
		go func(in chan int) {
			for v := range in {
				out <- v + 1
			}
			close(out)
		}(in)
		in = out
	}
	go func() {
		for range 10 {
			first <- 0
		}
		close(first)
	}()
	sum := 0
	for v := range in {
		sum += v
	}
	return sum
}

// fairSelect reads from three channels at once; each gets its turn.
func fairSelect(n int) int {
	var chans [3]chan int
	for i := range chans {
		chans[i] = make(chan int, n)
		for range n / 3 {
			chans[i] <- i
		}
	}
	var got [3]int
	for range n {
		select {
		case v := <-chans[0]:
			got[v]++
		case v := <-chans[1]:
			got[v]++
		case v := <-chans[2]:
			got[v]++
		default:
			log.Fatal("select has chosen default with channels ready")
		}
	}
	return got[0] + got[1] + got[2]
}

// mutex counts under a lock and with an atomic.
func mutex(goroutines, rounds int) int {
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		count int
		same  atomic.Int64
	)
	for range goroutines {
		wg.Go(func() {
			for range rounds {
				mu.Lock()
				count++
				runtime.Gosched()
				mu.Unlock()
				same.Add(1)
			}
		})
	}
	wg.Wait()
	if int64(count) != same.Load() {
		log.Fatalf("%d under the lock, %d atomic", count, same.Load())
	}
	return count
}

// cond wakes waiters by Signal and by Broadcast.
func cond(waiters int) int {
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		c     = sync.NewCond(&mu)
		open  bool
		woken int
	)
	for range waiters {
		wg.Go(func() {
			mu.Lock()
			defer mu.Unlock()
			for !open {
				c.Wait()
			}
			woken++
		})
	}
	mu.Lock()
	open = true
	mu.Unlock()
	c.Signal()
	c.Broadcast()
	wg.Wait()
	return woken
}

func once() {
	var (
		o     sync.Once
		wg    sync.WaitGroup
		times int
	)
	for range 10 {
		wg.Go(func() { o.Do(func() { runtime.Gosched(); times++ }) })
	}
	wg.Wait()
	fmt.Println("once", times)
}

// readers shows that readers share a lock and writers do not.
func readers() {
	var (
		mu            sync.RWMutex
		wg            sync.WaitGroup
		reading, most atomic.Int32
		writing       atomic.Int32
	)
	for range 8 {
		wg.Go(func() {
			mu.RLock()
			defer mu.RUnlock()
			n := reading.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			runtime.Gosched()
			if writing.Load() != 0 {
				log.Fatal("a reader beside a writer")
			}
			reading.Add(-1)
		})
	}
	wg.Go(func() {
		mu.Lock()
		defer mu.Unlock()
		writing.Store(1)
		runtime.Gosched()
		if reading.Load() != 0 {
			log.Fatal("a writer beside a reader")
		}
		writing.Store(0)
	})
	wg.Wait()
	fmt.Println("readers at once", most.Load() > 1)
}
