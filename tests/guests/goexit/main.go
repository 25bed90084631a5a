// Goexit ends the main goroutine while another one still has work; when that
// is done too, nothing can go on.
package main

import (
	"fmt"
	"runtime"
	"time"
)

func main() {
	go func() {
		time.Sleep(5 * time.Millisecond)
		fmt.Println("the other goroutine is done")
	}()
	defer fmt.Println("deferred")
	runtime.Goexit()
}
