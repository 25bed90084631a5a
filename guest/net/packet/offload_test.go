package packet_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"tender/guest/net/nettest"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

func TestMissing(t *testing.T) {
	ip := nettest.IP{Src: nettest.Addr("10.0.0.1"), Dst: nettest.Addr("10.0.0.2")}
	ip6 := nettest.IP6{Src: nettest.Addr6("2001:db8::1"), Dst: nettest.Addr6("2001:db8::2")}
	tcp := nettest.TCP(ether, ip, nettest.Segment{Flags: wire.TCPAck, Data: make([]byte, 10)})
	udp := nettest.UDP(ether, ip, 1, 2, nil)
	udp6 := nettest.UDP6(ether, ip6, 1, 2, make([]byte, 10))
	options := nettest.Datagram6(ether, ip6, wire.ExtDestination, append([]byte{wire.ProtoUDP, 0, 1, 4, 0, 0, 0, 0}, udp6[54:]...))
	for _, c := range []struct {
		name          string
		frame         []byte
		start, offset int
		want          packet.Missing
	}{
		{"none", tcp, 0, 99, packet.MissingNone},
		{"TCP", tcp, 34, 16, packet.MissingTransport},
		{"UDP", udp, 34, 6, packet.MissingTransport},
		{"UDP over IPv6", udp6, 54, 6, packet.MissingTransport},
		{"behind an extension", options, 62, 6, packet.MissingTransport},
		{"in front of it", options, 54, 6, packet.MissingElsewhere},
		{"TCP at UDP's place", tcp, 34, 6, packet.MissingElsewhere},
		{"in the data", tcp, 54, 4, packet.MissingElsewhere},
		{"with a tag", nettest.Tag(tcp, 3), 38, 16, packet.MissingElsewhere},
		{"ICMP", nettest.Echo(ether, ip, 8, 1, 1, nil), 34, 2, packet.MissingElsewhere},
		{"no datagram", tcp[:20], 14, 2, packet.MissingElsewhere},
		{"at the end", tcp, 34, len(tcp) - 36, packet.MissingElsewhere},
		{"beyond the end", tcp, 34, len(tcp) - 35, packet.MissingNonsense},
		{"Ethernet header", tcp, 13, 16, packet.MissingNonsense},
		{"behind", tcp, len(tcp) + 1, 0, packet.MissingNonsense},
		{"before", tcp, -1, 0, packet.MissingNonsense},
		{"place before", tcp, 34, -1, packet.MissingNonsense},
		{"fragment", nettest.Fragment(ether, ip, wire.ProtoUDP, make([]byte, 40), 0, true), 34, 6, packet.MissingNonsense},
		{"IPv6 fragment", nettest.Fragment6(ether, ip6, wire.ProtoUDP, make([]byte, 40), 0, true, 1), 62, 6, packet.MissingNonsense},
	} {
		o := packet.Offload{ChecksumStart: c.start, ChecksumOffset: c.offset}
		if got := o.Missing(c.frame); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// TestOffloadTranslation translates datagrams without checksums, and completes
// them then.
func TestOffloadTranslation(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	for i := range 4000 {
		m := maker{rng, i%2 == 1}
		src, dst := m.addr(), m.addr()
		data := make([]byte, rng.IntN(50))
		var frame []byte
		switch g := (nettest.Segment{Flags: wire.TCPAck, Data: data}); {
		case m.six && i%4 < 2:
			frame = nettest.TCP6(ether, nettest.IP6{Src: src, Dst: dst}, g)
		case m.six:
			frame = nettest.UDP6(ether, nettest.IP6{Src: src, Dst: dst}, m.port(), m.port(), data)
		case i%4 < 2:
			frame = nettest.TCP(ether, nettest.IP{Src: src.As4(), Dst: dst.As4()}, g)
		default:
			frame = nettest.UDP(ether, nettest.IP{Src: src.As4(), Dst: dst.As4()}, m.port(), m.port(), data)
		}
		start, offset := nettest.Partial(frame)
		p := new(packet.Packet)
		p.SetOffload(packet.Offload{ChecksumStart: start, ChecksumOffset: offset})
		var err error
		if m.six {
			err = p.Parse6(frame, wire.IPv6(frame[wire.EthernetLen:]))
		} else {
			err = p.Parse(frame, wire.IPv4(frame[wire.EthernetLen:]))
		}
		if err != nil {
			t.Fatal(err)
		}
		p.SetSrc(m.addr(), m.port())
		p.SetDst(m.addr(), m.port())
		if err := nettest.CheckPartial(frame, start, offset); err != nil {
			t.Fatalf("% x: %v", frame, err)
		}
		p.Offload.Complete(frame)
		moved := bytes.Clone(frame)
		p.Finished(moved)
		p.SetDst(m.addr(), m.port())
		if err := nettest.CheckFrame(moved); err != nil {
			t.Fatalf("% x: %v", frame, err)
		}
		if !p.Offload.IsZero() || &p.Frame[0] != &moved[0] || p.Longest() != len(moved)-wire.EthernetLen {
			t.Fatalf("%+v is not finished", p)
		}
	}
}

// FuzzOffload offers anything for any frame.
func FuzzOffload(f *testing.F) {
	ip := nettest.IP{Src: nettest.Addr("10.0.0.1"), Dst: nettest.Addr("10.0.0.2")}
	tcp := nettest.TCP(ether, ip, nettest.Segment{Flags: wire.TCPAck, Data: make([]byte, 10)})
	f.Add(tcp, 34, 16, 0)
	f.Add(tcp[:54], 34, 16, 10)
	f.Add(nettest.Tag(tcp, 5), 38, 6, 1)
	f.Add(nettest.Fragment6(ether, nettest.IP6{}, 6, tcp[34:], 0, true, 1), 62, 16, 0)
	f.Fuzz(func(t *testing.T, frame []byte, start, offset, rest int) {
		if len(frame) < wire.EthernetLen || rest < 0 || rest > 1<<16 {
			return
		}
		o := packet.Offload{ChecksumStart: start, ChecksumOffset: offset}
		switch o.Missing(frame) {
		case packet.MissingTransport:
			if n := o.Headers(frame, len(frame)+rest); n != 0 && (n < start+wire.TCPMinLen || n > len(frame)) {
				t.Errorf("headers of %d bytes in %d, TCP is at %d", n, len(frame), start)
			}
			fallthrough
		case packet.MissingElsewhere:
			before := bytes.Clone(frame)
			o.Complete(frame)
			copy(frame[start+offset:], before[start+offset:start+offset+2])
			if !bytes.Equal(frame, before) {
				t.Error("more than the checksum is changed")
			}
		}
	})
}
