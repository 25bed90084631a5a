//go:build cgo

// Package threads drops capabilities, which Linux has for each thread and not
// for the process: a signal handler does it on the thread that gets the
// signal. In a program with cgo, package syscall cannot.
package threads

// #include "drop.h"
import "C"

import (
	"fmt"
	"syscall"
)

// Signal is the signal that drops. It is one that the Go runtime leaves
// unblocked on all threads and does not handle (the C library musl uses it for
// just this), the first that glibc does not use itself.
const Signal = syscall.Signal(34)

// OnSignal makes a thread that gets Signal drop all its capabilities but
// those of keep, a set of bits, and empty its ambient and bounding sets.
func OnSignal(keep uint64) error {
	if errno := C.tender_drop_on_signal(C.uint(uint32(keep)), C.uint(keep>>32)); errno != 0 {
		return fmt.Errorf("handling signal %d: %w", int(Signal), syscall.Errno(errno))
	}
	return nil
}
