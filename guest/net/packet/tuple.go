package packet

import (
	"fmt"

	"tender/guest/net/bounded"
	"tender/guest/net/wire"
)

// Tuple names one direction of a flow. It has no padding, and so hashes as
// one piece of memory.
type Tuple struct {
	Src, Dst wire.Addr
	// SrcPort and DstPort are 0 for protocols without ports. For an ICMP query
	// or reply both are its identifier.
	SrcPort, DstPort uint16
	Proto            uint16
	// ICMPType is 0 for protocols other than ICMP and ICMPv6.
	ICMPType uint16
}

// HashTuple is the hash of a tuple in a bounded.Index.
func HashTuple(s *bounded.Seed, t Tuple) uint64 {
	return s.Hash5(t.Src.Lo, t.Dst.Lo, t.Src.Hi, t.Dst.Hi,
		uint64(t.SrcPort)<<48|uint64(t.DstPort)<<32|uint64(t.Proto)<<16|uint64(t.ICMPType))
}

// Invert returns the tuple of an answer.
func (t Tuple) Invert() Tuple {
	t.Src, t.Dst = t.Dst, t.Src
	t.SrcPort, t.DstPort = t.DstPort, t.SrcPort
	switch t.Proto {
	case wire.ProtoICMP:
		t.ICMPType = invertType(t.ICMPType)
	case wire.ProtoICMP6:
		if t.ICMPType == wire.ICMP6EchoRequest || t.ICMPType == wire.ICMP6EchoReply {
			t.ICMPType ^= wire.ICMP6EchoRequest ^ wire.ICMP6EchoReply
		}
	}
	return t
}

func invertType(icmpType uint16) uint16 {
	switch icmpType {
	case wire.ICMPEchoRequest:
		return wire.ICMPEchoReply
	case wire.ICMPEchoReply:
		return wire.ICMPEchoRequest
	case wire.ICMPTimestamp:
		return wire.ICMPTimestampReply
	case wire.ICMPTimestampReply:
		return wire.ICMPTimestamp
	}
	return icmpType
}

// BeginsFlow reports whether a datagram with this tuple may be the first of a
// flow; for ICMP only queries may. TCP has conditions of its own.
func (t Tuple) BeginsFlow() bool {
	switch t.Proto {
	case wire.ProtoICMP:
		return t.ICMPType == wire.ICMPEchoRequest || t.ICMPType == wire.ICMPTimestamp
	case wire.ProtoICMP6:
		return t.ICMPType == wire.ICMP6EchoRequest
	}
	return true
}

// HasPorts reports that the ports, or the identifier in their place, mean
// something.
func (t Tuple) HasPorts() bool {
	return t.Proto == wire.ProtoTCP || t.Proto == wire.ProtoUDP || t.HasID()
}

// HasID reports an ICMP query or reply.
func (t Tuple) HasID() bool { return t.Proto == wire.ProtoICMP || t.Proto == wire.ProtoICMP6 }

// String is for messages to people.
func (t Tuple) String() string {
	return fmt.Sprintf("proto %d %v:%d > %v:%d type %d", t.Proto, t.Src, t.SrcPort, t.Dst, t.DstPort, t.ICMPType)
}
