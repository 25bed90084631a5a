// Output writes to both streams, in small and in very large pieces.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"log"
	"os"
)

func main() {
	fmt.Fprintln(os.Stdout, "to stdout")
	fmt.Fprintln(os.Stderr, "to stderr")
	println("println")
	os.Stdout.Write(nil)
	for _, n := range []int{4095, 4096, 4097, 1 << 20} {
		if got, err := os.Stdout.Write(bytes.Repeat([]byte{'x'}, n)); got != n || err != nil {
			log.Fatalf("write of %d bytes: %d, %v", n, got, err)
		}
		fmt.Println()
	}
	w := bufio.NewWriter(os.Stdout)
	for i := range 10000 {
		fmt.Fprintln(w, "line", i)
	}
	w.Flush()
}
