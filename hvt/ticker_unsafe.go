package hvt

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"tender/abi"
)

// ticker interrupts a thread each abi.TickNanos of CPU time that the thread
// uses, in the guest or out of it, and never while it sleeps.
type ticker int32

// sigevent is struct sigevent of Linux.
type sigevent struct {
	value  uint64
	signal int32
	notify int32
	thread int32
	_      [44]byte
}

// startTicker makes one for the calling thread. The signal is SIGURG, as in
// VM.interrupt.
func startTicker(thread int) (ticker, error) {
	const toThread = 4 // SIGEV_THREAD_ID
	var t ticker
	event := sigevent{signal: int32(unix.SIGURG), notify: toThread, thread: int32(thread)}
	_, _, errno := unix.Syscall(unix.SYS_TIMER_CREATE, unix.CLOCK_THREAD_CPUTIME_ID,
		uintptr(unsafe.Pointer(&event)), uintptr(unsafe.Pointer(&t)))
	if errno != 0 {
		return 0, errno
	}
	each := unix.NsecToTimespec(abi.TickNanos)
	period := [2]unix.Timespec{each, each}
	if _, _, errno := unix.Syscall6(unix.SYS_TIMER_SETTIME, uintptr(t), 0, uintptr(unsafe.Pointer(&period)), 0, 0, 0); errno != 0 {
		t.stop()
		return 0, errno
	}
	return t, nil
}

func (t ticker) stop() {
	// It fails only if there is no such timer.
	_, _, _ = unix.Syscall(unix.SYS_TIMER_DELETE, uintptr(t), 0, 0)
}
