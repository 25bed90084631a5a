// Debuggee is a guest to look at with a debugger: it has calls, variables and
// memory of known contents, and ends as its argument says.
package main

import (
	"fmt"
	"os"
	"runtime"
	"time"
)

var (
	answer = 42
	secret = [4]uint64{0x1111, 0x2222, 0x3333, 0x4444}
)

// inner calls itself until depth 3, and there ends the guest.
//
//go:noinline
func inner(depth int) int {
	if depth == 3 {
		return end(len(os.Args))
	}
	return inner(depth+1) + 1
}

//go:noinline
func end(args int) int {
	answer += args
	switch os.Args[1] {
	case "abort":
		os.Exit(255)
	case "nil":
		var p *int
		defer func() { fmt.Println("recovered:", recover()) }()
		return *p
	case "spin":
		for answer != 0 {
		}
	case "sleep":
		time.Sleep(4 * time.Second)
	case "breakpoint":
		runtime.Breakpoint()
	}
	return answer
}

func main() {
	if secret[0] == 0 {
		return
	}
	fmt.Println("sum", inner(0))
}
