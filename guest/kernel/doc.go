// Package kernel is what a Go program runs on inside a guest instead of
// Linux: it answers the system calls of the Go runtime and the standard
// library with hypercalls of the Solo5 contract.
//
// tender build puts this package into the standard library of the image (by
// go build -overlay, as internal/syscall), replaces every SYSCALL
// instruction with a call of syscallEntry, and makes start the entry point of
// the image. In this tree the same files compile as an ordinary package, so
// that all that needs no hypercall is tested on the host.
//
// Rules of the code here. There is one vCPU and nothing enters the kernel while
// it runs (a tick then only leaves a note), so it needs no locks. It runs on a stack of its own with a g of its
// own (kernelG), outside of the garbage collector's sight: it must not
// allocate, grow a map, panic, or store a Go pointer anywhere (references
// between its objects are uintptr), and it imports nothing but abi. Addresses
// of the guest program are trusted as far as the program itself is: a wild
// pointer faults, and the fault ends the guest with a message.
package kernel
