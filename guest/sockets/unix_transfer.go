package sockets

import (
	"encoding/binary"
	"slices"
	"syscall"
)

// ring is a queue of bytes that grows up to unixBuffer.
type ring struct {
	buf   []byte
	start int
	n     int
}

func (r *ring) len() int  { return r.n }
func (r *ring) room() int { return unixBuffer - r.n }

// write takes up to limit bytes from the cursor.
func (r *ring) write(c *cursor, limit int) int {
	limit = min(limit, c.Len(), r.room())
	if limit <= 0 {
		return 0
	}
	if r.n+limit > len(r.buf) {
		larger := make([]byte, min(max(r.n+limit, 2*len(r.buf), 4096), unixBuffer))
		n := copy(larger, r.buf[r.start:min(r.start+r.n, len(r.buf))])
		copy(larger[n:], r.buf[:r.n-n])
		r.buf, r.start = larger, 0
	}
	done := 0
	for done < limit {
		at := (r.start + r.n) % len(r.buf)
		n, _ := c.Read(r.buf[at:min(at+limit-done, len(r.buf))])
		r.n += n
		done += n
	}
	return done
}

// read gives the cursor what it has room for. With peek it stays in the queue.
func (r *ring) read(c *cursor, peek bool) int {
	start, left := r.start, min(r.n, c.Len())
	done := left
	for left != 0 {
		n := min(left, len(r.buf)-start)
		c.Write(r.buf[start : start+n])
		left -= n
		start = (start + n) % len(r.buf)
	}
	if !peek {
		r.start, r.n = start, r.n-done
	}
	return done
}

func (s *unix) send(m *Message) (int, syscall.Errno) {
	if m.Flags&syscall.MSG_OOB != 0 {
		return 0, syscall.EOPNOTSUPP
	}
	if errno := checkUnixControl(m.Control); errno != 0 {
		return 0, errno
	}
	size := m.size()
	m.cursor.start(m.Buffers, m.sent, size)
	s.lock().Lock()
	defer s.lock().Unlock()
	if s.datagram() {
		return s.sendDatagram(m, size)
	}
	switch {
	case len(m.Name) != 0 && s.connected:
		return 0, syscall.EISCONN
	case len(m.Name) != 0:
		return 0, syscall.EOPNOTSUPP
	case !s.connected:
		return 0, syscall.ENOTCONN
	case s.shutWrite || s.closed || s.peer == nil || s.peer.shutRead:
		return 0, syscall.EPIPE
	}
	if s.typ == syscall.SOCK_SEQPACKET {
		return s.deliver(s.peer, m, size)
	}
	if size == m.sent {
		return 0, 0
	}
	n := s.peer.bytes.write(&m.cursor, unixBuffer)
	if n == 0 {
		s.peer.block(s)
		return 0, syscall.EAGAIN
	}
	s.peer.queue.Notify(pollIn)
	return n, 0
}

func (s *unix) sendDatagram(m *Message, size int) (int, syscall.Errno) {
	to := s.peer
	if len(m.Name) != 0 {
		name, errno := parseUnix(m.Name)
		if errno != 0 {
			return 0, errno
		}
		if to, errno = s.table.names.find(name, s.typ); errno != 0 {
			return 0, errno
		}
	}
	switch {
	case s.shutWrite || s.closed:
		return 0, syscall.EPIPE
	case to == nil:
		return 0, syscall.ENOTCONN
	case to.closed:
		return 0, syscall.ECONNREFUSED
	case to.shutRead:
		return 0, syscall.EPIPE
	case to.connected && to.peer != s:
		return 0, syscall.EPERM
	}
	return s.deliver(to, m, size)
}

// deliver queues a packet at a socket.
func (s *unix) deliver(to *unix, m *Message, size int) (int, syscall.Errno) {
	if size > unixBuffer {
		return 0, syscall.EMSGSIZE
	}
	if len(to.packets) >= unixPackets || to.held != 0 && to.held+size > unixBuffer {
		to.block(s)
		return 0, syscall.EAGAIN
	}
	data := make([]byte, size)
	m.cursor.Read(data)
	to.packets = append(to.packets, packet{data, s})
	to.held += size
	to.queue.Notify(pollIn)
	return size, 0
}

// block remembers a sender that waits for room.
func (s *unix) block(sender *unix) {
	if !slices.Contains(s.blocked, sender) {
		s.blocked = append(s.blocked, sender)
	}
}

// unblock wakes the senders once half of the room is free.
func (s *unix) unblock() {
	if len(s.blocked) == 0 || s.bytes.len() > unixBuffer/2 || s.held > unixBuffer/2 || len(s.packets) > unixPackets/2 {
		return
	}
	for _, b := range s.blocked {
		b.queue.Notify(pollOut)
	}
	s.blocked = nil
}

func (s *unix) receive(m *Message) (int, syscall.Errno) {
	if m.Flags&syscall.MSG_OOB != 0 {
		return 0, syscall.EOPNOTSUPP
	}
	m.NameLen, m.ControlLen = 0, 0
	size := m.size()
	m.cursor.start(m.Buffers, 0, size)
	m.cursor.discard = m.Flags&syscall.MSG_TRUNC != 0 && s.typ == syscall.SOCK_STREAM
	s.lock().Lock()
	defer s.lock().Unlock()
	switch {
	case s.typ == syscall.SOCK_STREAM && (s.listening || !s.connected && !s.closed):
		return 0, syscall.EINVAL
	case s.typ == syscall.SOCK_SEQPACKET && !s.connected && !s.closed:
		return 0, syscall.ENOTCONN
	case s.typ == syscall.SOCK_STREAM && size == 0:
		return 0, 0
	}
	peek := m.Flags&syscall.MSG_PEEK != 0
	n, ok := 0, false
	if s.typ == syscall.SOCK_STREAM {
		n = s.bytes.read(&m.cursor, peek)
		ok = n != 0
	} else if ok = len(s.packets) != 0; ok {
		n = s.receivePacket(m, peek)
	}
	switch {
	case ok:
		if s.passCredentials {
			m.putControl(syscall.SOL_SOCKET, syscall.SCM_CREDENTIALS, appendCredentials(nil))
		}
		s.unblock()
		return n, 0
	case s.failure != 0:
		errno := s.failure
		s.failure = 0
		return 0, errno
	case s.closed || s.shutRead || !s.datagram() && (s.peer == nil || s.peer.shutWrite):
		return 0, 0
	}
	return 0, syscall.EAGAIN
}

func (s *unix) receivePacket(m *Message, peek bool) int {
	p := s.packets[0]
	if !peek {
		s.packets[0] = packet{}
		s.packets = s.packets[1:]
		s.held -= len(p.data)
	}
	n, _ := m.cursor.Write(p.data)
	if n < len(p.data) {
		m.OutFlags |= syscall.MSG_TRUNC
		if m.Flags&syscall.MSG_TRUNC != 0 {
			n = len(p.data)
		}
	}
	if s.datagram() && p.from.address != "" {
		m.setName(appendUnix(nil, p.from.address))
	}
	return n
}

func (s *unix) readiness() uint32 {
	s.lock().Lock()
	defer s.lock().Unlock()
	if s.listening {
		return uint32(number(len(s.pending) != 0 || s.shutRead)) * pollIn
	}
	ready := uint32(0)
	ended := !s.datagram() && s.connected && (s.peer == nil || s.peer.shutWrite)
	if s.bytes.len() != 0 || len(s.packets) != 0 || s.shutRead || ended {
		ready |= pollIn
	}
	if ended || s.shutRead {
		ready |= pollRdHup
	}
	switch {
	case s.peer != nil:
		if s.shutWrite || s.peer.bytes.room() > 0 && s.peer.held < unixBuffer && len(s.peer.packets) < unixPackets {
			ready |= pollOut
		}
	case s.datagram():
		ready |= pollOut
	default:
		ready |= pollOut | pollHup
	}
	if s.failure != 0 {
		ready |= pollErr
	}
	return ready
}

func (s *unix) queued(unsent bool) (int, syscall.Errno) {
	s.lock().Lock()
	defer s.lock().Unlock()
	switch {
	case s.listening:
		return 0, syscall.EINVAL
	case unsent:
		return 0, 0
	case len(s.packets) != 0:
		return len(s.packets[0].data), 0
	}
	return s.bytes.len(), 0
}

// checkUnixControl refuses what cannot be passed on: descriptors. Credentials
// are those of the one process in any case.
func checkUnixControl(b []byte) syscall.Errno {
	for len(b) >= sizeofControl {
		level, typ, data, rest, errno := nextControl(b)
		switch {
		case errno != 0:
			return errno
		case level != syscall.SOL_SOCKET:
		case typ == syscall.SCM_RIGHTS:
			return syscall.EOPNOTSUPP
		case typ == syscall.SCM_CREDENTIALS && (len(data) < 12 || binary.LittleEndian.Uint32(data) != 1):
			return syscall.EPERM
		}
		b = rest
	}
	return 0
}
