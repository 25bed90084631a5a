package engine

import (
	"fmt"
	"testing"

	"tender/guest/net/balance"
	"tender/guest/net/nettest"
	"tender/guest/net/packet"
	"tender/guest/net/route"
	"tender/guest/net/wire"
)

// farm is a rig with a balancer for port 80 of the router's outside address,
// and servers inside that can be switched off.
type farm struct {
	*rig
	servers []host
	alive   []bool
	// sent are the segments of sessions that came out, by server; the client's
	// in back.
	sent [][][]byte
	back [][]byte
}

const farmSize = 3

func newFarm(t testing.TB, c balance.Config, change func(*Config)) *farm {
	t.Helper()
	f := &farm{alive: make([]bool, farmSize), sent: make([][][]byte, farmSize)}
	c.Port, c.Iface = 80, outside
	for i := range farmSize {
		h := host{inside, server.ip + wire.Addr4(i), wire.MAC{2, 0, 0, 0, 1, byte(i)}}
		f.servers, f.alive[i] = append(f.servers, h), true
		c.Servers = append(c.Servers, balance.Server{Addr: wire.From4(h.ip), Port: 8080})
	}
	b, err := balance.New(c)
	if err != nil {
		t.Fatal(err)
	}
	f.rig = newRig(t, func(e *Config) {
		e.Balancers = []*balance.Balancer{b}
		e.Forward = nil // sessions are not forwarded
		// Clients from everywhere.
		e.Routes = append(e.Routes, route.Route{NextHop: client.ip, Iface: outside})
		if change != nil {
			change(e)
		}
	})
	f.turn(0)
	return f
}

// turn lets time pass, and everybody answer what concerns them.
func (f *farm) turn(nanos int64) {
	f.t.Helper()
	f.now += nanos
	f.Tick(f.now)
	for busy := true; busy; {
		out, in := f.take()
		busy = len(out)+len(in) > 0
		for _, frame := range in {
			f.inside(frame)
		}
		for _, frame := range out {
			if wire.Ethernet(frame).Type() == wire.TypeARP {
				n := &f.ifaces[outside]
				f.Input(outside, nettest.ARP(n.MAC, wire.ARPReply, client.mac, client.ip, n.MAC, outsideIP), f.now)
				continue
			}
			f.back = append(f.back, frame)
		}
	}
}

// inside gives a frame to the server it is for: ARP and checks are answered.
func (f *farm) inside(frame wire.Ethernet) {
	n := &f.ifaces[inside]
	for i, h := range f.servers {
		switch {
		case frame.Type() == wire.TypeARP:
			if wire.ARP(frame.Payload()).TargetIP() == h.ip {
				f.Input(inside, nettest.ARP(n.MAC, wire.ARPReply, h.mac, h.ip, n.MAC, insideIP), f.now)
			}
		case frame.Dst() == h.mac:
			s := wire.TCP(ipOf(frame).Payload())
			if s.SrcPort() < firstCheckPort {
				f.sent[i] = append(f.sent[i], frame)
			} else if f.alive[i] && s.Flags() == wire.TCPSyn {
				f.Input(inside, f.reply(i, frame, wire.TCPSyn|wire.TCPAck, 9000), f.now)
			}
		}
	}
}

// reply is server i's answer to a segment.
func (f *farm) reply(i int, to wire.Ethernet, flags uint8, seq uint32) []byte {
	s := wire.TCP(ipOf(to).Payload())
	ack := s.Seq()
	if s.Flags()&(wire.TCPSyn|wire.TCPFin) != 0 {
		ack++
	}
	return nettest.TCP(f.servers[i].ether(), nettest.IP{Src: f.servers[i].ip, Dst: insideIP},
		nettest.Segment{SrcPort: 8080, DstPort: s.SrcPort(), Seq: seq, Ack: ack, Flags: flags, Window: 5000})
}

// segment lets a client, known by its port, send a segment.
func (f *farm) segment(port uint16, flags uint8, seq, ack uint32) {
	f.t.Helper()
	f.Input(outside, nettest.TCP(client.ether(), nettest.IP{Src: client.ip, Dst: outsideIP},
		nettest.Segment{SrcPort: port, DstPort: 80, Seq: seq, Ack: ack, Flags: flags, Window: 5000}), f.now)
	f.turn(0)
}

// got returns what the servers got since it was last asked for: the server,
// and the segment.
func (f *farm) got() (int, wire.Ethernet) {
	f.t.Helper()
	server, frame := -1, wire.Ethernet(nil)
	for i := range f.sent {
		for _, s := range f.sent[i] {
			if frame != nil {
				f.t.Fatal("two segments")
			}
			server, frame = i, s
		}
		f.sent[i] = nil
	}
	return server, frame
}

// open makes a connection from a client, and returns its server.
func (f *farm) open(port uint16) int {
	f.t.Helper()
	f.segment(port, wire.TCPSyn, 100, 0)
	i, syn := f.got()
	if i < 0 {
		f.t.Fatalf("client %d: no server", port)
	}
	if ip := ipOf(syn); ip.Src() != insideIP || ip.Dst() != f.servers[i].ip || wire.TCP(ip.Payload()).DstPort() != 8080 {
		f.t.Fatalf("client %d: % x", port, []byte(syn))
	}
	f.back = nil
	f.Input(inside, f.reply(i, syn, wire.TCPSyn|wire.TCPAck, 500), f.now)
	f.turn(0)
	back := one(f.t, "SYN-ACK", f.back)
	if s := wire.TCP(ipOf(back).Payload()); ipOf(back).Src() != outsideIP || s.SrcPort() != 80 || s.DstPort() != port {
		f.t.Fatalf("client %d: answer % x", port, []byte(back))
	}
	f.segment(port, wire.TCPAck, 101, 501)
	if j, _ := f.got(); j != i {
		f.t.Fatalf("client %d went to server %d and then %d", port, i, j)
	}
	return i
}

// reset ends a connection.
func (f *farm) reset(port uint16) {
	f.t.Helper()
	f.segment(port, wire.TCPRst, 101, 0)
	f.got()
}

func TestBalancerTurns(t *testing.T) {
	f := newFarm(t, balance.Config{}, nil)
	var turns string
	for i := range uint16(6) {
		turns += fmt.Sprint(f.open(4000 + i))
	}
	if turns != "012012" {
		t.Errorf("turns %s", turns)
	}
	for i := range farmSize {
		if n := f.Sessions(0, i); n != 2 {
			t.Errorf("server %d has %d sessions", i, n)
		}
	}
	f.reset(4000)
	if f.Sessions(0, 0) != 1 {
		t.Error("a session that was reset still counts")
	}
	f.expectFate("another port", outside, DropNoService, func() {
		f.Input(outside, nettest.TCP(client.ether(), nettest.IP{Src: client.ip, Dst: outsideIP}, nettest.Segment{SrcPort: 1, DstPort: 81, Flags: wire.TCPSyn}), f.now)
	})
}

// TestBalancerLimits fills the places and the queue, and lets those who wait
// in when there is a place.
func TestBalancerLimits(t *testing.T) {
	f := newFarm(t, balance.Config{SessionLimit: 2, WaitLimit: 2}, nil)
	f.open(4000)
	f.open(4001)
	f.segment(4002, wire.TCPSyn, 100, 0)
	f.expectFate("again", outside, DropBalancerWaits, func() { f.segment(4002, wire.TCPSyn, 100, 0) })
	f.segment(4003, wire.TCPSyn, 100, 0)
	f.expectFate("full", outside, DropBalancerFull, func() { f.segment(4004, wire.TCPSyn, 100, 0) })
	if i, _ := f.got(); i >= 0 {
		t.Fatal("a session beyond the limit")
	}
	f.segment(4000, wire.TCPRst, 101, 0)
	var ports []uint16
	for i := range f.sent {
		for _, s := range f.sent[i] {
			if g := wire.TCP(ipOf(s).Payload()); g.Flags() == wire.TCPSyn {
				ports = append(ports, g.SrcPort())
			}
		}
		f.sent[i] = nil
	}
	if len(ports) != 1 || ports[0] != 4002 {
		t.Errorf("after one end, %v may begin", ports)
	}
	f.turn(61 * second)
	if c := f.balancers[0].Counters(); c.Expired+c.Waited != 2 || c.Waiting != 0 {
		t.Errorf("%+v", c)
	}
}

// TestBalancerFailure takes a server away and brings it back: others keep their
// sessions, new ones go elsewhere, those that were beginning begin again.
func TestBalancerFailure(t *testing.T) {
	f := newFarm(t, balance.Config{}, nil)
	of := map[int]uint16{}
	for i := range uint16(3) {
		of[f.open(4000+i)] = 4000 + i
	}
	f.segment(5000, wire.TCPSyn, 100, 0) // server 0, which does not answer
	if i, _ := f.got(); i != 0 {
		t.Fatalf("went to server %d", i)
	}
	f.alive[0] = false
	for range 8 {
		f.turn(second)
	}
	if f.balancers[0].Counters().Up != 2 {
		t.Fatalf("%d servers are up", f.balancers[0].Counters().Up)
	}
	f.segment(5000, wire.TCPSyn, 100, 0) // the client asks again
	if i, _ := f.got(); i != 1 {
		t.Errorf("went to server %d, want 1", i)
	}
	for i := range uint16(6) {
		if n := f.open(6000 + i); n == 0 {
			t.Error("a server that is down got a session")
		}
	}
	for i := range 3 {
		f.segment(of[i], wire.TCPAck, 101, 501)
		if n, _ := f.got(); n != i {
			t.Errorf("the session of server %d went to %d", i, n)
		}
	}
	f.alive[0] = true
	for range 3 {
		f.turn(second)
	}
	seen := map[int]bool{}
	for i := range uint16(3) {
		seen[f.open(7000+i)] = true
	}
	if !seen[0] {
		t.Error("a server that is back gets nothing")
	}
}

// TestBalancerWaitsForServers holds connections while no server is up.
func TestBalancerWaitsForServers(t *testing.T) {
	f := newFarm(t, balance.Config{}, nil)
	for i := range f.alive {
		f.alive[i] = false
	}
	for range 8 {
		f.turn(second)
	}
	f.segment(4000, wire.TCPSyn, 100, 0)
	if i, _ := f.got(); i >= 0 {
		t.Fatal("went to a server that is down")
	}
	f.alive[1] = true
	for range 3 {
		f.turn(second)
	}
	if i, s := f.got(); i != 1 || wire.TCP(ipOf(s).Payload()).SrcPort() != 4000 {
		t.Errorf("went to server %d", i)
	}
}

// TestBalancerRefusal has a server refuse a connection, which the client is not
// told.
func TestBalancerRefusal(t *testing.T) {
	f := newFarm(t, balance.Config{Failures: 1}, nil)
	f.segment(4000, wire.TCPSyn, 100, 0)
	i, syn := f.got()
	f.back = nil
	f.expectFate("refusal", inside, DropBalancerRefused, func() {
		f.Input(inside, f.reply(i, syn, wire.TCPRst|wire.TCPAck, 0), f.now)
	})
	f.turn(0)
	none(t, "back", f.back)
	f.segment(4000, wire.TCPSyn, 100, 0)
	if j, _ := f.got(); j < 0 || j == i {
		t.Errorf("went to server %d and then %d", i, j)
	}
}

// TestBalancerChains checks which chains a session meets.
func TestBalancerChains(t *testing.T) {
	var log string
	chain := func(name string) packet.Chain {
		return func(p *packet.Packet) packet.Verdict {
			if p.TCP != nil && p.TCP.DstPort() < firstCheckPort && p.TCP.SrcPort() < firstCheckPort {
				log += fmt.Sprintf("%s %d>%d ", name, p.Tuple.SrcPort, p.Tuple.DstPort)
			}
			return packet.Accept
		}
	}
	f := newFarm(t, balance.Config{}, func(c *Config) {
		for i, n := range []string{"o", "i"} {
			c.Interfaces[i].Prerouting, c.Interfaces[i].Input = chain(n+"pre"), chain(n+"in")
			c.Interfaces[i].Output, c.Interfaces[i].Postrouting = chain(n+"out"), chain(n+"post")
		}
		c.Forward = chain("forward")
	})
	f.segment(4000, wire.TCPSyn, 100, 0)
	if want := "opre 4000>80 oin 4000>80 iout 4000>8080 ipost 4000>8080 "; log != want {
		t.Errorf("to the server: %s, want %s", log, want)
	}
	i, syn := f.got()
	log = ""
	f.Input(inside, f.reply(i, syn, wire.TCPSyn|wire.TCPAck, 500), f.now)
	if want := "ipre 8080>4000 iin 8080>4000 oout 80>4000 opost 80>4000 "; log != want {
		t.Errorf("back: %s, want %s", log, want)
	}
}

// TestBalancerFlood sends connections from everywhere: the bounds hold, and a
// session that is there goes on.
func TestBalancerFlood(t *testing.T) {
	f := newFarm(t, balance.Config{SessionLimit: 20, WaitLimit: 10}, nil)
	i := f.open(4000)
	for n := range 5000 {
		f.Input(outside, nettest.TCP(client.ether(), nettest.IP{Src: 0x50000000 + wire.Addr4(n), Dst: outsideIP},
			nettest.Segment{SrcPort: 1, DstPort: 80, Flags: wire.TCPSyn}), f.now)
		f.ports[inside].frames = nil
	}
	c := f.balancers[0].Counters()
	if total := f.sessions(f.balancers[0]); total > 20 || c.Waiting > 10 || c.Refused == 0 {
		t.Errorf("%d sessions, %+v", total, c)
	}
	f.segment(4000, wire.TCPAck, 101, 501)
	if j, _ := f.got(); j != i {
		t.Errorf("the session went to server %d, want %d", j, i)
	}
}

func TestBalancer6(t *testing.T) {
	b, err := balance.New(balance.Config{Iface: outside, Port: 80, Servers: []balance.Server{{Addr: server6, Port: 8080}}})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) { ipv6(c); c.Balancers = []*balance.Balancer{b} })
	r.know6()
	r.Tick(r.now)
	_, in := r.take()
	check := one(t, "check", in)
	reply := func(to wire.Ethernet, seq uint32) []byte {
		s := wire.TCP(ip6Of(to).Payload())
		return nettest.TCP6(nettest.Ether{Dst: insideMAC, Src: server.mac}, to6(server6, ip6Of(to).Src()),
			nettest.Segment{SrcPort: 8080, DstPort: s.SrcPort(), Seq: seq, Ack: s.Seq() + 1, Flags: wire.TCPSyn | wire.TCPAck, Window: 1000})
	}
	_, in = r.send(host{iface: inside}, reply(check, 1))
	if s := wire.TCP(ip6Of(one(t, "reset", in)).Payload()); s.Flags() != wire.TCPRst {
		t.Errorf("flags %#x", s.Flags())
	}
	_, in = r.send(client, nettest.TCP6(client.ether(), to6(client6, outside6), nettest.Segment{SrcPort: 4000, DstPort: 80, Seq: 100, Flags: wire.TCPSyn, Window: 1000}))
	syn := one(t, "SYN", in)
	if ip := ip6Of(syn); ip.Src() != inside6 || ip.Dst() != server6 {
		t.Errorf("SYN from %v to %v", ip.Src(), ip.Dst())
	}
	out, _ := r.send(host{iface: inside}, reply(syn, 500))
	if ip := ip6Of(one(t, "SYN-ACK", out)); ip.Src() != outside6 || ip.Dst() != client6 || wire.TCP(ip.Payload()).SrcPort() != 80 {
		t.Errorf("SYN-ACK from %v to %v", ip.Src(), ip.Dst())
	}
}

func TestBalancerDoesNotAllocate(t *testing.T) {
	f := newFarm(t, balance.Config{}, nil)
	f.open(4000)
	segment := nettest.TCP(client.ether(), nettest.IP{Src: client.ip, Dst: outsideIP}, nettest.Segment{SrcPort: 4000, DstPort: 80, Seq: 101, Ack: 501, Flags: wire.TCPAck, Window: 5000})
	syn := nettest.TCP(client.ether(), nettest.IP{Src: client.ip, Dst: outsideIP}, nettest.Segment{SrcPort: 1, DstPort: 80, Flags: wire.TCPSyn})
	frame := make([]byte, len(segment))
	for i := range f.ports {
		f.ifaces[i].Port = sink{}
	}
	for name, from := range map[string][]byte{"session": segment, "SYN": syn} {
		if n := testing.AllocsPerRun(200, func() {
			copy(frame, from)
			f.Input(outside, frame, f.now)
		}); n != 0 {
			t.Errorf("%s: %v allocations per frame, want 0", name, n)
		}
	}
}
