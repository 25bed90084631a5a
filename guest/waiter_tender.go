//go:build tender

package guest

import (
	"encoding/binary"
	"os"
	"syscall"

	"tender/abi"
)

// waiter is a poll set of the guest kernel.
type waiter struct {
	file    *os.File
	fd      int
	handles []uint64
	buf     [8]byte
}

func newWaiter(nics []*NIC) (*waiter, error) {
	f, err := os.OpenFile(abi.PollPath, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	w := &waiter{file: f, fd: int(f.Fd())}
	set := uintptr(0)
	for _, n := range nics {
		w.handles = append(w.handles, n.handle)
		set |= 1 << n.handle
	}
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), abi.IoctlPollSet, set); errno != 0 {
		f.Close()
		return nil, errno
	}
	return w, nil
}

// look does not wait: 0 if no device is ready.
func (w *waiter) look() (ready uint64, err error) {
	_, err = syscall.Read(w.fd, w.buf[:])
	if err == syscall.EAGAIN {
		return 0, nil
	}
	return w.ready(), err
}

// park waits until a device is ready, or for the deadline of file.
func (w *waiter) park() (ready uint64, err error) {
	_, err = w.file.Read(w.buf[:])
	return w.ready(), err
}

// ready makes places in handles of the handles in buf.
func (w *waiter) ready() (ready uint64) {
	set := binary.LittleEndian.Uint64(w.buf[:])
	for i, h := range w.handles {
		ready |= set >> h & 1 << i
	}
	return ready
}
