package sockets

import (
	"sync"
	"syscall"

	"gvisor.dev/gvisor/pkg/waiter"
)

// unix is a socket of AF_UNIX. All of them share one lock, that of their names.
type unix struct {
	table *Table
	typ   int
	queue waiter.Queue

	// The rest is protected by table.names.mu.

	address   string // as bound, "" for none
	key       unixKey
	connected bool  // stays so when the peer goes
	peer      *unix // nil when it has gone
	peerName  string

	listening bool
	backlog   int
	pending   []*unix // connections to accept

	bytes   ring     // received by a stream
	packets []packet // received by the others
	held    int      // bytes in packets
	blocked []*unix  // sockets that wait for room here

	shutRead, shutWrite, closed bool
	passCredentials             bool
	kept                        map[int]int   // options that have no effect
	linger                      [8]byte       // likewise
	failure                     syscall.Errno // what the next call reports
}

// packet is a datagram and where it came from.
type packet struct {
	data []byte
	from *unix
}

// Bounds of what one socket holds.
const (
	unixBuffer  = 212992 // net.core.wmem_default
	unixPackets = 512
)

func (t *Table) newUnix(typ, protocol int) (socket, syscall.Errno) {
	switch typ {
	case syscall.SOCK_STREAM, syscall.SOCK_DGRAM, syscall.SOCK_SEQPACKET:
	case syscall.SOCK_RAW:
		typ = syscall.SOCK_DGRAM
	default:
		return nil, syscall.ESOCKTNOSUPPORT
	}
	if protocol != 0 && protocol != syscall.AF_UNIX {
		return nil, syscall.EPROTONOSUPPORT
	}
	return &unix{table: t, typ: typ}, 0
}

// pair connects two new sockets.
func pair(a, b socket) {
	x, y := a.(*unix), b.(*unix)
	x.peer, x.connected = y, true
	y.peer, y.connected = x, true
}

func (s *unix) kind() (int, int, int) { return syscall.AF_UNIX, s.typ, 0 }
func (s *unix) events() *waiter.Queue { return &s.queue }
func (s *unix) datagram() bool        { return s.typ == syscall.SOCK_DGRAM }
func (s *unix) lock() *sync.Mutex     { return &s.table.names.mu }

func (s *unix) bind(addr []byte) syscall.Errno {
	name, errno := parseUnix(addr)
	if errno != 0 {
		return errno
	}
	s.lock().Lock()
	defer s.lock().Unlock()
	if s.address != "" || s.closed {
		return syscall.EINVAL
	}
	return s.table.names.bind(s, name)
}

func (s *unix) listen(backlog int) syscall.Errno {
	s.lock().Lock()
	defer s.lock().Unlock()
	switch {
	case s.datagram():
		return syscall.EOPNOTSUPP
	case s.address == "" || s.connected:
		return syscall.EINVAL
	}
	if backlog < 0 || backlog > maxBacklog {
		backlog = maxBacklog
	}
	s.listening, s.backlog = true, backlog
	return 0
}

func (s *unix) connect(addr []byte) syscall.Errno {
	family, errno := addressFamily(addr)
	if errno != 0 {
		return errno
	}
	s.lock().Lock()
	defer s.lock().Unlock()
	if family == syscall.AF_UNSPEC && s.datagram() {
		s.peer, s.connected, s.peerName = nil, false, ""
		return 0
	}
	name, errno := parseUnix(addr)
	if errno != 0 {
		return errno
	}
	other, errno := s.table.names.find(name, s.typ)
	switch {
	case errno != 0:
		return errno
	case s.datagram() && other.connected && other.peer != s:
		return syscall.EPERM
	case s.datagram():
		s.peer, s.connected, s.peerName = other, true, other.address
		return 0
	case !other.listening || other.shutRead:
		return syscall.ECONNREFUSED
	case len(other.pending) > other.backlog:
		return syscall.EAGAIN
	case s.connected:
		return syscall.EISCONN
	case s.listening:
		return syscall.EINVAL
	}
	server := &unix{
		table: s.table, typ: s.typ, address: other.address,
		connected: true, peer: s, peerName: s.address, passCredentials: other.passCredentials,
	}
	s.connected, s.peer, s.peerName = true, server, other.address
	other.pending = append(other.pending, server)
	other.queue.Notify(pollIn)
	s.queue.Notify(pollOut)
	return 0
}

func (s *unix) accept(addr []byte) (socket, []byte, syscall.Errno) {
	s.lock().Lock()
	defer s.lock().Unlock()
	switch {
	case s.datagram():
		return nil, nil, syscall.EOPNOTSUPP
	case !s.listening || s.shutRead || s.closed:
		return nil, nil, syscall.EINVAL
	case len(s.pending) == 0:
		return nil, nil, syscall.EAGAIN
	}
	n := s.pending[0]
	s.pending[0] = nil
	s.pending = s.pending[1:]
	return n, appendUnix(addr, n.peerName), 0
}

func (s *unix) name(addr []byte, peer bool) ([]byte, syscall.Errno) {
	s.lock().Lock()
	defer s.lock().Unlock()
	if !peer {
		return appendUnix(addr, s.address), 0
	}
	if !s.connected {
		return nil, syscall.ENOTCONN
	}
	return appendUnix(addr, s.peerName), 0
}

func (s *unix) shutdown(how int) syscall.Errno {
	if how < syscall.SHUT_RD || how > syscall.SHUT_RDWR {
		return syscall.EINVAL
	}
	s.lock().Lock()
	defer s.lock().Unlock()
	s.shutRead = s.shutRead || how != syscall.SHUT_WR
	s.shutWrite = s.shutWrite || how != syscall.SHUT_RD
	s.queue.Notify(pollIn | pollOut | pollRdHup)
	if s.peer != nil && !s.datagram() {
		s.peer.queue.Notify(pollIn | pollOut | pollRdHup)
	}
	return 0
}

func (s *unix) close() {
	s.lock().Lock()
	defer s.lock().Unlock()
	s.closed = true
	s.table.names.release(s)
	for _, n := range s.pending {
		n.hangUp()
	}
	s.hangUp()
	s.pending, s.packets, s.held = nil, nil, 0
	for _, b := range s.blocked {
		b.queue.Notify(pollOut)
	}
	s.blocked = nil
	s.queue.Notify(pollIn | pollOut | pollHup | pollErr)
}

// hangUp leaves the peer of a connection alone. What it has not read of this
// socket's data stays readable; what this socket has not read is an error.
func (s *unix) hangUp() {
	s.closed = true
	if p := s.peer; p != nil && !s.datagram() {
		if s.bytes.len() != 0 || len(s.packets) != 0 {
			p.failure = syscall.ECONNRESET
		}
		p.peer = nil
		p.queue.Notify(pollIn | pollOut | pollHup | pollRdHup)
	}
	s.peer = nil
	s.bytes = ring{}
}
