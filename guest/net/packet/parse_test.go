package packet

import (
	"encoding/binary"
	"testing"

	"tender/guest/net/wire"
)

// datagram makes a frame that carries payload; word is the flags-and-offset
// word of its IP header.
func datagram(proto uint8, word uint16, payload []byte) ([]byte, wire.IPv4) {
	frame := make([]byte, wire.EthernetLen+wire.IPv4MinLen+len(payload))
	ip := wire.IPv4(frame[wire.EthernetLen:])
	copy(ip[wire.IPv4MinLen:], payload)
	ip.SetHeader(wire.IPv4Fields{TotalLen: len(ip), TTL: 64, Protocol: proto, Src: 0x0a000001, Dst: 0xc0a80002})
	binary.BigEndian.PutUint16(ip[6:], word)
	ip.SetFragment(ip.FragmentOffset(), ip.MoreFragments(), len(ip))
	return frame, ip
}

func tcp(flags byte, goodChecksum bool) []byte {
	b := make([]byte, wire.TCPMinLen)
	binary.BigEndian.PutUint16(b, 1000)
	binary.BigEndian.PutUint16(b[2:], 80)
	b[12], b[13] = 5<<4, flags
	if goodChecksum {
		sum := wire.Sum(b, wire.PseudoSum(0x0a000001, 0xc0a80002, wire.ProtoTCP, len(b)))
		binary.BigEndian.PutUint16(b[16:], ^sum)
	}
	return b
}

func udp(length uint16) []byte {
	b := make([]byte, 16)
	binary.BigEndian.PutUint16(b, 5000)
	binary.BigEndian.PutUint16(b[2:], 53)
	binary.BigEndian.PutUint16(b[4:], length)
	return b
}

func icmp(icmpType uint8, body []byte) []byte {
	b := append(make([]byte, wire.ICMPLen), body...)
	wire.ICMP(b).SetHeader(icmpType, 0, 7<<16)
	return b
}

func quote(proto uint8, payload []byte) []byte {
	_, ip := datagram(proto, 0, payload)
	return ip
}

func TestParse(t *testing.T) {
	const mf = 0x2000
	for _, c := range []struct {
		name    string
		proto   uint8
		word    uint16
		payload []byte
		err     error
		sport   uint16
		pos     Fragment
	}{
		{"tcp syn", 6, 0, tcp(wire.TCPSyn, true), nil, 1000, Whole},
		{"tcp ack, checksum not needed", 6, 0, tcp(wire.TCPAck, false), nil, 1000, Whole},
		{"tcp syn, wrong checksum", 6, 0, tcp(wire.TCPSyn, false), ErrTransportChecksum, 0, Whole},
		{"tcp short", 6, 0, tcp(wire.TCPSyn, true)[:19], ErrTransport, 0, Whole},
		{"tcp no flags", 6, 0, tcp(0, true), ErrTransport, 0, Whole},
		{"tcp syn fin", 6, 0, tcp(wire.TCPSyn|wire.TCPFin, true), ErrTransport, 0, Whole},
		{"tcp syn rst", 6, 0, tcp(wire.TCPSyn|wire.TCPRst, true), ErrTransport, 0, Whole},
		{"tcp xmas", 6, 0, tcp(0xff, true), ErrTransport, 0, Whole},
		{"tcp fin without ack", 6, 0, tcp(wire.TCPFin, true), ErrTransport, 0, Whole},
		{"tcp doff 4", 6, 0, func() []byte { b := tcp(wire.TCPAck, true); b[12] = 4 << 4; return b }(), ErrTransport, 0, Whole},
		{"tcp doff beyond", 6, 0, func() []byte { b := tcp(wire.TCPAck, true); b[12] = 6 << 4; return b }(), ErrTransport, 0, Whole},
		{"udp", 17, 0, udp(16), nil, 5000, Whole},
		{"udp shorter than ip", 17, 0, udp(10), nil, 5000, Whole},
		{"udp length 7", 17, 0, udp(7), ErrTransport, 0, Whole},
		{"udp length beyond", 17, 0, udp(17), ErrTransport, 0, Whole},
		{"udp short", 17, 0, udp(16)[:7], ErrTransport, 0, Whole},
		{"udp first fragment", 17, mf, udp(4000), nil, 5000, FirstFragment},
		{"udp later fragment", 17, 100, udp(7), nil, 0, LaterFragment},
		{"tcp first fragment without header", 6, mf, tcp(wire.TCPSyn, true)[:16], ErrTransport, 0, FirstFragment},
		{"fragment of odd length", 17, mf, udp(4000)[:13], ErrFragment, 0, Whole},
		{"fragment without data", 17, 5, nil, ErrFragment, 0, Whole},
		{"fragment beyond 65535", 17, 0x1fff, udp(4000), ErrFragment, 0, Whole},
		{"echo request", 1, 0, icmp(8, nil), nil, 7, Whole},
		{"icmp short", 1, 0, icmp(8, nil)[:7], ErrTransport, 0, Whole},
		{"icmp wrong checksum", 1, 0, func() []byte { b := icmp(8, nil); b[2] ^= 1; return b }(), ErrTransportChecksum, 0, Whole},
		{"error with quote", 1, 0, icmp(3, quote(17, udp(16))), nil, 0, Whole},
		{"error without quote", 1, 0, icmp(3, nil), ErrTransport, 0, Whole},
		{"error with 7 quoted bytes", 1, 0, icmp(3, quote(17, udp(16)[:7])), ErrTransport, 0, Whole},
		{"error about another protocol, short", 1, 0, icmp(3, quote(253, []byte{1, 2})), nil, 0, Whole},
		{"error about an error", 1, 0, icmp(3, quote(1, icmp(11, quote(17, udp(16))))), ErrTransport, 0, Whole},
		{"error in fragments", 1, mf, icmp(3, quote(17, udp(16)))[:48], ErrTransport, 0, FirstFragment},
		{"other protocol", 47, 0, []byte{1}, nil, 0, Whole},
	} {
		frame, ip := datagram(c.proto, c.word, c.payload)
		var p Packet
		err := p.Parse(frame, ip)
		if err != c.err {
			t.Errorf("%s: error %v, want %v", c.name, err, c.err)
			continue
		}
		if err == nil && (p.Tuple.SrcPort != c.sport || p.Fragment != c.pos) {
			t.Errorf("%s: port %d fragment %d, want %d %d", c.name, p.Tuple.SrcPort, p.Fragment, c.sport, c.pos)
		}
	}
}

func TestQuotedTuple(t *testing.T) {
	frame, ip := datagram(1, 0, icmp(3, quote(17, udp(16))))
	var p Packet
	if err := p.Parse(frame, ip); err != nil {
		t.Fatal(err)
	}
	want := Tuple{Src: wire.From4(0x0a000001), Dst: wire.From4(0xc0a80002), SrcPort: 5000, DstPort: 53, Proto: 17}
	if p.Quoted != want {
		t.Errorf("quoted %v, want %v", p.Quoted, want)
	}
}

func TestInvertTwice(t *testing.T) {
	for icmpType := range uint16(256) {
		for _, proto := range []uint16{1, 6, 17, 47, 58} {
			a := Tuple{wire.From4(1), wire.From4(2), 3, 4, proto, icmpType}
			if got := a.Invert().Invert(); got != a {
				t.Errorf("%v inverted twice is %v", a, got)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, b := range [][]byte{tcp(wire.TCPSyn, true), udp(16), icmp(8, nil), icmp(3, quote(17, udp(16)))} {
		f.Add(uint8(6), uint16(0), b)
		f.Add(uint8(17), uint16(0x2000), b)
		f.Add(uint8(1), uint16(3), b)
	}
	f.Fuzz(func(t *testing.T, proto uint8, word uint16, payload []byte) {
		if len(payload) > 60000 {
			return
		}
		frame, ip := datagram(proto, word&0x3fff, payload)
		var p Packet
		if p.Parse(frame, ip) != nil {
			return
		}
		if p.TCP != nil && p.Tuple.SrcPort != p.TCP.SrcPort() {
			t.Error("tuple and header differ")
		}
		if (p.Fragment == LaterFragment) && (p.TCP != nil || p.ICMP != nil) {
			t.Error("a later fragment has a transport header")
		}
	})
}
