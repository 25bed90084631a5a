//go:build !cgo

package threads

import (
	"syscall"

	"tender/seccomp"
)

// OneArena fails with seccomp.ErrUnavailable.
func OneArena() error { return seccomp.ErrUnavailable }

// Signal is of programs with cgo.
const Signal = syscall.Signal(34)

// OnSignal fails with seccomp.ErrUnavailable.
func OnSignal(uint64) error { return seccomp.ErrUnavailable }
