package main

import (
	"syscall"
	"unsafe"
)

// gettime is clock_gettime.
func gettime(clock uintptr, t *syscall.Timespec) syscall.Errno {
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(t)), 0)
	return errno
}
