// Layout prints where its heap, a goroutine's stack and its arguments are.
package main

import (
	"fmt"
	"os"
	"unsafe"
)

var sink *[64]byte

func main() {
	var local int
	sink = new([64]byte)
	// Not %p: local shall stay on the stack.
	fmt.Printf("%#x %#x %#x\n", uintptr(unsafe.Pointer(sink)), uintptr(unsafe.Pointer(&local)), uintptr(unsafe.Pointer(unsafe.StringData(os.Args[1]))))
}
