// Calls writes single bytes to the console, each one a hypercall under hvt and
// a system call under spt, and prints how long one took.
package main

import (
	"fmt"
	"os"
	"time"
)

const rounds = 20_000

func main() {
	dot := []byte(".")
	start := time.Now()
	for range rounds {
		os.Stdout.Write(dot)
	}
	fmt.Printf("\n%d ns\n", time.Since(start).Nanoseconds()/rounds)
}
