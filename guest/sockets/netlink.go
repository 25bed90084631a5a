package sockets

import (
	"encoding/binary"
	"sync"
	"syscall"

	"gvisor.dev/gvisor/pkg/waiter"
)

// netlink is a socket of NETLINK_ROUTE: requests go in with send, and each
// leaves its replies to be received.
type netlink struct {
	unsupported
	table *Table
	typ   int
	queue waiter.Queue

	mu      sync.Mutex
	port    uint32   // 0 until bound
	replies [][]byte // datagrams
	waiting int      // bytes in replies
}

// maxNetlinkReplies bounds the bytes that wait to be received on a socket.
const maxNetlinkReplies = 1 << 20

const solNetlink = 270

// netlinkPorts is the port numbers in use. The zero value is ready.
type netlinkPorts struct {
	mu   sync.Mutex
	last uint32
	used map[uint32]bool
}

// reserve takes a port, any free one for 0.
func (p *netlinkPorts) reserve(port uint32) (uint32, syscall.Errno) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used == nil {
		p.used = map[uint32]bool{}
	}
	if port == 0 {
		for p.last++; p.last == 0 || p.used[p.last]; p.last++ {
		}
		port = p.last
	}
	if p.used[port] {
		return 0, syscall.EADDRINUSE
	}
	p.used[port] = true
	return port, 0
}

func (p *netlinkPorts) release(port uint32) {
	p.mu.Lock()
	delete(p.used, port)
	p.mu.Unlock()
}

func (t *Table) newNetlink(typ, protocol int) (socket, syscall.Errno) {
	if typ != syscall.SOCK_RAW && typ != syscall.SOCK_DGRAM {
		return nil, syscall.ESOCKTNOSUPPORT
	}
	if protocol != syscall.NETLINK_ROUTE {
		return nil, syscall.EPROTONOSUPPORT
	}
	return &netlink{table: t, typ: typ}, 0
}

func (s *netlink) kind() (int, int, int) {
	return syscall.AF_NETLINK, s.typ, syscall.NETLINK_ROUTE
}
func (s *netlink) events() *waiter.Queue { return &s.queue }

// parseNetlink reads the port of a struct sockaddr_nl. Groups are ignored:
// nothing is announced to them.
func parseNetlink(b []byte) (uint32, syscall.Errno) {
	family, errno := addressFamily(b)
	switch {
	case errno != 0:
		return 0, errno
	case family != syscall.AF_NETLINK || len(b) < sizeofNetlink:
		return 0, syscall.EINVAL
	}
	return binary.LittleEndian.Uint32(b[4:]), 0
}

func appendNetlink(b []byte, port uint32) []byte {
	b = binary.LittleEndian.AppendUint32(b, syscall.AF_NETLINK)
	b = binary.LittleEndian.AppendUint32(b, port)
	return binary.LittleEndian.AppendUint32(b, 0)
}

func (s *netlink) bind(addr []byte) syscall.Errno {
	port, errno := parseNetlink(addr)
	if errno != 0 {
		return errno
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.port != 0 && port != 0 && port != s.port {
		return syscall.EINVAL
	}
	return s.ensureBound(port)
}

// ensureBound gives the socket a port if it has none. s.mu is held.
func (s *netlink) ensureBound(port uint32) (errno syscall.Errno) {
	if s.port == 0 {
		s.port, errno = s.table.ports.reserve(port)
	}
	return errno
}

func (s *netlink) connect(addr []byte) syscall.Errno {
	if port, errno := parseNetlink(addr); errno != 0 || port != 0 {
		return syscall.ECONNREFUSED
	}
	return 0
}

func (s *netlink) name(addr []byte, peer bool) ([]byte, syscall.Errno) {
	if peer {
		return appendNetlink(addr, 0), 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return appendNetlink(addr, s.port), 0
}

func (s *netlink) send(m *Message) (int, syscall.Errno) {
	if len(m.Name) != 0 {
		if port, errno := parseNetlink(m.Name); errno != 0 {
			return 0, errno
		} else if port != 0 {
			return 0, syscall.ECONNREFUSED // there are no other sockets to talk to
		}
	}
	size := m.size()
	if size > maxNetlinkReplies {
		return 0, syscall.EMSGSIZE
	}
	request := make([]byte, size)
	m.cursor.start(m.Buffers, 0, size)
	m.cursor.Read(request)

	s.mu.Lock()
	if errno := s.ensureBound(0); errno != 0 {
		s.mu.Unlock()
		return 0, errno
	}
	port := s.port
	s.mu.Unlock()

	replies := answerNetlink(s.table.stack, port, request)

	s.mu.Lock()
	for _, r := range replies {
		if s.waiting+len(r) > maxNetlinkReplies {
			s.mu.Unlock()
			return 0, syscall.ENOBUFS
		}
		s.replies = append(s.replies, r)
		s.waiting += len(r)
	}
	s.mu.Unlock()
	if len(replies) != 0 {
		s.queue.Notify(pollIn)
	}
	return size, 0
}

func (s *netlink) receive(m *Message) (int, syscall.Errno) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.replies) == 0 {
		return 0, syscall.EAGAIN
	}
	reply := s.replies[0]
	if m.Flags&syscall.MSG_PEEK == 0 {
		s.replies[0] = nil
		s.replies = s.replies[1:]
		s.waiting -= len(reply)
	}
	m.cursor.start(m.Buffers, 0, m.size())
	n, _ := m.cursor.Write(reply)
	if n < len(reply) {
		m.OutFlags |= syscall.MSG_TRUNC
		if m.Flags&syscall.MSG_TRUNC != 0 {
			n = len(reply)
		}
	}
	var addr [sizeofNetlink]byte
	m.setName(appendNetlink(addr[:0], 0))
	m.ControlLen = 0
	return n, 0
}

func (s *netlink) readiness() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.replies) != 0 {
		return pollIn | pollOut
	}
	return pollOut
}

func (s *netlink) option(value []byte, level, name int) ([]byte, syscall.Errno) {
	switch {
	case level == solNetlink:
		return appendInt(value, 0), 0
	case level != syscall.SOL_SOCKET:
	case name == syscall.SO_ERROR, name == syscall.SO_ACCEPTCONN:
		return appendInt(value, 0), 0
	case name == syscall.SO_RCVBUF, name == syscall.SO_SNDBUF:
		return appendInt(value, maxNetlinkReplies), 0
	}
	return nil, syscall.ENOPROTOOPT
}

// setOption accepts what only tunes a socket: sizes, and the options of
// netlink, which are about messages that never come.
func (s *netlink) setOption(level, name int, value []byte) syscall.Errno {
	switch {
	case level == solNetlink:
		return 0
	case level != syscall.SOL_SOCKET:
		return syscall.ENOPROTOOPT
	}
	switch name {
	case syscall.SO_RCVBUF, syscall.SO_RCVBUFFORCE, syscall.SO_SNDBUF, syscall.SO_SNDBUFFORCE,
		syscall.SO_REUSEADDR, syscall.SO_PASSCRED:
		return 0
	}
	return syscall.ENOPROTOOPT
}

func (s *netlink) close() {
	s.mu.Lock()
	if s.port != 0 {
		s.table.ports.release(s.port)
	}
	s.port, s.replies, s.waiting = 0, nil, 0
	s.mu.Unlock()
	s.queue.Notify(pollIn | pollHup)
}
