package balance

import "tender/guest/net/wire"

// server is a server and what is known of its health.
type server struct {
	Server
	up       bool
	failures int
	// nextNanos is when to check it, or when the check under way has failed.
	nextNanos int64
	// checking says that a check is under way, from port, whose answer
	// acknowledges ack.
	checking bool
	port     uint16
	ack      uint32
}

// Due returns a server whose check is to be sent now, if any. The caller then
// sends it and says so by Sent, or by Failed if it could not.
func (b *Balancer) Due(nowNanos int64) (i int, ok bool) {
	for i := range b.servers {
		s := &b.servers[i]
		if nowNanos < s.nextNanos {
			continue
		}
		if !s.checking {
			return i, true
		}
		s.checking = false
		b.failed(s)
		s.nextNanos += int64(b.config.Interval - b.config.Timeout)
		if nowNanos >= s.nextNanos {
			return i, true
		}
	}
	return 0, false
}

// Sent says that a check of server i, a segment with SYN, has left from a port
// with a sequence number.
func (b *Balancer) Sent(i int, port uint16, seq uint32, nowNanos int64) {
	s := &b.servers[i]
	s.checking, s.port, s.ack = true, port, seq+1
	s.nextNanos = nowNanos + int64(b.config.Timeout)
}

// Failed says that server i cannot be reached: a check could not be sent, or
// a connection was refused.
func (b *Balancer) Failed(i int, nowNanos int64) {
	s := &b.servers[i]
	s.checking = false
	b.failed(s)
	s.nextNanos = nowNanos + int64(b.config.Interval)
}

func (b *Balancer) failed(s *server) {
	if s.failures++; s.up && s.failures >= b.config.Failures {
		s.up = false
		b.up--
	}
}

// Answered takes a segment from a server's address to port of ours. It reports
// whether the segment is the answer to a check, and whether the handshake is
// now to be broken off by a RST with the sequence number that the segment
// acknowledges.
func (b *Balancer) Answered(from wire.Addr, fromPort, port uint16, s wire.TCP, nowNanos int64) (taken, reset bool) {
	for i := range b.servers {
		v := &b.servers[i]
		if !v.checking || v.port != port || v.Addr != from || v.Port != fromPort || s.Flags()&wire.TCPAck == 0 || s.Ack() != v.ack {
			continue
		}
		v.checking = false
		v.nextNanos = nowNanos + int64(b.config.Interval)
		switch s.Flags() & (wire.TCPSyn | wire.TCPRst) {
		case wire.TCPSyn:
			v.failures = 0
			if !v.up {
				v.up = true
				b.up++
			}
			return true, true
		default:
			b.failed(v)
			return true, false
		}
	}
	return false, false
}
