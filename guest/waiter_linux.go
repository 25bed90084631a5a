//go:build !tender

package guest

import (
	"os"
	"syscall"
)

// waiter is an epoll instance. It lies in that of the Go runtime, so that a
// goroutine parks.
type waiter struct {
	file   *os.File
	conn   syscall.RawConn
	events [63]syscall.EpollEvent

	// What poll found last; it is a func value so that park does not allocate.
	poll  func(fd uintptr) bool
	ready uint64
	err   error
}

func newWaiter(nics []*NIC) (*waiter, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	for i, n := range nics {
		event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(i)}
		if err := syscall.EpollCtl(fd, syscall.EPOLL_CTL_ADD, n.fd, &event); err != nil {
			syscall.Close(fd)
			return nil, os.NewSyscallError("epoll_ctl", err)
		}
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		syscall.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	w := &waiter{file: os.NewFile(uintptr(fd), "poller")}
	if w.conn, err = w.file.SyscallConn(); err != nil {
		w.file.Close()
		return nil, err
	}
	w.poll = func(fd uintptr) bool {
		w.ready = 0
		n, err := syscall.EpollWait(int(fd), w.events[:], 0)
		if err == syscall.EINTR {
			n, err = 0, nil
		}
		for _, e := range w.events[:max(n, 0)] {
			w.ready |= 1 << e.Fd
		}
		w.err = err
		return n > 0 || err != nil
	}
	return w, nil
}

// look does not wait: 0 if no device is ready.
func (w *waiter) look() (ready uint64, err error) {
	w.poll(w.file.Fd())
	return w.ready, w.err
}

// park waits until a device is ready, or for the deadline of file.
func (w *waiter) park() (ready uint64, err error) {
	if err := w.conn.Read(w.poll); err != nil {
		return 0, err
	}
	return w.ready, w.err
}
