package sockets

import (
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip"
)

// Flags of messages that package syscall does not name.
const (
	msgMore     = 0x8000
	msgFastOpen = 0x20000000
)

func (s *inet) receive(m *Message) (int, syscall.Errno) {
	if m.Flags&syscall.MSG_ERRQUEUE != 0 {
		return 0, syscall.EAGAIN
	}
	if m.Flags&syscall.MSG_OOB != 0 {
		return 0, syscall.EINVAL
	}
	size := m.size()
	m.cursor.start(m.Buffers, 0, size)
	if s.stream() {
		return s.receiveStream(m, size)
	}
	result, err := s.endpoint.Read(&m.cursor, tcpip.ReadOptions{
		Peek:           m.Flags&syscall.MSG_PEEK != 0,
		NeedRemoteAddr: true,
	})
	n := size - m.cursor.left
	switch err.(type) {
	case nil:
	case *tcpip.ErrClosedForReceive:
		m.NameLen, m.ControlLen = 0, 0
		return 0, 0
	case *tcpip.ErrBadBuffer: // no room for a byte of it
	default:
		return 0, errnoOf(err)
	}
	if n < result.Total {
		m.OutFlags |= syscall.MSG_TRUNC
		if m.Flags&syscall.MSG_TRUNC != 0 {
			n = result.Total
		}
	}
	var addr [sizeofInet6]byte
	m.setName(appendInet(addr[:0], s.family, result.RemoteAddr))
	s.receiveControl(m, &result.ControlMessages)
	return n, 0
}

func (s *inet) receiveStream(m *Message, size int) (int, syscall.Errno) {
	m.NameLen, m.ControlLen = 0, 0
	m.cursor.discard = m.Flags&syscall.MSG_TRUNC != 0
	peek := m.Flags&syscall.MSG_PEEK != 0
	_, err := s.endpoint.Read(&m.cursor, tcpip.ReadOptions{Peek: peek})
	switch err.(type) {
	case nil:
	case *tcpip.ErrClosedForReceive, *tcpip.ErrBadBuffer: // the end, or no room for a byte
		return 0, 0
	default:
		return 0, errnoOf(err)
	}
	n := size - m.cursor.left
	if !peek {
		s.endpoint.ModerateRecvBuf(n)
	}
	return n, 0
}

func (s *inet) send(m *Message) (int, syscall.Errno) {
	if m.Flags&(syscall.MSG_OOB|msgFastOpen) != 0 {
		return 0, syscall.EOPNOTSUPP
	}
	size := m.size()
	m.cursor.start(m.Buffers, m.sent, size)
	if s.stream() {
		n, err := s.endpoint.Write(&m.cursor, tcpip.WriteOptions{})
		if err == nil && n == 0 && size != m.sent {
			return 0, syscall.EAGAIN
		}
		return int(n), errnoOf(err)
	}
	opts := tcpip.WriteOptions{Atomic: true, More: m.Flags&msgMore != 0}
	if len(m.Name) != 0 {
		a, errno := s.destination(m.Name)
		if errno != 0 {
			return 0, errno
		}
		m.to = a
		opts.To = &m.to
	}
	if len(m.Control) != 0 {
		c, errno := parseControl(m.Control)
		if errno != 0 {
			return 0, errno
		}
		if handled, n, errno := s.sendFrom(m, &opts, &c); handled {
			return n, errno
		}
	}
	n, err := s.endpoint.Write(&m.cursor, opts)
	return int(n), routeErrno(err)
}

// setName stores as much of an address as there is room for, and its length.
func (m *Message) setName(addr []byte) {
	copy(m.Name, addr)
	m.NameLen = len(addr)
}
