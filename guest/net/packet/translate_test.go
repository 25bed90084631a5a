package packet_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"tender/guest/net/nettest"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

var ether = nettest.Ether{Dst: wire.MAC{2, 1}, Src: wire.MAC{2, 2}}

func parse(t testing.TB, frame []byte) *packet.Packet {
	t.Helper()
	p := new(packet.Packet)
	var err error
	if wire.Ethernet(frame).Type() == wire.TypeIPv6 {
		var ip wire.IPv6
		if ip, err = wire.ParseIPv6(frame[wire.EthernetLen:]); err == nil {
			err = p.Parse6(frame, ip)
		}
	} else {
		var ip wire.IPv4
		if ip, err = wire.ParseIPv4(frame[wire.EthernetLen:]); err == nil {
			err = p.Parse(frame, ip)
		}
	}
	if err != nil {
		t.Fatalf("% x: %v", frame, err)
	}
	return p
}

// maker makes random datagrams of one family.
type maker struct {
	rng *rand.Rand
	six bool
}

func (m maker) addr() wire.Addr {
	if m.six {
		return wire.Addr{Hi: 0x20010db8<<32 | m.rng.Uint64N(1<<32), Lo: m.rng.Uint64()}
	}
	return wire.From4(wire.Addr4(m.rng.Uint32()))
}

func (m maker) port() uint16 { return uint16(m.rng.Uint32()) }

// datagram makes a frame: TCP, UDP (with and without checksum), echo, an
// error, or a protocol without ports.
func (m maker) datagram(kind int) []byte {
	src, dst := m.addr(), m.addr()
	data := make([]byte, m.rng.IntN(40))
	for i := range data {
		data[i] = byte(m.rng.Uint32())
	}
	segment := nettest.Segment{SrcPort: m.port(), DstPort: m.port(), Flags: wire.TCPAck, Seq: m.rng.Uint32(), Data: data}
	if m.six {
		ip := nettest.IP6{Src: src, Dst: dst}
		switch kind {
		case 0:
			return nettest.TCP6(ether, ip, segment)
		case 1, 2:
			return nettest.UDP6(ether, ip, m.port(), m.port(), data)
		case 3:
			return nettest.Echo6(ether, ip, wire.ICMP6EchoRequest, m.port(), 1, data)
		case 4:
			quoted := m.datagram(m.rng.IntN(4))[wire.EthernetLen:]
			return nettest.ICMP6(ether, ip, wire.ICMP6Unreachable, 0, 0, quoted)
		}
		return nettest.Datagram6(ether, ip, 47, data)
	}
	ip := nettest.IP{Src: src.As4(), Dst: dst.As4()}
	switch kind {
	case 0:
		return nettest.TCP(ether, ip, segment)
	case 1:
		return nettest.UDP(ether, ip, m.port(), m.port(), data)
	case 2:
		b := nettest.UDPPayload(ip, m.port(), m.port(), data)
		b[6], b[7] = 0, 0
		return nettest.Datagram(ether, ip, wire.ProtoUDP, b)
	case 3:
		return nettest.Echo(ether, ip, wire.ICMPEchoRequest, m.port(), 1, data)
	case 4:
		quoted := m.datagram(m.rng.IntN(4))[wire.EthernetLen:]
		if m.rng.IntN(2) == 0 { // as little as a router may quote
			quoted = quoted[:wire.IPv4MinLen+8]
		}
		return nettest.ICMP(ether, ip, wire.ICMPUnreachable, 3, 0, quoted)
	}
	return nettest.Datagram(ether, ip, 47, data)
}

// TestTranslate rewrites random datagrams and compares with what they say
// afterwards; the checksums must be right as if computed anew.
func TestTranslate(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for i := range 20000 {
		m := maker{rng, i%2 == 1}
		frame := m.datagram(rng.IntN(6))
		p := parse(t, frame)
		was := p.Tuple
		p.SetSrc(m.addr(), m.port())
		p.SetDst(m.addr(), m.port())
		if p.IsError() {
			to := p.Quoted
			to.Src, to.Dst = m.addr(), m.addr()
			if to.HasPorts() {
				to.SrcPort, to.DstPort = m.port(), m.port()
				if to.HasID() {
					to.DstPort = to.SrcPort
				}
			}
			p.SetQuoted(to)
			if got := parse(t, frame).Quoted; got != to {
				t.Fatalf("quoted %v, want %v", got, to)
			}
			quoted := nettest.ICMP6(ether, nettest.IP6{}, 0, 0, 0, nil) // any frame
			body := p.ICMP.Body
			if p.ICMP6 != nil {
				body = p.ICMP6.Body
			}
			quoted = append(quoted[:12], []byte{8, 0}...)
			if p.IP6 != nil {
				quoted = append(quoted[:12], 0x86, 0xdd)
			}
			quoted = append(quoted, body()...)
			if len(body()) > wire.IPv4MinLen+8 {
				if err := nettest.CheckFrame(quoted); err != nil {
					t.Fatalf("quoted % x: %v", quoted, err)
				}
			}
		}
		if err := nettest.CheckFrame(frame); err != nil {
			t.Fatalf("%v to %v: % x: %v", was, p.Tuple, frame, err)
		}
		got := parse(t, frame).Tuple
		want := p.Tuple
		if !want.HasPorts() || p.IsError() {
			want.SrcPort, want.DstPort = 0, 0 // nowhere to be written
		}
		if got != want {
			t.Fatalf("%v became %v, want %v", was, got, want)
		}
	}
}

// TestZeroChecksumStays checks the one checksum that means there is none, and
// the one that must not come out as if there were none.
func TestZeroChecksumStays(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	m := maker{rng: rng}
	p := parse(t, m.datagram(2))
	p.SetSrc(m.addr(), m.port())
	if p.UDP.Checksum() != 0 {
		t.Errorf("checksum %#x, want none", p.UDP.Checksum())
	}
	for range 200000 {
		p := parse(t, m.datagram(1))
		p.SetDst(m.addr(), m.port())
		if p.UDP.Checksum() == 0 {
			t.Fatal("a checksum came out as 0")
		}
	}
}

func TestNAT(t *testing.T) {
	m := maker{rng: rand.New(rand.NewPCG(3, 4))}
	a := m.addr()
	p := parse(t, m.datagram(0))
	p.State = packet.New
	was := p.Tuple
	if p.DNAT(a, 0) != packet.Accept || p.Tuple.Dst != a || p.Tuple.DstPort != was.DstPort {
		t.Errorf("address: %v", p.Tuple)
	}
	if p.DNAT(wire.Addr{}, 99) != packet.Accept || p.Tuple.Dst != a || p.Tuple.DstPort != 99 {
		t.Errorf("port: %v", p.Tuple)
	}
	if p.SNAT(a, 98) != packet.Accept || p.Tuple.Src != a || p.Tuple.SrcPort != 98 {
		t.Errorf("both: %v", p.Tuple)
	}
	if p.DNAT(wire.Addr{Hi: 1}, 0) != packet.Drop {
		t.Error("IPv4 was sent to IPv6")
	}
	if p.Original != was {
		t.Errorf("original is %v, want %v", p.Original, was)
	}
	p.Known, p.Translated, p.Target = true, true, was
	if p.DNAT(a, 1); p.Tuple.Dst != was.Dst || p.Tuple.DstPort != was.DstPort {
		t.Errorf("a known flow went to %v", p.Tuple)
	}
	e := parse(t, m.datagram(3))
	e.State = packet.New
	id := e.Tuple.SrcPort
	if e.DNAT(a, 5); e.Tuple.SrcPort != id || e.Tuple.Dst != a {
		t.Errorf("an echo request became %v", e.Tuple)
	}
	r := parse(t, m.datagram(4))
	r.State = packet.Related
	before := bytes.Clone(r.Frame)
	if r.DNAT(a, 5); !bytes.Equal(before, r.Frame) {
		t.Error("an error was translated by a rule")
	}
}

// FuzzParse6 takes any IPv6 datagram apart, and translates what was accepted.
func FuzzParse6(f *testing.F) {
	for _, six := range []bool{true, false} {
		m := maker{rand.New(rand.NewPCG(5, 6)), six}
		for kind := range 6 {
			f.Add(m.datagram(kind)[wire.EthernetLen:])
		}
	}
	ip := nettest.IP6{Src: wire.Addr{Hi: 1}, Dst: wire.Addr{Hi: 2}}
	f.Add(nettest.Fragment6(ether, ip, 17, nettest.UDPPayload6(ip, 1, 2, make([]byte, 8)), 0, true, 7)[wire.EthernetLen:])
	f.Add(nettest.Datagram6(ether, ip, wire.ExtHopByHop, append([]byte{6, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 40)...))[wire.EthernetLen:])
	f.Fuzz(func(t *testing.T, b []byte) {
		frame := append(make([]byte, wire.EthernetLen), b...)
		ip, err := wire.ParseIPv6(frame[wire.EthernetLen:])
		var p packet.Packet
		if err != nil || p.Parse6(frame, ip) != nil {
			return
		}
		if p.Fragment == packet.LaterFragment && (p.TCP != nil || p.UDP != nil || p.ICMP6 != nil) {
			t.Error("a later fragment has a transport header")
		}
		was := p.Tuple
		to := was.Invert()
		p.SetSrc(to.Src, to.SrcPort)
		p.SetDst(to.Dst, to.DstPort)
		if p.IsError() {
			p.SetQuoted(p.Quoted.Invert())
		}
		if ip.Src() != to.Src || ip.Dst() != to.Dst {
			t.Errorf("%v became %v > %v", was, ip.Src(), ip.Dst())
		}
		p.FragmentAt()
	})
}
