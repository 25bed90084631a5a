package engine

import (
	"testing"

	"tender/guest/net/nettest"
	"tender/guest/net/route"
	"tender/guest/net/wire"
)

func TestSilentTTL(t *testing.T) {
	r := newRig(t, func(c *Config) { c.SilentTTL = true })
	r.know()
	ip := client.to(server)
	ip.TTL = 1
	r.expectFate("TTL", outside, DropTTL, func() {
		out, _ := r.send(client, nettest.UDP(client.ether(), ip, 1, 53, nil))
		none(t, "error", out)
	})
}

func TestAnySource(t *testing.T) {
	r := newRig(t, func(c *Config) { c.AnySource = true })
	r.know()
	from := func(src string) []byte {
		return nettest.UDP(client.ether(), nettest.IP{Src: nettest.Addr(src), Dst: server.ip}, 1, 53, nil)
	}
	for src, fate := range map[string]Fate{
		"9.9.9.9": Forwarded, "192.168.0.99": Forwarded, "172.16.0.5": Forwarded,
		"10.0.0.2": DropMartian, "192.168.0.1": DropMartian, "10.0.0.255": DropMartian, "127.0.0.1": DropMartian,
	} {
		r.expectFate(src, outside, fate, func() { r.send(client, from(src)) })
	}
}

// TestOwnRoutes checks that a route for what the router itself sends is none
// for others.
func TestOwnRoutes(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Routes = append(c.Routes, route.Route{NextHop: client.ip, Iface: outside, Kind: route.Own})
	})
	r.know()
	far := nettest.Addr("8.8.8.8")
	r.expectFate("through", inside, DropNoRoute, func() {
		r.send(server, nettest.UDP(server.ether(), nettest.IP{Src: server.ip, Dst: far}, 1, 53, nil))
	})
	if src, ok := r.SourceTo(wire.From4(far)); !ok || src != wire.From4(outsideIP) {
		t.Errorf("source %v %v", src, ok)
	}
	frame := nettest.UDP(nettest.Ether{}, nettest.IP{Src: outsideIP, Dst: far}, 514, 514, []byte("x"))
	if !r.Send(frame, r.now) {
		t.Fatal("not sent")
	}
	out, _ := r.take()
	if f := one(t, "own", out); f.Dst() != client.mac || ipOf(f).TTL() != 64 {
		t.Errorf("own % x", []byte(f))
	}
	r.expectFate("spoofed", outside, Forwarded, func() { // the way back is the own route
		r.send(client, nettest.UDP(client.ether(), nettest.IP{Src: far, Dst: server.ip}, 1, 53, nil))
	})
}

// TestSend checks what a program can and cannot send.
func TestSend(t *testing.T) {
	r := newRig(t, nil)
	r.sends = true
	send := func(src, dst wire.Addr4, size int) bool {
		return r.Send(nettest.UDP(nettest.Ether{}, nettest.IP{Src: src, Dst: dst}, 514, 514, make([]byte, size)), r.now)
	}
	if send(insideIP, nettest.Addr("8.8.8.8"), 1) {
		t.Error("sent without a route")
	}
	if send(insideIP, insideIP+100, 1480) {
		t.Error("sent more than the MTU")
	}
	if send(insideIP, insideIP, 1) {
		t.Error("sent to ourselves")
	}
	if r.Send(make([]byte, 10), r.now) || r.Send(make([]byte, 60), r.now) {
		t.Error("sent what is no datagram")
	}
	r.take()
	if !send(insideIP, server.ip, 10) {
		t.Fatal("not taken")
	}
	_, in := r.take()
	one(t, "asked", in)
	_, in = r.answerARP(server)
	f := one(t, "sent", in)
	if f.Dst() != server.mac || ipOf(f).TTL() != 64 {
		t.Errorf("sent % x", []byte(f))
	}
	if c := r.Counters(inside); c.TxOwn != 1 || c.TxForwarded != 0 {
		t.Errorf("%+v", c)
	}
	// The answer belongs to a flow, but nobody takes it.
	r.expectFate("answer", inside, DropNoService, func() {
		r.send(server, nettest.UDP(server.ether(), nettest.IP{Src: server.ip, Dst: insideIP}, 514, 514, nil))
	})
}

func TestStatelessTCP(t *testing.T) {
	r := newRig(t, func(c *Config) { c.StatelessTCP = true })
	r.know()
	from, frame := tcp(false, 80, wire.TCPAck, 1, 1, "x")
	r.expectFate("from the middle", outside, Forwarded, func() { r.send(from, frame) })
	from, frame = tcp(true, 80, wire.TCPAck, 77777777, 99999999, "x")
	r.expectFate("out of every window", inside, Forwarded, func() { r.send(from, frame) })
}

func TestReaddress(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Interfaces[outside].Addrs, c.Interfaces[outside].Unnumbered = nil, true
		c.Routes, c.AnySource, c.Forward = nil, true, acceptAll
	})
	r.expectFate("without address", outside, DropARPSpoofed, func() {
		r.send(client, nettest.ARP(wire.BroadcastMAC, wire.ARPRequest, client.mac, client.ip, wire.MAC{}, outsideIP))
	})
	way := []route.Route{{NextHop: client.ip, Iface: outside}}
	if err := r.Readdress(outside, nil, way); err == nil {
		t.Error("a route to nowhere was taken")
	}
	if err := r.Readdress(outside, []wire.Prefix4{nettest.Prefix("192.168.0.7/24")}, nil); err == nil {
		t.Error("the other side's network was taken")
	}
	if err := r.Readdress(outside, []wire.Prefix4{{Addr: outsideIP, Bits: 24}}, way); err != nil {
		t.Fatal(err)
	}
	r.know()
	_, in := r.send(client, nettest.UDP(client.ether(), nettest.IP{Src: nettest.Addr("8.8.8.8"), Dst: server.ip}, 1, 53, nil))
	one(t, "through", in)
	if err := r.Readdress(outside, nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.WayTo(wire.From4(client.ip)); ok {
		t.Error("the network is still there")
	}
}

// TestWaitingLimit checks that an interface's own bound holds.
func TestWaitingLimit(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Interfaces[inside].Waiting = 2; c.Forward = acceptAll })
	for i := range 5 {
		ip := nettest.IP{Src: client.ip, Dst: nettest.Addr("192.168.0.100") + wire.Addr4(i)}
		r.send(client, nettest.UDP(client.ether(), ip, 1, 53, nil))
	}
	if c := r.Counters(outside); c.Held != 2 || c.Fates[DropNeighbourQueue] != 3 {
		t.Errorf("%d held, %d found no place", c.Held, c.Fates[DropNeighbourQueue])
	}
}

// TestJumbo forwards and answers datagrams of 9000 bytes, and fragments and
// refuses those that are longer.
func TestJumbo(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Interfaces[outside].MTU, c.Interfaces[inside].MTU = 9000, 8000
	})
	r.know()
	ping := func(to wire.Addr4, size int, df bool) []byte {
		ip := nettest.IP{Src: client.ip, Dst: to, DF: df}
		return nettest.Echo(client.ether(), ip, wire.ICMPEchoRequest, 1, 1, make([]byte, size-wire.IPv4MinLen-wire.ICMPLen))
	}
	r.expectFate("through", outside, Forwarded, func() { r.send(client, ping(server.ip, 8000, true)) })
	r.expectFate("to us", outside, Echo, func() { r.send(client, ping(outsideIP, 9000, true)) })
	r.expectFate("in pieces", outside, Fragmented, func() { r.send(client, ping(server.ip, 9000, false)) })
	r.expectFate("too big", outside, DropTooBig, func() { r.send(client, ping(server.ip, 9000, true)) })
	r.expectFate("too long", outside, DropFrameLong, func() { r.send(client, ping(server.ip, 9001, true)) })
}
