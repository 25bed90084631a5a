// Wild does with memory what its argument says, through unsafe, and must not
// come through.
package main

import (
	"fmt"
	"os"
	"strings"
	"unsafe"
)

const text = "text in read-only data"

var code = [16]byte{0xc3} // RET

func poke(addr uintptr) { *(*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&addr))) = 0xc3 }

func peek(addr uintptr) byte { return *(*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&addr))) }

func jump(addr uintptr) {
	entry := &addr
	(*(*func())(unsafe.Pointer(&entry)))()
}

func main() {
	f := jump
	start := **(**uintptr)(unsafe.Pointer(&f))
	switch strings.Join(os.Args[1:], " ") {
	case "write to read-only data":
		poke(uintptr(unsafe.Pointer(unsafe.StringData(text))))
	case "write to text":
		poke(start)
	case "write to boot info":
		poke(0x10000)
	case "write to the fault record":
		poke(1 << 32)
	case "jump to data":
		jump(uintptr(unsafe.Pointer(&code)))
	case "jump to heap":
		jump(uintptr(unsafe.Pointer(&make([]byte, 1<<16)[8])))
	case "jump to nil":
		jump(0)
	case "read outside of memory":
		peek(3 << 30)
	case "read the tender's pages":
		peek(1<<32 + 0x2000)
	case "non-canonical address":
		peek(1 << 63)
	}
	fmt.Println("still here")
}
