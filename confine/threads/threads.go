//go:build cgo

// Package threads does to the threads of a program with cgo what confinement
// needs and Go cannot.
//
// Capabilities are each thread's and not the process's. A signal handler drops
// those of the thread that gets the signal; package syscall, which has a way
// of its own to make all threads do something, has none in a program with cgo.
package threads

// #include "threads.h"
import "C"

import (
	"errors"
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

// OneArena has malloc make no more arenas. It makes them for new threads, and
// before it reads the number of CPUs from a file.
func OneArena() error {
	if C.tender_one_arena() == 0 {
		return errors.New("malloc cannot be kept to one arena")
	}
	return nil
}
