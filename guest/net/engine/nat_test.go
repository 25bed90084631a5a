package engine

import (
	"bytes"
	"testing"

	"tender/guest/net/nettest"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

func acceptAll(*packet.Packet) packet.Verdict { return packet.Accept }

// masquerading lets the inside reach the outside behind the router's address.
func masquerading(c *Config) {
	c.Interfaces[outside].Masquerade = true
	c.Forward = acceptAll
}

// forwarding sends what comes to the router's UDP port 8053 and TCP port 8080
// to the server's ports 53 and 80.
func forwarding(c *Config) {
	c.Interfaces[outside].Prerouting = func(p *packet.Packet) packet.Verdict {
		switch {
		case p.Tuple.Dst != wire.From4(outsideIP):
		case p.UDP != nil && p.Tuple.DstPort == 8053:
			return p.DNAT(wire.From4(server.ip), 53)
		case p.TCP != nil && p.Tuple.DstPort == 8080:
			return p.DNAT(wire.From4(server.ip), 80)
		case p.ICMP != nil:
			return p.DNAT(wire.From4(server.ip), 0)
		}
		return packet.Accept
	}
	c.Forward = acceptAll
}

// ends are the addresses and ports of a frame with UDP or TCP.
func ends(f wire.Ethernet) [4]uint32 {
	ip := ipOf(f)
	d := wire.UDP(ip.Payload())
	return [4]uint32{uint32(ip.Src()), uint32(d.SrcPort()), uint32(ip.Dst()), uint32(d.DstPort())}
}

func endsOf(src wire.Addr4, sport uint16, dst wire.Addr4, dport uint16) [4]uint32 {
	return [4]uint32{uint32(src), uint32(sport), uint32(dst), uint32(dport)}
}

func TestMasquerade(t *testing.T) {
	r := newRig(t, masquerading)
	r.know()
	second := host{inside, nettest.Addr("192.168.0.21"), wire.MAC{2, 0, 0, 0, 0, 3}}
	out, _ := r.send(server, nettest.UDP(server.ether(), server.to(client), 700, 53, nil))
	first := one(t, "first", out)
	if ends(first) != endsOf(outsideIP, 700, client.ip, 53) {
		t.Errorf("first left as %v", ends(first))
	}
	out, _ = r.send(second, nettest.UDP(second.ether(), second.to(client), 700, 53, nil))
	other := ends(one(t, "second", out))
	if other[0] != uint32(outsideIP) || other[1] == 700 || other[1] < 1024 {
		t.Errorf("second left as %v", other)
	}
	back := nettest.IP{Src: client.ip, Dst: outsideIP}
	_, in := r.send(client, nettest.UDP(client.ether(), back, 53, 700, nil))
	if f := one(t, "answer", in); ends(f) != endsOf(client.ip, 53, server.ip, 700) {
		t.Errorf("answer left as %v", ends(f))
	}
	r.send(client, nettest.UDP(client.ether(), back, 53, uint16(other[1]), nil))
	_, in = r.answerARP(second)
	if f := one(t, "answer to the second", in); ends(f) != endsOf(client.ip, 53, second.ip, 700) {
		t.Errorf("answer to the second left as %v", ends(f))
	}
	r.expectFate("to a port that is nobody's", outside, DropNoService, func() {
		r.send(client, nettest.UDP(client.ether(), back, 53, 701, nil))
	})
	// An error about what left comes back about what came.
	_, in = r.send(client, nettest.ICMP(client.ether(), back, wire.ICMPUnreachable, 3, 0, ipOf(first)))
	f := one(t, "error", in)
	q := wire.IPv4(wire.ICMP(ipOf(f).Payload()).Body())
	if ipOf(f).Dst() != server.ip || ipOf(f).Src() != client.ip || q.Src() != server.ip || wire.UDP(q.Payload()).SrcPort() != 700 {
		t.Errorf("error % x", []byte(f))
	}
}

func TestMasqueradedPings(t *testing.T) {
	r := newRig(t, masquerading)
	r.know()
	second := host{inside, nettest.Addr("192.168.0.21"), wire.MAC{2, 0, 0, 0, 0, 3}}
	ids := map[uint16]host{}
	for _, h := range []host{server, second} {
		out, _ := r.send(h, nettest.Echo(h.ether(), h.to(client), wire.ICMPEchoRequest, 7, 1, []byte("abc")))
		f := one(t, "request", out)
		if ipOf(f).Src() != outsideIP {
			t.Errorf("request from %v", ipOf(f).Src())
		}
		ids[wire.ICMP(ipOf(f).Payload()).ID()] = h
	}
	if len(ids) != 2 {
		t.Fatalf("identifiers %v", ids)
	}
	for id, h := range ids {
		_, in := r.send(client, nettest.Echo(client.ether(), nettest.IP{Src: client.ip, Dst: outsideIP}, wire.ICMPEchoReply, id, 1, []byte("abc")))
		if h == second {
			_, in = r.answerARP(second)
		}
		f := one(t, "reply", in)
		if ipOf(f).Dst() != h.ip || wire.ICMP(ipOf(f).Payload()).ID() != 7 {
			t.Errorf("reply to %v % x", h.ip, []byte(f))
		}
	}
	out, _ := r.send(client, nettest.Echo(client.ether(), nettest.IP{Src: client.ip, Dst: outsideIP}, wire.ICMPEchoRequest, 7, 1, nil))
	one(t, "our own answer", out)
}

func TestPortForwarding(t *testing.T) {
	r := newRig(t, forwarding)
	r.know()
	to := nettest.IP{Src: client.ip, Dst: outsideIP}
	ask := nettest.UDP(client.ether(), to, 4000, 8053, nil)
	original := bytes.Clone(ask[wire.EthernetLen:])
	_, in := r.send(client, ask)
	asked := one(t, "question", in)
	if ends(asked) != endsOf(client.ip, 4000, server.ip, 53) {
		t.Errorf("question left as %v", ends(asked))
	}
	out, _ := r.send(server, nettest.UDP(server.ether(), server.to(client), 53, 4000, nil))
	if f := one(t, "answer", out); ends(f) != endsOf(outsideIP, 8053, client.ip, 4000) {
		t.Errorf("answer left as %v", ends(f))
	}
	// The server's error seems to be the router's, and is about the question
	// as the client asked it.
	out, _ = r.send(server, nettest.ICMP(server.ether(), server.to(client), wire.ICMPUnreachable, 3, 0, ipOf(asked)))
	f := one(t, "error", out)
	if body := wire.ICMP(ipOf(f).Payload()).Body(); ipOf(f).Src() != outsideIP || !bytes.Equal(body[12:], original[12:]) {
		t.Errorf("error % x", []byte(f))
	}
	// The same ports directly: the answers must not be mixed up.
	_, in = r.send(client, nettest.UDP(client.ether(), client.to(server), 4000, 53, nil))
	direct := ends(one(t, "direct", in))
	if direct[1] == 4000 {
		t.Errorf("two flows left as %v", direct)
	}
	out, _ = r.send(server, nettest.UDP(server.ether(), server.to(client), 53, uint16(direct[1]), nil))
	if f := one(t, "direct answer", out); ends(f) != endsOf(server.ip, 53, client.ip, 4000) {
		t.Errorf("direct answer left as %v", ends(f))
	}
}

// TestErrorsAboutTranslated checks that the router's own errors quote what the
// sender has sent.
func TestErrorsAboutTranslated(t *testing.T) {
	r := newRig(t, func(c *Config) { forwarding(c); c.Interfaces[inside].MTU = 600 })
	r.know()
	to := nettest.IP{Src: client.ip, Dst: outsideIP, DF: true}
	short := to
	short.TTL = 1
	absent := newRig(t, forwarding)
	for _, c := range []struct {
		name string
		r    *rig
		ip   nettest.IP
		size int
		kind uint8
	}{
		{"TTL", r, short, 10, wire.ICMPTimeExceeded},
		{"size", r, to, 1000, wire.ICMPUnreachable},
		{"neighbour", absent, to, 10, wire.ICMPUnreachable},
	} {
		for round := range 2 { // a new flow, and one that is known
			frame := nettest.UDP(client.ether(), c.ip, 4000, 8053, make([]byte, c.size))
			original := bytes.Clone(frame[wire.EthernetLen:])
			out, _ := c.r.send(client, frame)
			for range 3 {
				if len(out) == 0 {
					c.r.now = c.r.Deadline()
					c.r.Tick(c.r.now)
					out, _ = c.r.take()
				}
			}
			f := one(t, c.name, out)
			m := wire.ICMP(ipOf(f).Payload())
			n := min(len(m.Body()), len(original))
			if m.Type() != c.kind || ipOf(f).Dst() != client.ip || !bytes.Equal(m.Body()[12:n], original[12:n]) {
				t.Errorf("%s, round %d: % x, want % x", c.name, round, []byte(m.Body()), original)
			}
			if c.r == r {
				good := nettest.IP{Src: client.ip, Dst: outsideIP}
				r.send(client, nettest.UDP(client.ether(), good, 4000, 8053, nil))
			}
		}
	}
}

// TestHairpin lets an inside host reach an inside server by the router's
// outside address, masqueraded so that the answers come back through the
// router.
func TestHairpin(t *testing.T) {
	r := newRig(t, func(c *Config) {
		forwarding(c)
		c.Interfaces[inside].Prerouting = c.Interfaces[outside].Prerouting
		c.Interfaces[inside].Masquerade = true
	})
	second := host{inside, nettest.Addr("192.168.0.21"), wire.MAC{2, 0, 0, 0, 0, 3}}
	r.send(second, nettest.UDP(second.ether(), nettest.IP{Src: second.ip, Dst: outsideIP}, 4000, 8053, nil))
	_, in := r.answerARP(server)
	f := one(t, "question", in)
	if ends(f) != endsOf(insideIP, 4000, server.ip, 53) || f.Dst() != server.mac {
		t.Errorf("question left as %v", ends(f))
	}
	r.send(server, nettest.UDP(server.ether(), nettest.IP{Src: server.ip, Dst: insideIP}, 53, 4000, nil))
	_, in = r.answerARP(second)
	if f := one(t, "answer", in); ends(f) != endsOf(outsideIP, 8053, second.ip, 4000) || f.Dst() != second.mac {
		t.Errorf("answer left as %v", ends(f))
	}
}

// TestTranslatedFragments sends a datagram in pieces through a translation.
func TestTranslatedFragments(t *testing.T) {
	r := newRig(t, forwarding)
	r.know()
	ip := nettest.IP{Src: client.ip, Dst: outsideIP, ID: 9}
	data := bytes.Repeat([]byte("0123456789abcdef"), 100)
	payload := nettest.UDPPayload(ip, 4000, 8053, data)
	var whole []byte
	for at := 0; at < len(payload); at += 800 {
		end := min(at+800, len(payload))
		_, in := r.send(client, nettest.Fragment(client.ether(), ip, wire.ProtoUDP, payload[at:end], at, end < len(payload)))
		f := one(t, "fragment", in)
		if ipOf(f).Dst() != server.ip || ipOf(f).FragmentOffset() != at {
			t.Errorf("fragment at %d to %v", at, ipOf(f).Dst())
		}
		whole = append(whole, ipOf(f).Payload()...)
	}
	if err := nettest.CheckFrame(nettest.Datagram(client.ether(), client.to(server), wire.ProtoUDP, whole)); err != nil {
		t.Errorf("the whole: %v", err)
	}
	if !bytes.Equal(whole[8:], data) {
		t.Error("the data changed")
	}
}

func TestOnlyTranslated(t *testing.T) {
	r := newRig(t, func(c *Config) { forwarding(c); c.OnlyTranslated = true })
	r.now += second
	r.send(client, nettest.UDP(client.ether(), nettest.IP{Src: client.ip, Dst: outsideIP}, 4000, 8053, nil))
	_, in := r.answerARP(server)
	one(t, "translated", in)
	r.expectFate("not translated", outside, DropForward, func() {
		r.send(client, nettest.UDP(client.ether(), client.to(server), 4000, 53, nil))
	})
}

// TestTranslationDoesNotAllocate is TestForwardDoesNotAllocate with address
// translation both ways, for new and for known flows.
func TestTranslationDoesNotAllocate(t *testing.T) {
	r := newRig(t, nil)
	c := config(t, [2]Port{sink{}, sink{}})
	forwarding(&c)
	masquerading(&c)
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	r.Engine = e
	r.know()
	to := nettest.IP{Src: client.ip, Dst: outsideIP}
	original := nettest.UDP(client.ether(), to, 1000, 8053, make([]byte, 100))
	frame := bytes.Clone(original)
	leaving := nettest.UDP(server.ether(), server.to(client), 1000, 53, nil)
	quote := nettest.ICMP(client.ether(), to, wire.ICMPUnreachable, 3, 0, nettest.UDP(client.ether(), nettest.IP{Src: outsideIP, Dst: client.ip}, 1000, 53, nil)[wire.EthernetLen:])
	again := bytes.Clone(leaving)
	port := byte(0)
	for _, c := range []struct {
		name string
		do   func()
	}{
		{"known", func() { copy(frame, original); e.Input(outside, frame, second) }},
		{"masqueraded", func() { copy(again, leaving); e.Input(inside, again, second) }},
		{"error", func() { copy(frame, quote); e.Input(outside, frame[:len(quote)], second) }},
		{"new", func() { copy(frame, original); port++; frame[34] = port; e.Input(outside, frame, second) }},
	} {
		if n := testing.AllocsPerRun(500, c.do); n != 0 {
			t.Errorf("%s: %v allocations per frame, want 0", c.name, n)
		}
	}
	if c := e.Counters(outside); c.Fates[Forwarded] < 1000 || c.Dropped() != 0 {
		t.Errorf("%d forwarded, %d dropped: %v", c.Fates[Forwarded], c.Dropped(), c.Fates)
	}
}

// BenchmarkTranslate is BenchmarkForward of one known flow that is translated
// both ways: its destination by a rule, its source by masquerading.
func BenchmarkTranslate(b *testing.B) {
	r := newRig(b, nil)
	c := config(b, [2]Port{sink{}, sink{}})
	forwarding(&c)
	c.Interfaces[inside].Masquerade = true
	e, err := New(c)
	if err != nil {
		b.Fatal(err)
	}
	r.Engine = e
	r.Input(inside, nettest.ARP(wire.BroadcastMAC, wire.ARPRequest, server.mac, server.ip, wire.MAC{}, insideIP), second)
	original := nettest.UDP(client.ether(), nettest.IP{Src: client.ip, Dst: outsideIP}, 1000, 8053, make([]byte, 36))
	frame := bytes.Clone(original)
	e.Input(outside, frame, second)
	r.answerARP(server)
	for b.Loop() {
		copy(frame, original)
		e.Input(outside, frame, second)
	}
	if c := e.Counters(outside); c.Dropped() != 0 {
		b.Errorf("%d frames dropped", c.Dropped())
	}
}
