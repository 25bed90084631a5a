package engine

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"tender/guest/net/nettest"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// talk is a way on which TCP segments go there and back.
type talk struct {
	name        string
	change      func(*Config)
	from, to    host
	there, back func(nettest.Segment) []byte
}

// talkOf makes the segments of a talk over IPv4: there from ports 700 to port,
// back from port 80 to 700.
func talkOf(name string, change func(*Config), from, to host, dst, src wire.Addr4, port uint16, df bool) talk {
	make := func(h host, ip nettest.IP, a, b uint16) func(nettest.Segment) []byte {
		return func(s nettest.Segment) []byte {
			ip.DF = df
			ip.ID += 77
			s.SrcPort, s.DstPort = a, b
			return nettest.TCP(h.ether(), ip, s)
		}
	}
	return talk{name, change, from, to, make(from, nettest.IP{Src: from.ip, Dst: dst, ID: 65500}, 700, port),
		make(to, nettest.IP{Src: to.ip, Dst: src}, 80, 700)}
}

func talks(df bool) []talk {
	six := func(h host, src, dst wire.Addr, a, b uint16) func(nettest.Segment) []byte {
		return func(s nettest.Segment) []byte {
			s.SrcPort, s.DstPort = a, b
			return nettest.TCP6(h.ether(), to6(src, dst), s)
		}
	}
	vlan := talkOf("VLAN", func(c *Config) {
		c.Forward = acceptAll
		c.Interfaces = append(c.Interfaces, Interface{Name: "v10", VLAN: 10, Parent: trunk, Addrs: []wire.Prefix4{nettest.Prefix("172.30.10.1/24")}})
	}, client, left, left.ip, client.ip, 80, df)
	plain := vlan.back
	vlan.back = func(s nettest.Segment) []byte { return nettest.Tag(plain(s), 10) }
	return []talk{
		talkOf("plain", nil, client, server, server.ip, client.ip, 80, df),
		talkOf("masqueraded", masquerading, server, client, client.ip, outsideIP, 80, df),
		talkOf("forwarded port", forwarding, client, server, outsideIP, client.ip, 8080, df),
		{"IPv6", ipv6, client, server, six(client, client6, server6, 700, 80), six(server, server6, client6, 80, 700)},
		vlan,
	}
}

// prepare makes a rig for the talk that knows both ends.
func (k *talk) prepare(t *testing.T, mtu int, offloads bool) *rig {
	r := newRig(t, func(c *Config) {
		c.Interfaces[inside].MTU = mtu
		if k.change != nil {
			k.change(c)
		}
	})
	if len(r.ifaces[outside].Addrs6) > 0 {
		r.know6()
	} else {
		r.know()
	}
	if len(r.ifaces) > 2 {
		r.send(client, nettest.UDP(client.ether(), client.to(left), 1, 2, nil))
		r.send(left, nettest.Tag(nettest.ARP(insideMAC, wire.ARPReply, left.mac, left.ip, insideMAC, nettest.Addr("172.30.10.1")), 10))
	}
	for _, p := range r.ports {
		p.offloads, p.frames = offloads, nil
	}
	return r
}

// pieces cuts b anywhere, but not before headers.
func pieces(rng *rand.Rand, b []byte, headers int) (frame []byte, rest [][]byte) {
	at := len(b)
	if rng.IntN(3) > 0 {
		at = headers + rng.IntN(len(b)-headers+1)
	}
	frame, b = b[:at:at], b[at:]
	for len(b) > 0 {
		n := 1 + rng.IntN(len(b))
		rest, b = append(rest, b[:n:n]), b[n:]
	}
	return frame, rest
}

// TestOffloadProperty lets the same connections go through two engines: one
// gets large frames, in pieces and without checksums, and has a port that takes
// them or none; the other gets the segments that they stand for. What comes out
// is the same, and so are the counters.
func TestOffloadProperty(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 3))
	large := 0
	for i := range 200 {
		df := rng.IntN(2) == 0
		all := talks(df)
		k := all[rng.IntN(len(all))]
		mtu := 1500
		if six := k.name == "IPv6"; !df && !six && rng.IntN(2) == 0 {
			mtu = 300 + rng.IntN(1000)
		}
		offloads := rng.IntN(3) > 0
		a, b := k.prepare(t, mtu, offloads), k.prepare(t, mtu, false)
		step := func(answer bool, s nettest.Segment, segment int) {
			t.Helper()
			from, frame := k.from, []byte(nil)
			if answer {
				from, frame = k.to, k.back(s)
			} else {
				frame = k.there(s)
			}
			for _, f := range nettest.Cut(frame, segment) {
				b.Input(from.iface, f, b.now)
			}
			start, offset := nettest.Partial(frame)
			o := packet.Offload{ChecksumStart: start, ChecksumOffset: offset, Segment: segment}
			frame, o.Rest = pieces(rng, frame, len(frame)-len(s.Data))
			rest := join(nil, o.Rest)
			a.InputOffload(from.iface, frame, o, a.now)
			if !bytes.Equal(rest, join(nil, o.Rest)) {
				t.Fatalf("%d: %s: Rest is changed", i, k.name)
			}
			aOut, aIn := a.take()
			bOut, bIn := b.take()
			for _, c := range []struct{ got, want [][]byte }{{aOut, bOut}, {aIn, bIn}} {
				if len(c.got) != len(c.want) {
					t.Fatalf("%d: %s: %d frames come out, want %d", i, k.name, len(c.got), len(c.want))
				}
				for j := range c.got {
					if !bytes.Equal(c.got[j], c.want[j]) {
						t.Fatalf("%d: %s: frame %d of %d is\n% x, want\n% x", i, k.name, j, len(c.got), c.got[j], c.want[j])
					}
				}
			}
			for j := range a.ifaces {
				if got, want := a.Counters(j), b.Counters(j); got != want {
					t.Fatalf("%d: %s: counters of interface %d are\n%+v, want\n%+v", i, k.name, j, got, want)
				}
			}
		}
		x, y := rng.Uint32(), rng.Uint32()
		step(false, nettest.Segment{Seq: x, Flags: wire.TCPSyn, Window: 65535}, 0)
		step(true, nettest.Segment{Seq: y, Ack: x + 1, Flags: wire.TCPSyn | wire.TCPAck, Window: 65535}, 0)
		x, y = x+1, y+1
		step(false, nettest.Segment{Seq: x, Ack: y, Flags: wire.TCPAck, Window: 65535}, 0)
		for j := range 6 {
			s := nettest.Segment{Seq: x, Ack: y, Flags: wire.TCPAck, Window: 65535, Data: make([]byte, rng.IntN(60000))}
			for n := range s.Data {
				s.Data[n] = byte(rng.Uint32())
			}
			if rng.IntN(2) == 0 {
				s.Flags |= wire.TCPPsh
			}
			if rng.IntN(4) == 0 {
				s.Flags |= wire.TCPCwr
			}
			if k.name != "IPv6" && rng.IntN(2) == 0 {
				s.Options = []byte{1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}
			}
			answer := rng.IntN(2) == 0
			if answer {
				s.Seq, s.Ack = y, x
			}
			if j == 5 {
				s.Flags |= wire.TCPFin
			}
			segment := 100 + rng.IntN(1300)
			if mtu < 1500 && answer == (k.to.iface == inside) {
				segment = min(segment, mtu-52) // what comes in is no longer
			}
			if answer {
				y += uint32(len(s.Data))
			} else {
				x += uint32(len(s.Data))
			}
			step(answer, s, segment)
			ack := nettest.Segment{Seq: y, Ack: x, Flags: wire.TCPAck, Window: 65535}
			if answer {
				ack.Seq, ack.Ack = x, y
			}
			step(!answer, ack, 0)
		}
		large += a.ports[0].large + a.ports[1].large
	}
	if large < 200 {
		t.Errorf("%d large frames came out", large)
	}
}
