// Stack shows that stacks grow with deep recursion, keep pointers into
// themselves right, and shrink again.
package main

import (
	"fmt"
	"log"
	"runtime"
	"sync"
)

// descend sums 1..n with a pointer into the caller's frame.
func descend(n int, sum *int) {
	if n == 0 {
		return
	}
	var pad [64]byte
	pad[n%64] = byte(n)
	local := *sum + n
	descend(n-1, &local)
	if pad[n%64] != byte(n) {
		log.Fatal("a frame was damaged")
	}
	*sum = local
}

func main() {
	const depth = 40000
	for range 3 {
		sum := 0
		descend(depth, &sum)
		if sum != depth*(depth+1)/2 {
			log.Fatalf("sum %d", sum)
		}
		runtime.GC()
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			sum := 0
			descend(1000, &sum)
			if sum != 500500 {
				log.Fatalf("sum %d", sum)
			}
		})
	}
	wg.Wait()
	fmt.Println("ok")
}
