package netback

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Pipe is a device whose cable ends in this process, for tests.
type Pipe struct{ port }

var _ Device = (*Pipe)(nil)

// Wire is the far end of a Pipe. It is used by one goroutine at a time, which
// need not be the one that uses the Pipe.
type Wire struct{ end port }

// NewPipe makes a device with the given MTU and a random MAC, and the far end
// of its cable. Both must be closed. It panics if the process is out of
// descriptors, since a test cannot go on without.
func NewPipe(mtu int) (Device, *Wire) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		panic(fmt.Sprintf("netback: socketpair: %v", err))
	}
	return &Pipe{port{fd: fds[0], mac: randomMAC(), mtu: mtu}}, &Wire{port{fd: fds[1]}}
}

// Send gives the device one frame to read. It fails with unix.EAGAIN when the
// queue is full and with unix.EPIPE when the device is closed.
func (w *Wire) Send(frame []byte) error { return w.end.WriteFrame(frame) }

// Receive takes one frame the device has written, cut to p, and returns its
// length. It fails with os.ErrDeadlineExceeded when none came in time and
// with io.EOF when the device is closed.
func (w *Wire) Receive(p []byte, timeout time.Duration) (int, error) {
	deadline := time.Now().Add(timeout)
	for {
		n, err := w.end.ReadFrame(p)
		if err != unix.EAGAIN {
			return n, err
		}
		left := time.Until(deadline)
		if left <= 0 {
			return 0, os.ErrDeadlineExceeded
		}
		ts := unix.NsecToTimespec(left.Nanoseconds())
		fds := []unix.PollFd{{Fd: int32(w.end.fd), Events: unix.POLLIN}}
		if _, err := unix.Ppoll(fds, &ts, nil); err != nil && err != unix.EINTR {
			return 0, fmt.Errorf("waiting for a frame: %w", err)
		}
	}
}

// Close cuts the cable. A second Close is an error.
func (w *Wire) Close() error { return w.end.Close() }
