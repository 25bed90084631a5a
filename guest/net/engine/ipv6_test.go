package engine

import (
	"bytes"
	"testing"

	"tender/guest/net/nettest"
	"tender/guest/net/packet"
	"tender/guest/net/route"
	"tender/guest/net/wire"
)

var (
	outside6, inside6 = nettest.Addr6("2001:db8:1::1"), nettest.Addr6("2001:db8:2::1")
	client6, server6  = nettest.Addr6("2001:db8:1::9"), nettest.Addr6("2001:db8:2::20")
)

// ipv6 gives both interfaces IPv6 addresses and forwards all but TCP port 22.
func ipv6(c *Config) {
	c.Interfaces[outside].Addrs6 = []wire.Prefix{{Addr: outside6, Bits: 64}}
	c.Interfaces[inside].Addrs6 = []wire.Prefix{{Addr: inside6, Bits: 64}}
	c.Routes6 = []route.Route6{{Prefix: nettest.Prefix6("::/0"), NextHop: client6, Iface: outside}}
	c.Forward = func(p *packet.Packet) packet.Verdict {
		if p.TCP != nil && p.TCP.DstPort() == 22 {
			return packet.Drop
		}
		return packet.Accept
	}
}

func to6(src, dst wire.Addr) nettest.IP6 { return nettest.IP6{Src: src, Dst: dst} }

// advertise answers for h, whose address is addr, what the router may have
// asked.
func (r *rig) advertise(h host, addr wire.Addr) (out, in [][]byte) {
	r.t.Helper()
	return r.send(h, nettest.Neighbour(h.ether(), to6(addr, r.ifaces[h.iface].linkLocal), wire.ICMP6NeighbourAdvert, wire.FlagSolicited|wire.FlagOverride, addr, h.mac))
}

// know6 teaches the router where both hosts are.
func (r *rig) know6() {
	r.t.Helper()
	r.send(client, nettest.Echo6(client.ether(), to6(client6, server6), wire.ICMP6EchoRequest, 9999, 1, nil))
	r.advertise(server, server6)
	r.send(server, nettest.Echo6(server.ether(), to6(server6, client6), wire.ICMP6EchoReply, 9999, 1, nil))
	r.advertise(client, client6)
	for i := range r.ifaces {
		if r.Counters(i).Neighbours != 1 {
			r.t.Fatalf("interface %d does not know its neighbour", i)
		}
	}
	r.take()
}

func ip6Of(f wire.Ethernet) wire.IPv6 { return wire.IPv6(f.Payload()) }

func TestPing6Through(t *testing.T) {
	r := newRig(t, ipv6)
	out, in := r.send(client, nettest.Echo6(client.ether(), to6(client6, server6), wire.ICMP6EchoRequest, 7, 1, []byte("data")))
	none(t, "outside", out)
	f := one(t, "asked", in)
	m, ok := wire.ParseNeighbour(wire.ICMP6(ip6Of(f).Payload()))
	if mac, has := m.MAC(); !ok || m.Target() != server6 || !has || mac != insideMAC || f.Dst() != (wire.MAC{0x33, 0x33, 0xff, 0, 0, 0x20}) ||
		ip6Of(f).Dst() != server6.SolicitedNode() || ip6Of(f).Src() != r.ifaces[inside].linkLocal || ip6Of(f).HopLimit() != 255 {
		t.Errorf("asked % x", []byte(f))
	}
	_, in = r.advertise(server, server6)
	f = one(t, "request", in)
	if f.Dst() != server.mac || f.Src() != insideMAC || f.Type() != wire.TypeIPv6 || ip6Of(f).HopLimit() != 63 {
		t.Errorf("request % x", []byte(f))
	}
	r.send(server, nettest.Echo6(server.ether(), to6(server6, client6), wire.ICMP6EchoReply, 7, 1, []byte("data")))
	out, _ = r.advertise(client, client6)
	if f := one(t, "reply", out); ip6Of(f).Src() != server6 || f.Dst() != client.mac {
		t.Errorf("reply % x", []byte(f))
	}
}

func TestNeighbourDiscovery(t *testing.T) {
	r := newRig(t, ipv6)
	link := wire.LinkLocal(client.mac)
	solicit := func(src, dst, target wire.Addr, change func(f []byte)) []byte {
		f := nettest.Neighbour(nettest.Ether{Dst: target.SolicitedNode().GroupMAC(), Src: client.mac}, to6(src, dst), wire.ICMP6NeighbourSolicit, 0, target, client.mac)
		if change != nil {
			change(f)
		}
		return f
	}
	for name, src := range map[string]wire.Addr{"global": client6, "link-local": link, "probe": {}} {
		out, _ := r.send(client, solicit(src, outside6.SolicitedNode(), outside6, nil))
		f := one(t, name, out)
		m := wire.ICMP6(ip6Of(f).Payload())
		n, ok := wire.ParseNeighbour(m)
		if mac, _ := n.MAC(); !ok || m.Type() != wire.ICMP6NeighbourAdvert || n.Target() != outside6 || mac != outsideMAC || !n.Override() || n.Solicited() != !src.IsZero() {
			t.Errorf("%s: answered % x", name, []byte(f))
		}
		if want := map[bool]wire.Addr{true: wire.AllNodes, false: src}[src.IsZero()]; ip6Of(f).Dst() != want {
			t.Errorf("%s: answered to %v", name, ip6Of(f).Dst())
		}
	}
	one := func(out, _ [][]byte) { t.Helper(); one(t, "link-local target", out) }
	one(r.send(client, solicit(client6, r.ifaces[outside].linkLocal.SolicitedNode(), r.ifaces[outside].linkLocal, nil)))
	hops := func(f []byte) { f[21] = 254 }
	other := func(f []byte) { f[11]++ }
	for name, c := range map[string]struct {
		frame []byte
		fate  Fate
	}{
		"for the other side":    {solicit(client6, inside6.SolicitedNode(), inside6, nil), Discovery},
		"for a stranger":        {solicit(client6, client6.SolicitedNode(), client6, nil), Discovery},
		"through a router":      {solicit(client6, outside6.SolicitedNode(), outside6, hops), DropNeighbourSpoofed},
		"our own address":       {solicit(outside6, outside6.SolicitedNode(), outside6, nil), DropNeighbourSpoofed},
		"from another network":  {solicit(server6, outside6.SolicitedNode(), outside6, nil), DropNeighbourSpoofed},
		"lie":                   {solicit(client6, outside6.SolicitedNode(), outside6, other), DropNeighbourSpoofed},
		"router's message":      {nettest.ICMP6(client.ether(), nettest.IP6{Src: link, Dst: wire.AllNodes, HopLimit: 255}, wire.ICMP6RouterAdvert, 0, 0, make([]byte, 16)), Discovery},
		"short":                 {nettest.ICMP6(client.ether(), nettest.IP6{Src: link, Dst: outside6, HopLimit: 255}, wire.ICMP6NeighbourSolicit, 0, 0, nil), DropNeighbourMalformed},
		"other multicast":       {nettest.UDP6(client.ether(), to6(client6, wire.AllNodes), 1, 2, nil), DropBroadcast},
		"link-local through":    {nettest.UDP6(client.ether(), to6(link, server6), 1, 2, nil), DropScope},
		"to a stranger on link": {nettest.UDP6(client.ether(), to6(client6, wire.Addr{Hi: link.Hi, Lo: link.Lo + 1}), 1, 2, nil), DropScope},
	} {
		r.expectFate(name, outside, c.fate, func() {
			out, in := r.send(client, c.frame)
			none(t, name, append(out, in...))
		})
	}
	if c := r.Counters(outside); c.Neighbours != 0 || c.ARPConflicts != 1 {
		t.Errorf("%d neighbours without asking, %d conflicts", c.Neighbours, c.ARPConflicts)
	}
}

func TestMalformed6(t *testing.T) {
	r := newRig(t, ipv6)
	r.know6()
	good := func() []byte { return nettest.UDP6(client.ether(), to6(client6, server6), 1000, 53, make([]byte, 40)) }
	changed := func(at int, b byte) []byte { f := good(); f[at] = b; return f }
	from := func(src, dst string) []byte {
		return nettest.UDP6(client.ether(), to6(nettest.Addr6(src), nettest.Addr6(dst)), 1, 53, nil)
	}
	chain := func(next uint8, headers ...byte) []byte {
		return nettest.Datagram6(client.ether(), to6(client6, server6), next, append(headers, nettest.UDPPayload6(to6(client6, server6), 1, 2, nil)...))
	}
	for _, c := range []struct {
		name  string
		frame []byte
		fate  Fate
	}{
		{"good", good(), Forwarded},
		{"padded", append(good(), 0, 0, 0), Forwarded},
		{"short", good()[:50], DropIPHeader},
		{"without the end", good()[:70], DropIPLength},
		{"version 4", changed(14, 0x40), DropIPHeader},
		{"length beyond", changed(18, 0xff), DropIPLength},
		{"ICMPv4 in it", changed(20, wire.ProtoICMP), DropTransport},
		{"ICMP checksum", changed(20, wire.ProtoICMP6), DropTransportChecksum},
		{"from loopback", from("::1", "2001:db8:2::20"), DropMartian},
		{"from nobody", from("::", "2001:db8:2::20"), DropMartian},
		{"from a group", from("ff02::1", "2001:db8:2::20"), DropMartian},
		{"to itself", from("2001:db8:1::9", "2001:db8:1::9"), DropMartian},
		{"from us", from("2001:db8:1::1", "2001:db8:2::20"), DropMartian},
		{"from the other side", from("2001:db8:2::9", "2001:db8:2::20"), DropSpoofed},
		{"from afar", from("2001:db8:99::9", "2001:db8:2::20"), Forwarded},
		{"hop-by-hop", chain(wire.ExtHopByHop, 17, 0, 1, 4, 0, 0, 0, 0), Forwarded},
		{"hop-by-hop second", chain(wire.ExtDestination, 0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0), DropTransport},
		{"routing type 0", chain(wire.ExtRouting, 17, 0, 0, 0, 0, 0, 0, 0), DropTransport},
		{"extension beyond", chain(wire.ExtDestination, 17, 9, 0, 0, 0, 0, 0, 0), DropTransport},
		{"many extensions", chain(wire.ExtDestination, bytes.Repeat([]byte{wire.ExtDestination, 0, 1, 4, 0, 0, 0, 0}, 20)...), DropTransport},
		{"nothing next", chain(wire.NoNextHeader), Forwarded},
	} {
		r.expectFate(c.name, outside, c.fate, func() { r.send(client, c.frame) })
	}
}

func TestErrors6(t *testing.T) {
	r := newRig(t, func(c *Config) { ipv6(c); c.Interfaces[inside].MTU = 1280 })
	r.know6()
	check := func(name string, out [][]byte, kind, code uint8, mtu uint32, about []byte) {
		t.Helper()
		f := one(t, name, out)
		m := wire.ICMP6(ip6Of(f).Payload())
		if m.Type() != kind || m.Code() != code || m.MTU() != mtu || ip6Of(f).Src() != outside6 || ip6Of(f).Dst() != client6 || f.Dst() != client.mac ||
			len(ip6Of(f)) > 1280 || !bytes.Equal(m.Body(), about[:len(m.Body())]) {
			t.Errorf("%s: % x", name, []byte(f))
		}
	}
	send := func(dst wire.Addr, hops uint8, size int) (out [][]byte, original []byte) {
		f := nettest.UDP6(client.ether(), nettest.IP6{Src: client6, Dst: dst, HopLimit: hops}, 1, 53, make([]byte, size))
		original = bytes.Clone(f[wire.EthernetLen:])
		r.now += second
		out, _ = r.send(client, f)
		return out, original
	}
	out, about := send(server6, 1, 10)
	check("hop limit", out, wire.ICMP6TimeExceeded, 0, 0, about)
	out, about = send(server6, 64, 1300)
	check("too big", out, wire.ICMP6PacketTooBig, 0, 1280, about)
	_, about = send(nettest.Addr6("2001:db8:2::99"), 64, 10)
	for out = nil; len(out) == 0; {
		r.now = r.Deadline()
		r.Tick(r.now)
		out, _ = r.take()
	}
	check("absent", out, wire.ICMP6Unreachable, wire.Code6AddressUnreachable, 0, about)
}

func TestFlows6(t *testing.T) {
	r := newRig(t, ipv6)
	r.know6()
	segment := func(port uint16, flags uint8, answer bool) []byte {
		s := nettest.Segment{SrcPort: 4000, DstPort: port, Seq: 100, Flags: flags, Window: 1000}
		if answer {
			s = nettest.Segment{SrcPort: port, DstPort: 4000, Seq: 500, Ack: 101, Flags: flags, Window: 1000}
			return nettest.TCP6(server.ether(), to6(server6, client6), s)
		}
		return nettest.TCP6(client.ether(), to6(client6, server6), s)
	}
	r.expectFate("SYN", outside, Forwarded, func() { r.send(client, segment(80, wire.TCPSyn, false)) })
	r.expectFate("SYN-ACK", inside, Forwarded, func() { r.send(server, segment(80, wire.TCPSyn|wire.TCPAck, true)) })
	r.expectFate("from nowhere", outside, DropInvalid, func() { r.send(client, segment(81, wire.TCPAck, false)) })
	r.expectFate("forbidden", outside, DropForward, func() { r.send(client, segment(22, wire.TCPSyn, false)) })
	quoted := segment(80, wire.TCPSyn, false)[wire.EthernetLen:]
	r.expectFate("related", inside, Forwarded, func() {
		r.send(server, nettest.ICMP6(server.ether(), to6(server6, client6), wire.ICMP6Unreachable, 4, 0, quoted))
	})
	quoted[41]++ // another port
	r.expectFate("unrelated", inside, DropInvalid, func() {
		r.send(server, nettest.ICMP6(server.ether(), to6(server6, client6), wire.ICMP6Unreachable, 4, 0, quoted))
	})
	out, _ := r.send(client, nettest.Echo6(client.ether(), to6(client6, inside6), wire.ICMP6EchoRequest, 1, 1, []byte("abc")))
	f := one(t, "echo", out)
	if m := wire.ICMP6(ip6Of(f).Payload()); m.Type() != wire.ICMP6EchoReply || ip6Of(f).Src() != inside6 || string(m.Body()) != "abc" {
		t.Errorf("echo % x", []byte(f))
	}
}

func TestFragments6(t *testing.T) {
	r := newRig(t, ipv6)
	r.know6()
	payload := nettest.UDPPayload6(to6(client6, server6), 1, 53, make([]byte, 1600))
	piece := func(from, end int, id uint32) []byte {
		return nettest.Fragment6(client.ether(), to6(client6, server6), wire.ProtoUDP, payload[from:end], from, end < len(payload), id)
	}
	r.expectFate("second before first", outside, DropFragmentOrphan, func() { r.send(client, piece(800, 1608, 1)) })
	r.expectFate("first", outside, Forwarded, func() { r.send(client, piece(0, 800, 1)) })
	r.expectFate("overlap", outside, DropFragmentOrphan, func() { r.send(client, piece(8, 808, 1)) })
	r.expectFate("another", outside, DropFragmentOrphan, func() { r.send(client, piece(800, 1608, 2)) })
	r.expectFate("second", outside, Forwarded, func() { r.send(client, piece(800, 1608, 1)) })
	r.expectFate("odd length", outside, DropFragment, func() { r.send(client, piece(0, 801, 3)) })
}

func TestForward6DoesNotAllocate(t *testing.T) {
	r := newRig(t, nil)
	c := config(t, [2]Port{sink{}, sink{}})
	ipv6(&c)
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	r.Engine = e
	r.know6()
	original := nettest.UDP6(client.ether(), to6(client6, server6), 1, 53, make([]byte, 60))
	frame := bytes.Clone(original)
	solicit := nettest.Neighbour(client.ether(), to6(client6, outside6), wire.ICMP6NeighbourSolicit, 0, outside6, client.mac)
	now := second
	for _, c := range []struct {
		name string
		do   func()
	}{
		{"forward", func() { copy(frame, original); e.Input(outside, frame, now) }},
		{"error", func() { now += second; copy(frame, original); frame[21] = 1; e.Input(outside, frame, now) }},
		{"solicit", func() { e.Input(outside, solicit, now) }},
	} {
		if n := testing.AllocsPerRun(500, c.do); n != 0 {
			t.Errorf("%s: %v allocations per frame, want 0", c.name, n)
		}
	}
	if c := e.Counters(outside); c.Fates[Forwarded] < 500 {
		t.Errorf("fates %v", c.Fates)
	}
}

// BenchmarkForward6 is BenchmarkForward of one known flow over IPv6.
func BenchmarkForward6(b *testing.B) {
	r := newRig(b, nil)
	c := config(b, [2]Port{sink{}, sink{}})
	ipv6(&c)
	e, err := New(c)
	if err != nil {
		b.Fatal(err)
	}
	r.Engine = e
	r.know6()
	original := nettest.UDP6(client.ether(), to6(client6, server6), 1, 53, make([]byte, 16))
	frame := bytes.Clone(original)
	for b.Loop() {
		copy(frame, original)
		e.Input(outside, frame, second)
	}
	if c := e.Counters(outside); c.Dropped() != 0 {
		b.Errorf("%d frames dropped", c.Dropped())
	}
}
