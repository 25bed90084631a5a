package sockets

import (
	"fmt"
	"path"
	"slices"
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
	connected bool   // stays so when the peer goes
	peer      *unix  // nil when it has gone
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

// unixNames is the bound sockets: paths, which all types share, and abstract
// names, which begin with NUL and of which each type has its own.
type unixNames struct {
	mu    sync.Mutex
	bound map[string]*unix
	auto  int
}

// nameKey is a name's key in bound.
func nameKey(name string, typ int) string {
	if name != "" && name[0] == 0 {
		return string(rune(typ)) + name
	}
	return name
}

// Bounds of what one socket holds.
const (
	unixBuffer  = 212992 // net.core.wmem_default
	unixPackets = 512
)

const maxUnixPath = 108

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

// parseUnix reads a struct sockaddr_un. Paths come back clean, so that two
// spellings of one file are one name.
func parseUnix(b []byte) (string, syscall.Errno) {
	family, errno := addressFamily(b)
	if errno != 0 {
		return "", errno
	}
	if family != syscall.AF_UNIX || len(b) > 2+maxUnixPath {
		return "", syscall.EINVAL
	}
	name := b[2:]
	if len(name) == 0 || name[0] == 0 {
		return string(name), 0
	}
	if i := slices.Index(name, 0); i >= 0 {
		name = name[:i]
	}
	return path.Clean(string(name)), 0
}

func appendUnix(b []byte, name string) []byte {
	b = append(b, syscall.AF_UNIX, 0)
	b = append(b, name...)
	if name != "" && name[0] != 0 {
		b = append(b, 0)
	}
	return b
}

// Unlink removes the name of a socket that is bound to a path. It returns
// whether there was one.
func (t *Table) Unlink(name string) bool {
	name = path.Clean(name)
	t.names.mu.Lock()
	defer t.names.mu.Unlock()
	_, ok := t.names.bound[name]
	delete(t.names.bound, name)
	return ok
}

// find is the socket of a type that has a name. The lock is held.
func (n *unixNames) find(name string, typ int) (*unix, syscall.Errno) {
	s := n.bound[nameKey(name, typ)]
	switch {
	case name == "":
		return nil, syscall.EINVAL
	case s == nil && name[0] != 0:
		return nil, syscall.ENOENT
	case s == nil:
		return nil, syscall.ECONNREFUSED
	case s.typ != typ:
		return nil, syscall.EPROTOTYPE
	}
	return s, 0
}

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
	n := &s.table.names
	if n.bound == nil {
		n.bound = map[string]*unix{}
	}
	if name == "" {
		for {
			n.auto = (n.auto + 1) & 0xfffff
			if name = fmt.Sprintf("\x00%05x", n.auto); n.bound[nameKey(name, s.typ)] == nil {
				break
			}
		}
	}
	key := nameKey(name, s.typ)
	if n.bound[key] != nil {
		return syscall.EADDRINUSE
	}
	n.bound[key] = s
	s.address = name
	return 0
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
		s.peer, s.connected, s.peerName = other, true, name
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
	s.connected, s.peer, s.peerName = true, server, name
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
	if n, key := &s.table.names, nameKey(s.address, s.typ); n.bound[key] == s {
		delete(n.bound, key)
	}
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

func (s *unix) option(value []byte, level, name int) ([]byte, syscall.Errno) {
	if level != syscall.SOL_SOCKET {
		return nil, syscall.EOPNOTSUPP
	}
	s.lock().Lock()
	defer s.lock().Unlock()
	switch name {
	case syscall.SO_ERROR:
		e := s.failure
		s.failure = 0
		return appendInt(value, int(e)), 0
	case syscall.SO_ACCEPTCONN:
		return appendInt(value, number(s.listening)), 0
	case syscall.SO_PASSCRED:
		return appendInt(value, number(s.passCredentials)), 0
	case syscall.SO_RCVBUF, syscall.SO_SNDBUF:
		return appendInt(value, unixBuffer), 0
	case syscall.SO_PEERCRED:
		return appendCredentials(value), 0
	case syscall.SO_REUSEADDR, syscall.SO_KEEPALIVE, syscall.SO_BROADCAST, syscall.SO_PRIORITY:
		return appendInt(value, s.kept[name]), 0
	case syscall.SO_LINGER:
		return append(value, s.linger[:]...), 0
	}
	return nil, syscall.ENOPROTOOPT
}

// setOption accepts what only tunes a socket.
func (s *unix) setOption(level, name int, value []byte) syscall.Errno {
	if level != syscall.SOL_SOCKET {
		return syscall.EOPNOTSUPP
	}
	v, errno := parseInt(level, value)
	if errno != 0 || name == syscall.SO_LINGER && len(value) < 8 {
		return syscall.EINVAL
	}
	s.lock().Lock()
	defer s.lock().Unlock()
	switch name {
	case syscall.SO_PASSCRED:
		s.passCredentials = v != 0
		return 0
	case syscall.SO_REUSEADDR, syscall.SO_KEEPALIVE, syscall.SO_BROADCAST:
		v = number(v != 0)
		fallthrough
	case syscall.SO_PRIORITY:
		if s.kept == nil {
			s.kept = map[int]int{}
		}
		s.kept[name] = v
		return 0
	case syscall.SO_LINGER:
		copy(s.linger[:], value)
		s.linger[0], s.linger[1], s.linger[2], s.linger[3] = byte(number(v != 0)), 0, 0, 0
		return 0
	case syscall.SO_RCVBUF, syscall.SO_SNDBUF, syscall.SO_RCVBUFFORCE, syscall.SO_SNDBUFFORCE:
		return 0
	}
	return syscall.ENOPROTOOPT
}

// appendCredentials appends struct ucred of the one process there is.
func appendCredentials(b []byte) []byte {
	return appendInt(appendInt(appendInt(b, 1), 0), 0)
}
