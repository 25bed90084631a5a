package seccomp

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Load puts the filter on all threads of this process, for good; threads and
// processes made later have it too. It sets no_new_privs on all of them. The
// next call that the filter does not allow ends the process, so the Go
// runtime's own must be in it.
func (p Program) Load() error {
	if err := p.check(); err != nil {
		return err
	}
	// The kernel wants no_new_privs of the thread that loads the filter, and
	// gives it to the others.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("cannot set no_new_privs: %w", err)
	}
	fprog := unix.SockFprog{Len: uint16(len(p)), Filter: unsafe.SliceData(p)}
	const flags = unix.SECCOMP_FILTER_FLAG_TSYNC
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&fprog)))
	runtime.KeepAlive(p)
	switch {
	case errno != 0:
		return fmt.Errorf("cannot load the system-call filter: %w; the kernel needs CONFIG_SECCOMP_FILTER", errno)
	case thread != 0:
		return fmt.Errorf("cannot load the system-call filter: thread %d has one of its own", thread)
	}
	return nil
}
