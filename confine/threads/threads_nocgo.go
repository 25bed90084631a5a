//go:build !cgo

package threads

import (
	"syscall"

	"tender/seccomp"
)

// Signal is of programs with cgo.
const Signal = syscall.Signal(34)

// OnSignal fails with seccomp.ErrUnavailable.
func OnSignal(uint64) error { return seccomp.ErrUnavailable }
