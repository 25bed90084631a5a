package flow

import (
	"time"

	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// Durations are one time for each kind of flow; 0 stands for the default.
type Durations struct{ TCP, UDP, ICMP, Other time.Duration }

// Timeouts say how long a flow lives after its last datagram.
type Timeouts struct {
	// Unconfirmed is for flows without any answer, Confirmed for those that
	// were answered, Established for those whose beginner has shown that it
	// hears the answers (see the package). For TCP the first two are the
	// handshake, the third should be above two hours (RFC 5382 REQ-5);
	// Established.UDP should be above two minutes (RFC 4787 REQ-5).
	Unconfirmed, Confirmed, Established Durations
	// TCPClosing is for a connection closed by one side, TCPClosed for one
	// that was reset or closed by both.
	TCPClosing, TCPClosed time.Duration
}

// DefaultTimeouts are used for fields that are 0.
var DefaultTimeouts = Timeouts{
	Unconfirmed: Durations{TCP: 60 * time.Second, UDP: 30 * time.Second, ICMP: 30 * time.Second, Other: 60 * time.Second},
	Confirmed:   Durations{TCP: 60 * time.Second, UDP: 30 * time.Second, ICMP: 30 * time.Second, Other: 60 * time.Second},
	Established: Durations{TCP: 2*time.Hour + 4*time.Minute, UDP: 3 * time.Minute, ICMP: 30 * time.Second, Other: 10 * time.Minute},
	TCPClosing:  4 * time.Minute,
	TCPClosed:   30 * time.Second,
}

// A class is a set of flows with one timeout and one claim to stay. Its flows
// are kept in the order of their last datagram, which so is the order in
// which they expire.
type class = int

// Classes: a stage and a kind, or a closed connection.
const (
	free        class = 0
	unconfirmed class = 1
	confirmed   class = unconfirmed + kinds
	established class = confirmed + kinds
	tcpClosing  class = established + kinds
	tcpClosed   class = tcpClosing + 1
	classes     class = tcpClosed + 1
)

// Kinds of flows.
const (
	kindTCP = iota
	kindUDP
	kindICMP
	kindOther
	kinds
)

// evictable lists the classes whose flows may have to make room: all that are
// not assured.
var evictable = [...]class{
	tcpClosed, established + kindICMP,
	unconfirmed + kindTCP, unconfirmed + kindUDP, unconfirmed + kindICMP, unconfirmed + kindOther,
	confirmed + kindTCP, confirmed + kindUDP, confirmed + kindICMP, confirmed + kindOther,
}

func (t Timeouts) nanos() (n [classes]int64) {
	d := DefaultTimeouts
	set := func(c class, value, def time.Duration) {
		if value <= 0 {
			value = def
		}
		n[c] = int64(value)
	}
	stage := func(c class, value, def Durations) {
		set(c+kindTCP, value.TCP, def.TCP)
		set(c+kindUDP, value.UDP, def.UDP)
		set(c+kindICMP, value.ICMP, def.ICMP)
		set(c+kindOther, value.Other, def.Other)
	}
	stage(unconfirmed, t.Unconfirmed, d.Unconfirmed)
	stage(confirmed, t.Confirmed, d.Confirmed)
	stage(established, t.Established, d.Established)
	set(tcpClosing, t.TCPClosing, d.TCPClosing)
	set(tcpClosed, t.TCPClosed, d.TCPClosed)
	return n
}

// kindOf is the kind of a flow.
func kindOf(t *packet.Tuple) int {
	switch t.Proto {
	case wire.ProtoTCP:
		return kindTCP
	case wire.ProtoUDP:
		return kindUDP
	case wire.ProtoICMP, wire.ProtoICMP6:
		return kindICMP
	}
	return kindOther
}
