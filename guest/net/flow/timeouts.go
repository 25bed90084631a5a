package flow

import (
	"time"

	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// Timeouts say how long a flow lives after its last datagram.
type Timeouts struct {
	// TCPOpening is for a handshake under way.
	TCPOpening time.Duration
	// TCPEstablished should be above two hours (RFC 5382 REQ-5).
	TCPEstablished time.Duration
	// TCPClosing is for a connection closed by one side.
	TCPClosing time.Duration
	// TCPClosed is for a connection that was reset or closed by both sides.
	TCPClosed time.Duration
	// UDP is for a flow not assured, UDPAssured above two minutes otherwise
	// (RFC 4787 REQ-5).
	UDP, UDPAssured time.Duration
	ICMP            time.Duration
	// Other is for protocols without ports.
	Other, OtherAssured time.Duration
}

// DefaultTimeouts are used for fields that are 0.
var DefaultTimeouts = Timeouts{
	TCPOpening:     60 * time.Second,
	TCPEstablished: 2*time.Hour + 4*time.Minute,
	TCPClosing:     4 * time.Minute,
	TCPClosed:      30 * time.Second,
	UDP:            30 * time.Second,
	UDPAssured:     3 * time.Minute,
	ICMP:           30 * time.Second,
	Other:          60 * time.Second,
	OtherAssured:   10 * time.Minute,
}

// A class is a set of flows with one timeout and one claim to stay. Its flows
// are kept in the order of their last datagram, which so is the order in
// which they expire.
type class = int

const (
	free class = iota
	tcpOpening
	tcpEstablished
	tcpClosing
	tcpClosed
	udp
	udpAssured
	icmp
	other
	otherAssured
	classes
)

// evictable lists the classes whose flows may have to make room.
var evictable = [...]class{tcpClosed, tcpOpening, udp, icmp, other}

func (t Timeouts) nanos() (n [classes]int64) {
	d := DefaultTimeouts
	set := func(c class, value, def time.Duration) {
		if value <= 0 {
			value = def
		}
		n[c] = int64(value)
	}
	set(tcpOpening, t.TCPOpening, d.TCPOpening)
	set(tcpEstablished, t.TCPEstablished, d.TCPEstablished)
	set(tcpClosing, t.TCPClosing, d.TCPClosing)
	set(tcpClosed, t.TCPClosed, d.TCPClosed)
	set(udp, t.UDP, d.UDP)
	set(udpAssured, t.UDPAssured, d.UDPAssured)
	set(icmp, t.ICMP, d.ICMP)
	set(other, t.Other, d.Other)
	set(otherAssured, t.OtherAssured, d.OtherAssured)
	return n
}

// classOf is the class of a flow that is not TCP.
func classOf(t packet.Tuple, assured bool) class {
	switch {
	case t.Proto == wire.ProtoICMP:
		return icmp
	case t.Proto == wire.ProtoUDP && assured:
		return udpAssured
	case t.Proto == wire.ProtoUDP:
		return udp
	case assured:
		return otherAssured
	}
	return other
}
