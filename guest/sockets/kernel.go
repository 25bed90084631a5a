package sockets

import "syscall"

// Kernel is what the socket layer needs of the guest kernel: descriptors and
// readiness. All methods may be called from any goroutine.
type Kernel interface {
	// Open returns a fresh descriptor of kind socket, EMFILE when there is none.
	Open() (fd int, err syscall.Errno)
	// Dup returns a fresh descriptor of kind socket, at least atLeast.
	Dup(fd, atLeast int) (int, syscall.Errno)
	// Close gives a descriptor back. No Ready follows for it.
	Close(fd int) syscall.Errno
	// Ready reports edges in the bits of epoll: EPOLLIN, EPOLLOUT, EPOLLERR,
	// EPOLLHUP and EPOLLRDHUP. The kernel keeps what comes before the descriptor
	// is added to an epoll set. An edge that was reported comes again only after
	// a call has found the condition gone (EAGAIN). Ready is called with locks of
	// the stack held: it must not block nor call into this package.
	Ready(fd int, events uint32)
}

// Readiness, in the bits of epoll.
const (
	pollIn    = 0x1
	pollOut   = 0x4
	pollErr   = 0x8
	pollHup   = 0x10
	pollRdHup = 0x2000
)
