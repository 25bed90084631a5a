package sockets

import (
	"encoding/binary"
	"syscall"
	"time"
)

// maxOption bounds the value of an option.
const maxOption = 4096

// Bind gives a socket its address, a struct sockaddr.
func (t *Table) Bind(fd int, addr []byte) syscall.Errno {
	d := t.at(fd)
	if d == nil {
		return syscall.EBADF
	}
	return d.bind(addr)
}

// Connect connects a socket; one that does not block fails with EINPROGRESS
// and becomes writable when the outcome is known.
func (t *Table) Connect(fd int, addr []byte) syscall.Errno {
	d := t.at(fd)
	if d == nil {
		return syscall.EBADF
	}
	return d.doConnect(addr)
}

// Listen makes a socket accept connections.
func (t *Table) Listen(fd, backlog int) syscall.Errno {
	d := t.at(fd)
	if d == nil {
		return syscall.EBADF
	}
	return d.listen(backlog)
}

// Accept takes a connection and appends its peer's address to addr. flags may
// be SOCK_NONBLOCK and SOCK_CLOEXEC.
func (t *Table) Accept(fd, flags int, addr []byte) (int, []byte, syscall.Errno) {
	d := t.at(fd)
	if d == nil {
		return -1, nil, syscall.EBADF
	}
	if flags&^(syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC) != 0 {
		return -1, nil, syscall.EINVAL
	}
	s, peer, errno := d.doAccept(addr)
	if errno != 0 {
		return -1, nil, errno
	}
	n, errno := t.install(s, flags&syscall.SOCK_NONBLOCK != 0)
	return n, peer, errno
}

// Name appends the address of a socket, or of its peer, to addr.
func (t *Table) Name(fd int, peer bool, addr []byte) ([]byte, syscall.Errno) {
	d := t.at(fd)
	if d == nil {
		return nil, syscall.EBADF
	}
	return d.name(addr, peer)
}

// Receive fills a message and returns the number of bytes received, 0 at the
// end of a stream.
func (t *Table) Receive(fd int, m *Message) (int, syscall.Errno) {
	d := t.at(fd)
	if d == nil {
		return 0, syscall.EBADF
	}
	return d.doReceive(m)
}

// Send sends a message and returns how many bytes of it were taken.
func (t *Table) Send(fd int, m *Message) (int, syscall.Errno) {
	d := t.at(fd)
	if d == nil {
		return 0, syscall.EBADF
	}
	m.sent = 0
	return d.doSend(m)
}

// Read is Receive without anything but data.
func (t *Table) Read(fd int, p []byte) (int, syscall.Errno) {
	m := newMessage()
	m.one[0] = p
	m.Buffers = m.one[:]
	n, errno := t.Receive(fd, m)
	m.free()
	return n, errno
}

// Write is Send without anything but data.
func (t *Table) Write(fd int, p []byte) (int, syscall.Errno) {
	m := newMessage()
	m.one[0] = p
	m.Buffers = m.one[:]
	n, errno := t.Send(fd, m)
	m.free()
	return n, errno
}

// Shutdown ends one direction or both: SHUT_RD, SHUT_WR, SHUT_RDWR.
func (t *Table) Shutdown(fd, how int) syscall.Errno {
	d := t.at(fd)
	if d == nil {
		return syscall.EBADF
	}
	return d.shutdown(how)
}

// Readiness is what a socket is ready for now, in the bits of epoll: for poll
// and select, and for a descriptor that is added to an epoll set late.
func (t *Table) Readiness(fd int) (uint32, syscall.Errno) {
	d := t.at(fd)
	if d == nil {
		return 0, syscall.EBADF
	}
	// Whoever goes by the answer waits for the next edge, so what does not
	// hold must be reported when it comes.
	ready := d.readiness()
	if gone := (pollIn | pollOut) &^ ready; d.rearm(gone) {
		ready = d.readiness()
	}
	return ready, 0
}

// Option appends the value of an option.
func (t *Table) Option(fd, level, name int, value []byte) ([]byte, syscall.Errno) {
	d := t.at(fd)
	if d == nil {
		return nil, syscall.EBADF
	}
	if level == syscall.SOL_SOCKET {
		domain, typ, protocol := d.kind()
		switch name {
		case syscall.SO_DOMAIN:
			return appendInt(value, domain), 0
		case syscall.SO_TYPE:
			return appendInt(value, typ), 0
		case syscall.SO_PROTOCOL:
			return appendInt(value, protocol), 0
		case syscall.SO_RCVTIMEO, soRcvTimeoNew:
			return appendTimeval(value, d.receiveTimeout.Load()), 0
		case syscall.SO_SNDTIMEO, soSndTimeoNew:
			return appendTimeval(value, d.sendTimeout.Load()), 0
		}
	}
	return d.option(value, level, name)
}

// SetOption sets an option.
func (t *Table) SetOption(fd, level, name int, value []byte) syscall.Errno {
	d := t.at(fd)
	if d == nil {
		return syscall.EBADF
	}
	if len(value) > maxOption {
		return syscall.EINVAL
	}
	if level == syscall.SOL_SOCKET {
		if len(value) < 4 && name != syscall.SO_BINDTODEVICE {
			return syscall.EINVAL
		}
		timeout := &d.receiveTimeout
		switch name {
		case syscall.SO_DOMAIN, syscall.SO_TYPE, syscall.SO_PROTOCOL:
			return syscall.ENOPROTOOPT
		case syscall.SO_SNDTIMEO, soSndTimeoNew:
			timeout = &d.sendTimeout
			fallthrough
		case syscall.SO_RCVTIMEO, soRcvTimeoNew:
			nanos, errno := parseTimeval(value)
			if errno == 0 {
				timeout.Store(nanos)
			}
			return errno
		}
	}
	return d.setOption(level, name, value)
}

// parseTimeval reads struct timeval as nanoseconds. More than thirty years is
// for ever, which is 0; negative times are the shortest.
func parseTimeval(b []byte) (int64, syscall.Errno) {
	if len(b) < 16 {
		return 0, syscall.EINVAL
	}
	seconds := int64(binary.LittleEndian.Uint64(b))
	micros := int64(binary.LittleEndian.Uint64(b[8:]))
	switch {
	case micros < 0 || micros >= 1e6:
		return 0, syscall.EDOM
	case seconds < 0:
		return 1, 0
	case seconds > 1e9:
		return 0, 0
	}
	return seconds*int64(time.Second) + micros*int64(time.Microsecond), 0
}

func appendTimeval(b []byte, nanos int64) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(nanos/1e9))
	return binary.LittleEndian.AppendUint64(b, uint64(nanos%1e9/1000))
}
