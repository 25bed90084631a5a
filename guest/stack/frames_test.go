package stack

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// crafted makes frames from 02:00:00:00:00:02 to 02:00:00:00:00:01.
type crafted struct{}

func (crafted) ethernet(kind uint16, payload []byte) []byte {
	frame := []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}
	return append(binary.BigEndian.AppendUint16(frame, kind), payload...)
}

func (c crafted) ip(from, to netip.Addr, protocol uint8, fragment uint16, id uint16, payload []byte) []byte {
	src, dst := toAddress(from), toAddress(to)
	if from.Is6() {
		b := make([]byte, header.IPv6MinimumSize, header.IPv6MinimumSize+len(payload))
		header.IPv6(b).Encode(&header.IPv6Fields{PayloadLength: uint16(len(payload)), HopLimit: 255, SrcAddr: src, DstAddr: dst})
		b[6] = protocol
		return c.ethernet(0x86dd, append(b, payload...))
	}
	b := make([]byte, header.IPv4MinimumSize, header.IPv4MinimumSize+len(payload))
	h := header.IPv4(b)
	h.Encode(&header.IPv4Fields{TotalLength: uint16(len(b) + len(payload)), TTL: 64, Protocol: protocol, ID: id, SrcAddr: src, DstAddr: dst})
	binary.BigEndian.PutUint16(b[6:], fragment)
	h.SetChecksum(0)
	h.SetChecksum(^h.CalculateChecksum())
	return c.ethernet(0x0800, append(b, payload...))
}

func (c crafted) tcp(from, to netip.AddrPort, flags header.TCPFlags, seq uint32) []byte {
	b := header.TCP(make([]byte, header.TCPMinimumSize))
	b.Encode(&header.TCPFields{SrcPort: from.Port(), DstPort: to.Port(), SeqNum: seq, DataOffset: header.TCPMinimumSize, Flags: flags, WindowSize: 65535})
	b.SetChecksum(^b.CalculateChecksum(header.PseudoHeaderChecksum(6, toAddress(from.Addr()), toAddress(to.Addr()), uint16(len(b)))))
	return c.ip(from.Addr(), to.Addr(), 6, 0, 0, b)
}

func (c crafted) udp(from, to netip.AddrPort, payload []byte) []byte {
	b := header.UDP(make([]byte, header.UDPMinimumSize+len(payload)))
	b.Encode(&header.UDPFields{SrcPort: from.Port(), DstPort: to.Port(), Length: uint16(len(b))})
	copy(b.Payload(), payload)
	sum := header.PseudoHeaderChecksum(17, toAddress(from.Addr()), toAddress(to.Addr()), uint16(len(b)))
	b.SetChecksum(^b.CalculateChecksum(checksum.Checksum(payload, sum)))
	return c.ip(from.Addr(), to.Addr(), 17, 0, 0, b)
}

// icmp6 is a message that neighbours send: with hop limit 255.
func (c crafted) icmp6(from, to netip.Addr, message []byte) []byte {
	b := header.ICMPv6(bytes.Clone(message))
	b.SetChecksum(0)
	b.SetChecksum(header.ICMPv6Checksum(header.ICMPv6ChecksumParams{Header: b, Src: toAddress(from), Dst: toAddress(to)}))
	return c.ip(from, to, 58, 0, 0, b)
}

// host4 is one of 2^16 hosts, most of them beyond the gateway.
func host4(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i) | 2}) }

func host6(i int) netip.Addr {
	a := netip.MustParseAddr("2001:db8::1:0").As16()
	binary.BigEndian.PutUint32(a[12:], uint32(0x10000+i))
	return netip.AddrFrom16(a)
}
