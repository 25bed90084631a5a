package engine

import (
	"bytes"
	"testing"

	"tender/guest/net/nettest"
	"tender/guest/net/wire"
)

// one returns the only frame of a list.
func one(t testing.TB, what string, frames [][]byte) wire.Ethernet {
	t.Helper()
	if len(frames) != 1 {
		t.Fatalf("%s: %d frames, want 1", what, len(frames))
	}
	return frames[0]
}

func none(t testing.TB, what string, frames [][]byte) {
	t.Helper()
	if len(frames) != 0 {
		t.Fatalf("%s: %d frames, want none: % x", what, len(frames), frames)
	}
}

func ipOf(f wire.Ethernet) wire.IPv4 { return wire.IPv4(f.Payload()) }

// TestPingThrough goes the whole way: nothing is known, ARP both ways.
func TestPingThrough(t *testing.T) {
	r := newRig(t, nil)
	request := nettest.Echo(client.ether(), client.to(server), wire.ICMPEchoRequest, 7, 1, []byte("data"))
	out, in := r.send(client, bytes.Clone(request))
	none(t, "outside", out)
	ask := wire.ARP(one(t, "asked inside", in).Payload())
	if ask.Op() != wire.ARPRequest || ask.TargetIP() != server.ip || ask.SenderIP() != insideIP || ask.SenderMAC() != insideMAC {
		t.Errorf("asked % x", []byte(ask))
	}
	out, in = r.answerARP(server)
	none(t, "outside", out)
	f := one(t, "request inside", in)
	if f.Dst() != server.mac || f.Src() != insideMAC || ipOf(f).TTL() != 63 {
		t.Errorf("request went to %v with TTL %d", f.Dst(), ipOf(f).TTL())
	}
	if !bytes.Equal(ipOf(f).Payload(), wire.IPv4(request[wire.EthernetLen:]).Payload()) {
		t.Error("the payload changed")
	}
	out, in = r.send(server, nettest.Echo(server.ether(), server.to(client), wire.ICMPEchoReply, 7, 1, []byte("data")))
	none(t, "inside", in)
	one(t, "asked outside", out)
	out, _ = r.answerARP(client)
	f = one(t, "reply outside", out)
	if f.Dst() != client.mac || ipOf(f).Src() != server.ip {
		t.Errorf("reply went to %v from %v", f.Dst(), ipOf(f).Src())
	}
}

func TestARPAnswers(t *testing.T) {
	r := newRig(t, nil)
	ask := func(sender, target wire.Addr4) []byte {
		return nettest.ARP(wire.BroadcastMAC, wire.ARPRequest, client.mac, sender, wire.MAC{}, target)
	}
	out, _ := r.send(client, ask(client.ip, outsideIP))
	answer := wire.ARP(one(t, "answer", out).Payload())
	if answer.Op() != wire.ARPReply || answer.SenderMAC() != outsideMAC || answer.SenderIP() != outsideIP || answer.TargetMAC() != client.mac || answer.TargetIP() != client.ip {
		t.Errorf("answered % x", []byte(answer))
	}
	out, _ = r.send(client, ask(0, outsideIP))
	one(t, "answer to a probe", out)
	for name, frame := range map[string][]byte{
		"for somebody else":            ask(client.ip, client.ip+5),
		"for the other side's address": ask(client.ip, insideIP),
		"gratuitous":                   ask(client.ip, client.ip),
	} {
		out, in := r.send(client, frame)
		none(t, name, append(out, in...))
	}
	lie := ask(client.ip, outsideIP)
	lie[11]++ // the Ethernet source is somebody else
	short := ask(client.ip, outsideIP)[:41]
	for name, frame := range map[string][]byte{
		"our own address":      ask(outsideIP, outsideIP),
		"from another network": ask(server.ip, outsideIP),
		"broadcast address":    ask(nettest.Addr("10.0.0.255"), outsideIP),
		"lie":                  lie,
	} {
		r.expectFate(name, outside, DropARPSpoofed, func() {
			out, in := r.send(client, frame)
			none(t, name, append(out, in...))
		})
	}
	r.expectFate("short", outside, DropARPMalformed, func() { r.send(client, short) })
	if c := r.Counters(outside); c.ARPConflicts != 1 || c.Neighbours != 0 {
		t.Errorf("%d conflicts, %d neighbours; want 1, 0", c.ARPConflicts, c.Neighbours)
	}
	r.Announce()
	out, in := r.take()
	one(t, "announced outside", out)
	one(t, "announced inside", in)
}

func TestPingUs(t *testing.T) {
	r := newRig(t, nil)
	for _, addr := range []wire.Addr4{outsideIP, insideIP} {
		ip := nettest.IP{Src: client.ip, Dst: addr, TTL: 3}
		out, in := r.send(client, nettest.Echo(client.ether(), ip, wire.ICMPEchoRequest, 1, 2, []byte("abc")))
		none(t, "inside", in)
		f := one(t, "reply", out)
		m := wire.ICMP(ipOf(f).Payload())
		if f.Dst() != client.mac || ipOf(f).Src() != addr || ipOf(f).Dst() != client.ip || ipOf(f).TTL() != 64 || m.Type() != wire.ICMPEchoReply || string(m.Body()) != "abc" {
			t.Errorf("reply % x", []byte(f))
		}
	}
	r.expectFate("tcp to us", outside, DropNoService, func() {
		out, _ := r.send(client, nettest.TCP(client.ether(), nettest.IP{Src: client.ip, Dst: outsideIP}, nettest.Segment{DstPort: 22, Flags: wire.TCPSyn}))
		none(t, "answer", out)
	})
}

// tcp makes a segment between client and server; answer goes back.
func tcp(answer bool, port uint16, flags uint8, seq, ack uint32, data string) (host, []byte) {
	s := nettest.Segment{SrcPort: 4000, DstPort: port, Seq: seq, Ack: ack, Flags: flags, Window: 8000, Data: []byte(data)}
	if answer {
		s.SrcPort, s.DstPort = port, 4000
		return server, nettest.TCP(server.ether(), server.to(client), s)
	}
	return client, nettest.TCP(client.ether(), client.to(server), s)
}

func TestTCPThrough(t *testing.T) {
	r := newRig(t, nil)
	r.know()
	const syn, ack, fin = wire.TCPSyn, wire.TCPAck, wire.TCPFin
	for i, s := range []struct {
		answer   bool
		flags    uint8
		seq, ack uint32
		data     string
	}{
		{false, syn, 100, 0, ""}, {true, syn | ack, 500, 101, ""}, {false, ack, 101, 501, ""},
		{false, ack, 101, 501, "GET"}, {true, ack, 501, 104, "hello"}, {true, fin | ack, 506, 104, ""},
		{false, fin | ack, 104, 507, ""}, {true, ack, 507, 105, ""},
	} {
		from, frame := tcp(s.answer, 80, s.flags, s.seq, s.ack, s.data)
		out, in := r.send(from, frame)
		if s.answer {
			out, in = in, out
		}
		none(t, "back", out)
		if f := one(t, "through", in); !bytes.Equal(ipOf(f).Payload(), wire.IPv4(frame[wire.EthernetLen:]).Payload()) {
			t.Errorf("segment %d changed", i)
		}
	}
}

func TestForbidden(t *testing.T) {
	r := newRig(t, nil)
	r.know()
	drop := func(name string, fate Fate, from host, frame []byte) {
		t.Helper()
		r.expectFate(name, from.iface, fate, func() {
			out, in := r.send(from, frame)
			none(t, name, append(out, in...))
		})
	}
	from, frame := tcp(false, 22, wire.TCPSyn, 1, 0, "")
	drop("forbidden port", DropForward, from, frame)
	from, frame = tcp(true, 80, wire.TCPSyn, 1, 0, "")
	drop("connection from inside", DropForward, from, frame)
	from, frame = tcp(false, 80, wire.TCPAck, 1, 1, "x")
	drop("from the middle", DropInvalid, from, frame)
	drop("answer without question", DropForward, server, nettest.UDP(server.ether(), server.to(client), 53, 1000, nil))
	drop("reply without request", DropInvalid, server, nettest.Echo(server.ether(), server.to(client), wire.ICMPEchoReply, 1, 1, nil))
	question := nettest.UDP(client.ether(), client.to(server), 1000, 53, nil)
	_, in := r.send(client, bytes.Clone(question))
	one(t, "question", in)
	out, _ := r.send(server, nettest.UDP(server.ether(), server.to(client), 53, 1000, nil))
	one(t, "answer", out)
	// ICMP errors: only about what is there.
	about := func(b []byte) []byte {
		return nettest.ICMP(server.ether(), server.to(client), wire.ICMPUnreachable, 3, 0, b[wire.EthernetLen:])
	}
	out, _ = r.send(server, about(question))
	one(t, "error", out)
	drop("error about nothing", DropInvalid, server, about(nettest.UDP(client.ether(), client.to(server), 1001, 53, nil)))
}

func TestTimeExceeded(t *testing.T) {
	r := newRig(t, nil)
	r.know()
	ip := client.to(server)
	ip.TTL = 1
	frame := nettest.UDP(client.ether(), ip, 1000, 53, []byte("hello"))
	original := bytes.Clone(frame[wire.EthernetLen:])
	out, in := r.send(client, frame)
	none(t, "inside", in)
	f := one(t, "error", out)
	m := wire.ICMP(ipOf(f).Payload())
	if m.Type() != wire.ICMPTimeExceeded || m.Code() != 0 || ipOf(f).Src() != outsideIP || ipOf(f).Dst() != client.ip || f.Dst() != client.mac || !bytes.Equal(m.Body(), original) {
		t.Errorf("error % x", []byte(f))
	}
	if r.FlowCounters(r.now).Begun != 1 { // the ping of know
		t.Error("a flow began with a datagram that was not sent")
	}
	// No error about an error, and none about what the filter drops.
	quoted := nettest.ICMP(client.ether(), ip, wire.ICMPUnreachable, 3, 0, original)
	r.send(client, quoted)
	out, _ = r.send(client, nettest.UDP(client.ether(), ip, 1000, 54, nil))
	none(t, "error about a forbidden datagram", out)
}

func TestFragmentationNeeded(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Interfaces[inside].MTU = 600 })
	r.know()
	ip := client.to(server)
	ip.DF, ip.ID = true, 77
	data := make([]byte, 1000)
	for i := range data {
		data[i] = byte(i * 7)
	}
	out, in := r.send(client, nettest.UDP(client.ether(), ip, 1000, 53, data))
	none(t, "inside", in)
	f := one(t, "error", out)
	m := wire.ICMP(ipOf(f).Payload())
	if m.Type() != wire.ICMPUnreachable || m.Code() != wire.CodeFragNeeded || m.MTU() != 600 || len(ipOf(f)) != 576 {
		t.Errorf("error % x", []byte(f))
	}
	ip.DF = false
	frame := nettest.UDP(client.ether(), ip, 1000, 53, data)
	payload := bytes.Clone(wire.IPv4(frame[wire.EthernetLen:]).Payload())
	r.expectFate("fragments", outside, Fragmented, func() { out, in = r.send(client, frame) })
	none(t, "outside", out)
	if len(in) != 2 {
		t.Fatalf("%d fragments, want 2", len(in))
	}
	var whole []byte
	for i, f := range in {
		d := ipOf(f)
		if d.FragmentOffset() != len(whole) || d.MoreFragments() != (i == 0) || d.ID() != 77 || d.TTL() != 63 || len(d) > 600 {
			t.Errorf("fragment %d: % x", i, []byte(d[:20]))
		}
		whole = append(whole, d.Payload()...)
	}
	if !bytes.Equal(whole, payload) {
		t.Error("the fragments do not make up the datagram")
	}
}

func TestFragments(t *testing.T) {
	r := newRig(t, nil)
	r.know()
	ip := client.to(server)
	ip.ID = 5
	fragments := func(port uint16) (first, second, overlap []byte) {
		payload := nettest.UDPPayload(ip, 1000, port, make([]byte, 1600))
		return nettest.Fragment(client.ether(), ip, wire.ProtoUDP, payload[:800], 0, true),
			nettest.Fragment(client.ether(), ip, wire.ProtoUDP, payload[800:], 800, false),
			nettest.Fragment(client.ether(), ip, wire.ProtoUDP, payload[:800], 8, true)
	}
	first, second, overlap := fragments(53)
	r.expectFate("second before first", outside, DropFragmentOrphan, func() { r.send(client, bytes.Clone(second)) })
	r.expectFate("first", outside, Forwarded, func() { r.send(client, first) })
	r.expectFate("overlap", outside, DropFragmentOrphan, func() { r.send(client, overlap) })
	r.expectFate("second", outside, Forwarded, func() { r.send(client, second) })
	first, second, _ = fragments(54)
	r.expectFate("forbidden first", outside, DropForward, func() { r.send(client, first) })
	r.expectFate("its second", outside, DropFragmentOrphan, func() { r.send(client, second) })
	tiny := nettest.Fragment(client.ether(), ip, wire.ProtoTCP, make([]byte, 16), 0, true)
	r.expectFate("tiny", outside, DropTransport, func() { r.send(client, tiny) })
}

func TestUnreachable(t *testing.T) {
	r := newRig(t, nil)
	r.know()
	ip := nettest.IP{Src: client.ip, Dst: nettest.Addr("8.8.8.8")}
	out, _ := r.send(client, nettest.UDP(client.ether(), ip, 1, 53, nil))
	m := wire.ICMP(ipOf(one(t, "no route", out)).Payload())
	if m.Type() != wire.ICMPUnreachable || m.Code() != wire.CodeNetUnreachable {
		t.Errorf("error % x", []byte(m))
	}
	// A neighbour that does not answer.
	absent := host{inside, nettest.Addr("192.168.0.99"), wire.MAC{}}
	frame := nettest.Echo(client.ether(), client.to(absent), wire.ICMPEchoRequest, 1, 1, nil)
	original := bytes.Clone(frame[wire.EthernetLen:])
	_, in := r.send(client, frame)
	one(t, "asked", in)
	for range 2 {
		r.now = r.Deadline()
		r.Tick(r.now)
		_, in = r.take()
		one(t, "asked again", in)
	}
	r.expectFate("absent", outside, DropNeighbour, func() {
		r.now = r.Deadline()
		r.Tick(r.now)
	})
	out, _ = r.take()
	f := one(t, "error", out)
	m = wire.ICMP(ipOf(f).Payload())
	if m.Type() != wire.ICMPUnreachable || m.Code() != wire.CodeHostUnreachable || !bytes.Equal(m.Body(), original) || f.Dst() != client.mac {
		t.Errorf("error % x", []byte(f))
	}
}

func TestErrorsAreLimited(t *testing.T) {
	r := newRig(t, func(c *Config) { c.ICMPErrorsPerSecond = 100 })
	r.know()
	ip := nettest.IP{Src: client.ip, Dst: nettest.Addr("8.8.8.8")}
	total := 0
	for range 1000 { // in five seconds
		r.now += second / 200
		out, _ := r.send(client, nettest.UDP(client.ether(), ip, 1, 53, nil))
		total += len(out)
	}
	if total < 490 || total > 520 || uint64(1000-total) != r.ICMPErrorsSuppressed() {
		t.Errorf("%d errors in 5 s at 100/s, %d suppressed", total, r.ICMPErrorsSuppressed())
	}
}

func TestRouteByNextHop(t *testing.T) {
	r := newRig(t, nil)
	r.know()
	far := nettest.IP{Src: server.ip, Dst: nettest.Addr("172.20.1.1")}
	out, _ := r.send(server, nettest.Echo(server.ether(), far, wire.ICMPEchoRequest, 1, 1, nil))
	if f := one(t, "by the next hop", out); f.Dst() != client.mac || ipOf(f).Dst() != far.Dst {
		t.Errorf("went to %v", f.Dst())
	}
}

func TestPortFails(t *testing.T) {
	r := newRig(t, nil)
	r.know()
	r.ports[inside].broken = true
	r.expectFate("unplugged", outside, DropPort, func() {
		r.send(client, nettest.UDP(client.ether(), client.to(server), 1, 53, nil))
	})
	if c := r.Counters(inside); c.TxFailed != 1 {
		t.Errorf("%d failures counted", c.TxFailed)
	}
}

func TestFlowTableFull(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Flows = 1 })
	r.know()
	for _, f := range [][3]uint32{{wire.TCPSyn, 1, 0}, {wire.TCPAck, 2, 11}} {
		r.send(tcp(false, 80, uint8(f[0]), f[1], f[2], ""))
		r.send(tcp(true, 80, wire.TCPSyn|wire.TCPAck, 10, 2, ""))
	}
	r.expectFate("full", outside, DropFlowsFull, func() {
		r.send(client, nettest.UDP(client.ether(), client.to(server), 1, 53, nil))
	})
}

// TestIdleFlowsExpire checks that the counters do not show flows of the past.
func TestIdleFlowsExpire(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Flows = 1000 })
	r.know()
	for i := range uint16(500) {
		r.send(client, nettest.UDP(client.ether(), client.to(server), i, 53, nil))
	}
	if f := r.FlowCounters(r.now); f.Active != 501 {
		t.Errorf("%d flows, want 501", f.Active)
	}
	r.now += 60 * second
	if f := r.FlowCounters(r.now); f.Active != 0 || f.Expired != 501 {
		t.Errorf("%d flows after a minute, %d expired; want 0, 501", f.Active, f.Expired)
	}
}
