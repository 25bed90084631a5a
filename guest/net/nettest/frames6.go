package nettest

import "tender/guest/net/wire"

// IP6 are the parts of an IPv6 header that tests choose. A HopLimit of 0
// means 64.
type IP6 struct {
	Src, Dst wire.Addr
	HopLimit uint8
}

// Addr6 is wire.ParseAddr for addresses known to be right.
func Addr6(s string) wire.Addr {
	a, err := wire.ParseAddr(s)
	if err != nil {
		panic(err)
	}
	return a
}

// Prefix6 is wire.ParsePrefix for networks known to be right.
func Prefix6(s string) wire.Prefix {
	p, err := wire.ParsePrefix(s)
	if err != nil {
		panic(err)
	}
	return p
}

// Datagram6 makes a frame with an IPv6 datagram; next is the protocol of
// payload, or the first of its extension headers.
func Datagram6(e Ether, ip IP6, next uint8, payload []byte) []byte {
	frame := make([]byte, wire.EthernetLen+wire.IPv6Len+len(payload))
	wire.Ethernet(frame).SetHeader(e.Dst, e.Src, wire.TypeIPv6)
	if ip.HopLimit == 0 {
		ip.HopLimit = 64
	}
	d := wire.IPv6(frame[wire.EthernetLen:])
	d.SetHeader(0, next, ip.HopLimit, len(payload), ip.Src, ip.Dst)
	copy(d.Payload(), payload)
	return frame
}

// Fragment6 makes a frame with a fragment; offset is in bytes.
func Fragment6(e Ether, ip IP6, proto uint8, payload []byte, offset int, more bool, id uint32) []byte {
	h := []byte{proto, 0, byte(offset >> 8), byte(offset), byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)}
	if more {
		h[3] |= 1
	}
	return Datagram6(e, ip, wire.ExtFragment, append(h, payload...))
}

// TCP6 makes a frame with a segment without options.
func TCP6(e Ether, ip IP6, s Segment) []byte {
	b := append(make(wire.TCP, wire.TCPMinLen), s.Data...)
	b.SetHeader(wire.TCPFields{SrcPort: s.SrcPort, DstPort: s.DstPort, Seq: s.Seq, Ack: s.Ack, Flags: s.Flags, Window: s.Window},
		wire.PseudoSum6(ip.Src, ip.Dst, wire.ProtoTCP, len(b)))
	return Datagram6(e, ip, wire.ProtoTCP, b)
}

// UDP6 makes a frame with a UDP datagram.
func UDP6(e Ether, ip IP6, srcPort, dstPort uint16, data []byte) []byte {
	return Datagram6(e, ip, wire.ProtoUDP, UDPPayload6(ip, srcPort, dstPort, data))
}

// UDPPayload6 makes a UDP header and data.
func UDPPayload6(ip IP6, srcPort, dstPort uint16, data []byte) []byte {
	b := append(make(wire.UDP, wire.UDPLen), data...)
	b.SetHeader(srcPort, dstPort, wire.PseudoSum6(ip.Src, ip.Dst, wire.ProtoUDP, len(b)))
	return b
}

// ICMP6 makes a frame with an ICMPv6 message.
func ICMP6(e Ether, ip IP6, icmpType, code uint8, rest uint32, body []byte) []byte {
	m := append(make(wire.ICMP6, wire.ICMPLen), body...)
	m.SetHeader(icmpType, code, rest, ip.Src, ip.Dst)
	return Datagram6(e, ip, wire.ProtoICMP6, m)
}

// Echo6 makes a frame with an echo request or reply.
func Echo6(e Ether, ip IP6, icmpType uint8, id, seq uint16, data []byte) []byte {
	return ICMP6(e, ip, icmpType, 0, uint32(id)<<16|uint32(seq), data)
}

// Neighbour makes a frame with a neighbour solicitation or advertisement.
func Neighbour(e Ether, ip IP6, icmpType uint8, flags uint32, target wire.Addr, mac wire.MAC) []byte {
	ip.HopLimit = 255
	m := make(wire.ICMP6, wire.NeighbourLen)
	m.SetNeighbour(icmpType, flags, target, mac, ip.Src, ip.Dst)
	return Datagram6(e, ip, wire.ProtoICMP6, m)
}

// Tag puts an 802.1Q tag into a frame.
func Tag(frame []byte, vlan uint16) []byte { return wire.AppendTagged(nil, frame, vlan) }
