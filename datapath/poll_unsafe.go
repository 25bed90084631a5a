package datapath

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// shortly is how long Poll waits before it tells the Go scheduler.
const shortly = 2 * time.Millisecond

// Poll is ppoll(2) of at least one descriptor, without a signal mask and for ever
// without a timeout, for a thread that moves frames. Under load it sleeps often and
// soon goes on; did the scheduler know, its monitor would take the thread's place
// there away each time, and never rest.
func Poll(fds []unix.PollFd, timeout *unix.Timespec) (n int, err error) {
	short := unix.NsecToTimespec(int64(shortly))
	last := timeout != nil && timeout.Nano() <= int64(shortly)
	if last {
		short = *timeout
	}
	// The pointers are to memory that is not moved meanwhile: this goroutine's stack
	// does not change in a raw system call.
	r, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds[0])), uintptr(len(fds)), uintptr(unsafe.Pointer(&short)), 0, 0, 0)
	switch {
	case errno != 0:
		return 0, errno
	case r > 0 || last:
		return int(r), nil
	case timeout == nil:
		return unix.Ppoll(fds, nil, nil)
	}
	left := unix.NsecToTimespec(timeout.Nano() - int64(shortly))
	return unix.Ppoll(fds, &left, nil)
}
