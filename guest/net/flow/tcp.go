package flow

import (
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// conn follows a TCP connection from the middle. A segment is accepted if it
// could be part of the connection: what it carries lies in the window that the
// other side has opened, and what it acknowledges has been sent (the
// checks are those of "Real Stateful TCP Packet Filtering in IP Filter", van
// Rooij 2001). So somebody who sees none of the traffic cannot reset a
// connection or keep a dead one alive.
type conn struct {
	sides    [2]side // of the beginner, of the other
	tracked  bool
	liberal  bool // windows are not known any more
	complete bool // the handshake is
	reset    bool
}

// side is what one end has shown of itself. Sequence numbers wrap.
type side struct {
	first  uint32 // the number of its SYN
	end    uint32 // after the last byte it has sent
	limit  uint32 // after the last byte it may send
	acked  uint32 // what it has acknowledged
	window uint32 // the largest window it has offered
	scale  uint8
	scales bool // it sent a window scale option
	seen   bool
	fin    bool
}

// segment is what matters of a TCP segment.
type segment struct {
	seq, end, ack uint32
	window        uint32 // unscaled
	flags         uint8
	scale         uint8
	scales        bool
	// partial is a fragment, whose end is not known.
	partial bool
}

// slack is how far behind an acknowledgement may be, at least: windows below
// it are those of old systems and lazy ones.
const slack = 66000

func segmentOf(p *packet.Packet) segment {
	t := p.TCP
	s := segment{
		seq: t.Seq(), ack: t.Ack(), window: uint32(t.Window()), flags: t.Flags(),
		partial: p.Fragment != packet.Whole,
	}
	s.end = s.seq + uint32(len(t)-t.HeaderLen()+p.RestBytes())
	if s.flags&wire.TCPSyn != 0 {
		s.end++
		s.scale, s.scales = t.WindowScale()
	}
	if s.flags&wire.TCPFin != 0 {
		s.end++
	}
	return s
}

// opens reports the flags of a first segment.
func opens(flags uint8) bool {
	return flags&(wire.TCPSyn|wire.TCPAck|wire.TCPRst|wire.TCPFin) == wire.TCPSyn
}

// after reports a > b in sequence space.
func after(a, b uint32) bool { return int32(a-b) > 0 }

type segmentVerdict uint8

const (
	segmentInvalid segmentVerdict = iota
	segmentBelongs
	// segmentReopens begins a new connection over a closed one.
	segmentReopens
)

// closed reports a connection whose ports may be used again.
func (c *conn) closed() bool { return c.reset || c.sides[0].fin && c.sides[1].fin }

// check judges a segment sent by one side.
func (c *conn) check(answer bool, g *segment) segmentVerdict {
	s, r := c.ends(answer)
	switch {
	case opens(g.flags) && c.closed():
		return segmentReopens
	case opens(g.flags):
		// A SYN sent again, or both sides opening. On a complete connection
		// the receiver answers it by an ACK that lets the sender find out
		// (RFC 5961 §4).
		return segmentBelongs
	case c.liberal:
		return segmentBelongs
	case !s.seen:
		return c.checkFirstAnswer(r, g)
	case !r.seen:
		// The beginner may give up; it has nothing else to say yet.
		if g.flags&wire.TCPRst != 0 {
			return segmentBelongs
		}
		return segmentInvalid
	}
	if after(g.seq, s.limit) || after(s.end-r.window, g.end) {
		return segmentInvalid
	}
	if g.flags&wire.TCPAck != 0 && (after(g.ack, r.end) || after(r.end-max(s.window, slack), g.ack)) {
		return segmentInvalid
	}
	return segmentBelongs
}

// checkFirstAnswer judges an answer to a SYN: it acknowledges the SYN, or is
// the bare ACK of a host that thinks an older connection is still there, which
// the beginner will answer by a RST.
func (c *conn) checkFirstAnswer(beginner *side, g *segment) segmentVerdict {
	switch {
	case g.flags&wire.TCPAck == 0:
		return segmentInvalid
	case g.flags&(wire.TCPSyn|wire.TCPRst) == 0:
		if g.end == g.seq {
			return segmentBelongs
		}
		return segmentInvalid
	case after(g.ack, beginner.end) || !after(g.ack, beginner.first):
		return segmentInvalid
	}
	return segmentBelongs
}

// update records a segment that check said belongs, or the first one, and
// returns the class of the flow.
func (c *conn) update(answer bool, g *segment) class {
	s, r := c.ends(answer)
	c.tracked = true
	c.liberal = c.liberal || g.partial
	switch {
	case opens(g.flags) && (c.complete || answer):
		// Changes nothing: whoever sends it has yet to prove that it can hear.
	case g.flags&wire.TCPSyn != 0 && !c.complete:
		if !answer && g.seq != s.first {
			*r = side{} // the beginner has started anew
		}
		s.open(g, r)
		c.learn(s, r, g)
	case g.flags&wire.TCPRst != 0:
		c.reset = c.reset || resets(s, r, g)
	case s.seen:
		c.learn(s, r, g)
		s.fin = s.fin || g.flags&wire.TCPFin != 0
		// The beginner's first segment after the answer ends the handshake.
		c.complete = c.complete || !answer && r.seen
	}
	return c.class()
}

func (c *conn) class() class {
	switch {
	case c.closed():
		return tcpClosed
	case !c.complete && !c.sides[1].seen:
		return unconfirmed + kindTCP
	case !c.complete:
		return confirmed + kindTCP
	case c.sides[0].fin || c.sides[1].fin:
		return tcpClosing
	}
	return established + kindTCP
}

// resets reports whether a RST ends the connection: it must be the next byte
// exactly (RFC 5961 §3). One that is only in the window is passed on, for the
// receiver to judge, and changes nothing here.
func resets(s, r *side, g *segment) bool {
	return !s.seen || g.seq == s.end || r.seen && g.seq == r.acked
}

// open starts a side from its SYN.
func (s *side) open(g *segment, r *side) {
	*s = side{first: g.seq, end: g.end, limit: g.end + r.window, acked: g.ack, scale: g.scale, scales: g.scales, seen: true}
}

// learn records what a segment says about its sender's data and window.
func (c *conn) learn(s, r *side, g *segment) {
	if after(g.end, s.end) {
		s.end = g.end
	}
	window := g.window
	if g.flags&wire.TCPSyn == 0 && s.scales && r.scales {
		window <<= s.scale
	}
	s.window = max(s.window, window, 1)
	if g.flags&wire.TCPAck == 0 || !r.seen {
		return
	}
	if after(g.ack, s.acked) {
		s.acked = g.ack
	}
	// One byte more than the window, for probes of a window that is closed.
	if limit := g.ack + window + 1; after(limit, r.limit) {
		r.limit = limit
	}
}

// mayQuote reports whether an ICMP error can be about a segment with this
// sequence number that one side has sent and that was not acknowledged long
// ago (RFC 5927 §4.1).
func (c *conn) mayQuote(answer bool, seq uint32) bool {
	s, r := c.ends(answer)
	return c.liberal || s.seen && !after(seq, s.end) && !after(s.end-max(r.window, slack), seq)
}

func (c *conn) ends(answer bool) (sender, receiver *side) {
	if answer {
		return &c.sides[1], &c.sides[0]
	}
	return &c.sides[0], &c.sides[1]
}
