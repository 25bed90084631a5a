package datapath

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"tender/guest/umem"
	"tender/netback"
)

// refuse has the kernel refuse a system call to this thread, which must end soon.
func refuse(call uint32, errno unix.Errno) error {
	const loadNumber, ifEqual, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	program := []unix.SockFilter{
		{Code: loadNumber},
		{Code: ifEqual, K: call, Jf: 1},
		{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(errno)},
		{Code: ret, K: unix.SECCOMP_RET_ALLOW},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	p := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if _, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&p))); errno != 0 {
		return errno
	}
	return nil
}

// Where io_uring is refused, frames move without it, and one notice says so.
func TestFallback(t *testing.T) {
	for _, c := range []struct {
		call  uint32
		errno unix.Errno
	}{
		{unix.SYS_IO_URING_SETUP, unix.EPERM},    // kernel.io_uring_disabled
		{unix.SYS_IO_URING_SETUP, unix.ENOSYS},   // an old kernel, or a container's filter
		{unix.SYS_IO_URING_REGISTER, unix.EPERM}, // no restrictions
		{unix.SYS_IO_URING_REGISTER, unix.ENOMEM},
	} {
		var notices []string
		var b *bench
		done := make(chan error)
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread ends
			if err := refuse(c.call, c.errno); err != nil {
				done <- fmt.Errorf("seccomp: %w", err)
				return
			}
			defer close(done)
			b = newBenchWith(t, func(u *UMEM, devices []netback.Device, doorbell, wake int) (*Thread, error) {
				return NewThread(u, devices, doorbell, wake, func(format string, args ...any) {
					notices = append(notices, fmt.Sprintf(format, args...))
					if err, ok := args[0].(error); !ok || !errors.Is(err, c.errno) {
						t.Errorf("notice %q does not give the reason %v", notices, c.errno)
					}
				})
			})
		}()
		check(t, <-done)
		if len(notices) != 1 || b.ring != nil {
			t.Fatalf("notices %q, io_uring %v", notices, b.ring)
		}
		guest, err := umem.New(b.memory)
		check(t, err)
		guest.Port(1).Lend()
		check(t, b.wires[0].Send(sealed(7, 60)))
		_, _, err = b.round()
		check(t, err)
		var frames [2]umem.Frame
		if n := guest.Port(1).Receive(frames[:]); n != 1 {
			t.Fatalf("%d frames", n)
		}
		if i, ok := number(guest.Bytes(frames[0])); !ok || i != 7 {
			t.Errorf("frame %d, whole: %v", i, ok)
		}
	}
}
