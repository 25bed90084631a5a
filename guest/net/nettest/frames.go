// Package nettest makes frames for tests and checks the frames that the engine
// makes. Frames have right lengths and checksums; a test that wants a
// wrong one changes it afterwards.
package nettest

import (
	"encoding/binary"

	"tender/guest/net/wire"
)

// Ether are the addresses of a frame.
type Ether struct{ Dst, Src wire.MAC }

// IP are the parts of a datagram's header that tests choose. A TTL of 0 means
// 64.
type IP struct {
	Src, Dst wire.Addr4
	TTL      uint8
	ID       uint16
	DF       bool
}

// Segment is a TCP header.
type Segment struct {
	SrcPort, DstPort uint16
	Seq, Ack         uint32
	Flags            uint8
	Window           uint16
	// Options must have a length that is a multiple of 4.
	Options []byte
	Data    []byte
}

// Addr is wire.ParseAddr4 for addresses known to be right.
func Addr(s string) wire.Addr4 {
	a, err := wire.ParseAddr4(s)
	if err != nil {
		panic(err)
	}
	return a
}

// Prefix is wire.ParsePrefix4 for networks known to be right.
func Prefix(s string) wire.Prefix4 {
	p, err := wire.ParsePrefix4(s)
	if err != nil {
		panic(err)
	}
	return p
}

// Datagram makes a frame with a datagram that carries payload.
func Datagram(e Ether, ip IP, proto uint8, payload []byte) []byte {
	frame := make([]byte, wire.EthernetLen+wire.IPv4MinLen+len(payload))
	wire.Ethernet(frame).SetHeader(e.Dst, e.Src, wire.TypeIPv4)
	d := wire.IPv4(frame[wire.EthernetLen:])
	copy(d[wire.IPv4MinLen:], payload)
	if ip.TTL == 0 {
		ip.TTL = 64
	}
	d.SetHeader(wire.IPv4Fields{TotalLen: len(d), ID: ip.ID, TTL: ip.TTL, Protocol: proto, Src: ip.Src, Dst: ip.Dst})
	if ip.DF {
		d[6] |= 0x40
		d.SetFragment(0, false, len(d))
	}
	return frame
}

// Fragment makes a frame with a fragment; offset is in bytes.
func Fragment(e Ether, ip IP, proto uint8, payload []byte, offset int, more bool) []byte {
	frame := Datagram(e, ip, proto, payload)
	d := wire.IPv4(frame[wire.EthernetLen:])
	d.SetFragment(offset, more, len(d))
	return frame
}

// TCP makes a frame with a segment.
func TCP(e Ether, ip IP, s Segment) []byte {
	b := make([]byte, wire.TCPMinLen, wire.TCPMinLen+len(s.Options)+len(s.Data))
	binary.BigEndian.PutUint16(b[0:], s.SrcPort)
	binary.BigEndian.PutUint16(b[2:], s.DstPort)
	binary.BigEndian.PutUint32(b[4:], s.Seq)
	binary.BigEndian.PutUint32(b[8:], s.Ack)
	b[12] = byte(wire.TCPMinLen+len(s.Options)) / 4 << 4
	b[13] = s.Flags
	binary.BigEndian.PutUint16(b[14:], s.Window)
	b = append(append(b, s.Options...), s.Data...)
	sum := wire.Sum(b, wire.PseudoSum(ip.Src, ip.Dst, wire.ProtoTCP, len(b)))
	binary.BigEndian.PutUint16(b[16:], ^sum)
	return Datagram(e, ip, wire.ProtoTCP, b)
}

// UDPPayload makes a UDP header and data.
func UDPPayload(ip IP, srcPort, dstPort uint16, data []byte) []byte {
	b := make([]byte, wire.UDPLen, wire.UDPLen+len(data))
	binary.BigEndian.PutUint16(b[0:], srcPort)
	binary.BigEndian.PutUint16(b[2:], dstPort)
	binary.BigEndian.PutUint16(b[4:], uint16(wire.UDPLen+len(data)))
	b = append(b, data...)
	sum := ^wire.Sum(b, wire.PseudoSum(ip.Src, ip.Dst, wire.ProtoUDP, len(b)))
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(b[6:], sum)
	return b
}

// UDP makes a frame with a UDP datagram.
func UDP(e Ether, ip IP, srcPort, dstPort uint16, data []byte) []byte {
	return Datagram(e, ip, wire.ProtoUDP, UDPPayload(ip, srcPort, dstPort, data))
}

// Echo makes a frame with an echo request or reply.
func Echo(e Ether, ip IP, icmpType uint8, id, seq uint16, data []byte) []byte {
	return ICMP(e, ip, icmpType, 0, uint32(id)<<16|uint32(seq), data)
}

// ICMP makes a frame with an ICMP message.
func ICMP(e Ether, ip IP, icmpType, code uint8, rest uint32, body []byte) []byte {
	m := append(make(wire.ICMP, wire.ICMPLen), body...)
	m.SetHeader(icmpType, code, rest)
	return Datagram(e, ip, wire.ProtoICMP, m)
}

// ARP makes a frame with an ARP message; its Ethernet source is the sender.
func ARP(dst wire.MAC, op uint16, senderMAC wire.MAC, senderIP wire.Addr4, targetMAC wire.MAC, targetIP wire.Addr4) []byte {
	frame := make([]byte, wire.EthernetLen+wire.ARPLen)
	wire.Ethernet(frame).SetHeader(dst, senderMAC, wire.TypeARP)
	wire.ARP(frame[wire.EthernetLen:]).Set(op, senderMAC, senderIP, targetMAC, targetIP)
	return frame
}
