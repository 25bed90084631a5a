package sockets

import (
	"syscall"

	"gvisor.dev/gvisor/pkg/waiter"
)

// socket is what the families implement. No method blocks: what would have to
// wait fails with EAGAIN (connect: EINPROGRESS), and the waiting is done above.
// Methods may be called concurrently, close once.
type socket interface {
	// kind is what SO_DOMAIN, SO_TYPE and SO_PROTOCOL report.
	kind() (domain, typ, protocol int)
	bind(addr []byte) syscall.Errno
	connect(addr []byte) syscall.Errno
	listen(backlog int) syscall.Errno
	// accept returns a connection and appends its peer's address to addr.
	accept(addr []byte) (socket, []byte, syscall.Errno)
	// name appends the address of this end, or of the peer.
	name(addr []byte, peer bool) ([]byte, syscall.Errno)
	// receive and send move as much as can be without waiting.
	receive(m *Message) (int, syscall.Errno)
	send(m *Message) (int, syscall.Errno)
	shutdown(how int) syscall.Errno
	// option appends the value of an option.
	option(value []byte, level, name int) ([]byte, syscall.Errno)
	setOption(level, name int, value []byte) syscall.Errno
	// readiness is what holds now, in the bits of epoll.
	readiness() uint32
	// queued is the number of bytes to read, and of those not yet sent.
	queued(unsent bool) (int, syscall.Errno)
	// events is where readiness is announced.
	events() *waiter.Queue
	close()
}

// unsupported answers the calls a family does not have.
type unsupported struct{}

func (unsupported) bind([]byte) syscall.Errno    { return syscall.EOPNOTSUPP }
func (unsupported) connect([]byte) syscall.Errno { return syscall.EOPNOTSUPP }
func (unsupported) listen(int) syscall.Errno     { return syscall.EOPNOTSUPP }
func (unsupported) shutdown(int) syscall.Errno   { return syscall.EOPNOTSUPP }
func (unsupported) accept([]byte) (socket, []byte, syscall.Errno) {
	return nil, nil, syscall.EOPNOTSUPP
}
func (unsupported) queued(bool) (int, syscall.Errno) { return 0, syscall.ENOTTY }

// Socket creates a socket and returns its descriptor. typ may carry
// SOCK_NONBLOCK and SOCK_CLOEXEC.
func (t *Table) Socket(domain, typ, protocol int) (int, syscall.Errno) {
	nonblock := typ&syscall.SOCK_NONBLOCK != 0
	typ &^= syscall.SOCK_NONBLOCK | syscall.SOCK_CLOEXEC
	s, errno := t.newSocket(domain, typ, protocol)
	if errno != 0 {
		return -1, errno
	}
	return t.install(s, nonblock)
}

func (t *Table) newSocket(domain, typ, protocol int) (socket, syscall.Errno) {
	if typ <= 0 || typ > 10 || protocol < 0 {
		return nil, syscall.EINVAL
	}
	switch domain {
	case syscall.AF_INET, syscall.AF_INET6:
		return t.newInet(domain, typ, protocol)
	case syscall.AF_UNIX:
		return t.newUnix(typ, protocol)
	case syscall.AF_NETLINK:
		return t.newNetlink(typ, protocol)
	}
	return nil, syscall.EAFNOSUPPORT
}

// Pair creates two connected sockets of AF_UNIX.
func (t *Table) Pair(domain, typ, protocol int) (fds [2]int, errno syscall.Errno) {
	nonblock := typ&syscall.SOCK_NONBLOCK != 0
	typ &^= syscall.SOCK_NONBLOCK | syscall.SOCK_CLOEXEC
	if domain != syscall.AF_UNIX {
		if domain == syscall.AF_INET || domain == syscall.AF_INET6 {
			return fds, syscall.EOPNOTSUPP
		}
		return fds, syscall.EAFNOSUPPORT
	}
	a, errno := t.newUnix(typ, protocol)
	if errno != 0 {
		return fds, errno
	}
	b, errno := t.newUnix(typ, protocol)
	if errno != 0 {
		a.close()
		return fds, errno
	}
	pair(a, b)
	if fds[0], errno = t.install(a, nonblock); errno != 0 {
		b.close()
		return fds, errno
	}
	if fds[1], errno = t.install(b, nonblock); errno != 0 {
		t.Close(fds[0])
	}
	return fds, errno
}
