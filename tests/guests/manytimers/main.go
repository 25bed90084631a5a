// Manytimers has 10000 goroutines asleep at once, each for a time of its own.
package main

import (
	"fmt"
	"log"
	"sync"
	"time"
)

func main() {
	const n = 10000
	var wg sync.WaitGroup
	start := time.Now()
	for i := range n {
		wg.Go(func() {
			d := time.Duration(i*7919%n) * 10 * time.Microsecond
			began := time.Now()
			time.Sleep(d)
			if took := time.Since(began); took < d {
				log.Fatalf("sleep of %v took %v", d, took)
			}
		})
	}
	wg.Wait()
	if took := time.Since(start); took < (n-1)*10*time.Microsecond {
		log.Fatalf("all done after %v", took)
	}
	fmt.Println("ok")
}
