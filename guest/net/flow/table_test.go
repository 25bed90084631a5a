package flow

import (
	"math/rand/v2"
	"testing"
	"time"

	"tender/guest/net/nettest"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

const second = int64(time.Second)

var client, server = nettest.Addr("10.0.0.9"), nettest.Addr("192.168.0.20")

func parse(t testing.TB, frame []byte) *packet.Packet {
	t.Helper()
	ip, err := wire.ParseIPv4(frame[wire.EthernetLen:])
	if err != nil {
		t.Fatal(err)
	}
	p := new(packet.Packet)
	if err := p.Parse(frame, ip); err != nil {
		t.Fatal(err)
	}
	return p
}

func newTable(t testing.TB, capacity int, timeouts Timeouts) *Table {
	t.Helper()
	table, err := New(Config{Capacity: capacity, Timeouts: timeouts})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// pass classifies and, unless invalid, commits.
func pass(table *Table, p *packet.Packet, now int64) (packet.State, bool) {
	m := table.Classify(p, now)
	if m.State == packet.Invalid {
		return m.State, false
	}
	return m.State, table.Commit(p, m, 0, now)
}

func udpPacket(src, dst wire.Addr4, sport, dport uint16) *packet.Packet {
	t := packet.Tuple{Src: wire.From4(src), Dst: wire.From4(dst), SrcPort: sport, DstPort: dport, Proto: wire.ProtoUDP}
	return &packet.Packet{Tuple: t, Original: t}
}

func TestUDPStates(t *testing.T) {
	table := newTable(t, 4, Timeouts{})
	out, in := udpPacket(client, server, 1000, 53), udpPacket(server, client, 53, 1000)
	for i, step := range []struct {
		p    *packet.Packet
		now  int64
		want packet.State
	}{
		{out, 0, packet.New},
		{out, 29 * second, packet.New},
		{out, 59 * second, packet.New}, // the first flow expired
		{in, 60 * second, packet.Established},
		{in, 91 * second, packet.New}, // not assured by an answer alone
		{out, 92 * second, packet.Established},
		{in, 93 * second, packet.Established}, // assured now
		{out, 270 * second, packet.Established},
		{in, 460 * second, packet.New},
	} {
		if got, _ := pass(table, step.p, step.now); got != step.want {
			t.Fatalf("step %d: %v, want %v", i, got, step.want)
		}
	}
	c := table.Counters()
	if c.Begun != 4 || c.Active != 1 || c.Expired != 3 {
		t.Errorf("counters %+v", c)
	}
}

func TestClassifyLeavesNoTrace(t *testing.T) {
	table := newTable(t, 4, Timeouts{})
	p := udpPacket(client, server, 1, 2)
	for range 3 {
		if m := table.Classify(p, 0); m.State != packet.New {
			t.Fatalf("state %v, want new", m.State)
		}
	}
	if c := table.Counters(); c != (Counters{}) {
		t.Errorf("counters %+v, want none", c)
	}
}

func TestICMP(t *testing.T) {
	table := newTable(t, 4, Timeouts{})
	to, back := nettest.IP{Src: client, Dst: server}, nettest.IP{Src: server, Dst: client}
	echo := func(ip nettest.IP, icmpType uint8, id uint16) *packet.Packet {
		return parse(t, nettest.Echo(nettest.Ether{}, ip, icmpType, id, 1, nil))
	}
	for i, step := range []struct {
		p    *packet.Packet
		want packet.State
	}{
		{echo(back, wire.ICMPEchoReply, 8), packet.Invalid}, // before its request
		{echo(to, wire.ICMPEchoRequest, 8), packet.New},
		{echo(to, wire.ICMPEchoReply, 8), packet.Invalid}, // of the wrong direction
		{echo(back, wire.ICMPEchoReply, 9), packet.Invalid},
		{echo(back, wire.ICMPEchoReply, 8), packet.Established},
		{echo(back, wire.ICMPEchoRequest, 8), packet.New}, // a flow of its own
		{echo(to, wire.ICMPEchoReply, 8), packet.Established},
		{echo(to, wire.ICMPEchoRequest, 8), packet.Established},
		{parse(t, nettest.ICMP(nettest.Ether{}, to, 17, 0, 0, nil)), packet.Invalid},
	} {
		if got, _ := pass(table, step.p, 0); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
}

func TestRelated(t *testing.T) {
	table := newTable(t, 4, Timeouts{})
	to, back := nettest.IP{Src: client, Dst: server}, nettest.IP{Src: server, Dst: client}
	datagram := nettest.UDP(nettest.Ether{}, to, 1000, 53, nil)
	answer := nettest.UDP(nettest.Ether{}, back, 53, 1000, nil)
	other := nettest.UDP(nettest.Ether{}, to, 1001, 53, nil)
	pass(table, parse(t, datagram), 0)
	about := func(src, dst wire.Addr4, frame []byte) *packet.Packet {
		return parse(t, nettest.ICMP(nettest.Ether{}, nettest.IP{Src: src, Dst: dst}, wire.ICMPUnreachable, 3, 0, frame[wire.EthernetLen:]))
	}
	router := nettest.Addr("172.16.0.1")
	for _, c := range []struct {
		name string
		p    *packet.Packet
		want packet.State
	}{
		{"from the server", about(server, client, datagram), packet.Related},
		{"from a router", about(router, client, datagram), packet.Related},
		{"to the server", about(client, server, answer), packet.Related},
		{"to somebody else", about(server, router, datagram), packet.Invalid},
		{"about no flow", about(server, client, other), packet.Invalid},
	} {
		if got, _ := pass(table, c.p, 0); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if c := table.Counters(); c.Begun != 1 {
		t.Errorf("%d flows begun, want 1", c.Begun)
	}
}

// TestFloodKeepsAssured fills the table with assured flows up to a point and
// then floods it with beginnings, answered ones too.
func TestFloodKeepsAssured(t *testing.T) {
	const capacity, kept = 64, 40
	table := newTable(t, capacity, Timeouts{})
	for i := range uint16(kept) {
		out, in := udpPacket(client, server, i, 53), udpPacket(server, client, 53, i)
		pass(table, out, 0)
		pass(table, in, 0)
		pass(table, out, 0)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range int64(100000) {
		src := wire.Addr4(rng.Uint32())
		if state, ok := pass(table, udpPacket(src, server, 9, 9), second+i); state != packet.New || !ok {
			t.Fatalf("a new flow was refused: %v", state)
		}
		if i%3 == 0 {
			pass(table, udpPacket(server, src, 9, 9), second+i)
		}
	}
	for i := range uint16(kept) {
		if state, _ := pass(table, udpPacket(server, client, 53, i), 100*second); state != packet.Established {
			t.Fatalf("assured flow %d was lost", i)
		}
	}
	if c := table.Counters(); c.Begun != c.Active+c.Expired+c.Evicted+c.Reused+c.Forgotten || c.Active > capacity {
		t.Errorf("counters do not add up: %+v", c)
	}
}

func TestFullOfAssuredRefuses(t *testing.T) {
	table := newTable(t, 2, Timeouts{})
	for i := range uint16(2) {
		pass(table, udpPacket(client, server, i, 1), 0)
		pass(table, udpPacket(server, client, 1, i), 0)
		pass(table, udpPacket(client, server, i, 1), 0)
	}
	if _, ok := pass(table, udpPacket(client, server, 9, 1), 0); ok {
		t.Error("a third flow fits into two places")
	}
	if c := table.Counters(); c.Refused != 1 {
		t.Errorf("refused %d, want 1", c.Refused)
	}
	if _, ok := pass(table, udpPacket(client, server, 9, 1), 200*second); !ok {
		t.Error("no room after the flows expired")
	}
}

// TestAgainstMap compares a table that never gets full with a map.
func TestAgainstMap(t *testing.T) {
	type entry struct {
		last              int64
		answered, assured bool
		beginner          packet.Tuple
	}
	model := map[packet.Tuple]*entry{}
	table := newTable(t, 4096, Timeouts{})
	rng := rand.New(rand.NewPCG(7, 8))
	now := int64(0)
	for step := range 200000 {
		now += rng.Int64N(second / 2)
		p := udpPacket(wire.Addr4(rng.Uint32N(6)), wire.Addr4(rng.Uint32N(6)), uint16(rng.IntN(3)), uint16(rng.IntN(3)))
		e := model[p.Tuple]
		if e != nil {
			limit := 30 * second
			if e.assured {
				limit = 180 * second
			}
			if now-e.last >= limit {
				delete(model, e.beginner)
				delete(model, e.beginner.Invert())
				e = nil
			}
		}
		want := packet.New
		switch {
		case p.Tuple == p.Tuple.Invert():
			want = packet.Invalid
		case e != nil && (e.answered || e.beginner != p.Tuple):
			want = packet.Established
		}
		m := table.Classify(p, now)
		if m.State != want {
			t.Fatalf("step %d: %v, want %v", step, m.State, want)
		}
		if want == packet.Invalid || rng.IntN(8) == 0 { // dropped by a filter
			continue
		}
		if !table.Commit(p, m, 0, now) {
			t.Fatalf("step %d: no room", step)
		}
		if e == nil {
			e = &entry{beginner: p.Tuple}
			model[p.Tuple], model[p.Tuple.Invert()] = e, e
		}
		answer := e.beginner != p.Tuple
		e.assured = e.assured || e.answered && !answer
		e.answered = e.answered || answer
		e.last = now
	}
}

func TestFragments(t *testing.T) {
	ip := nettest.IP{Src: client, Dst: server, ID: 7}
	payload := nettest.UDPPayload(ip, 1, 2, make([]byte, 1000))
	first := parse(t, nettest.Fragment(nettest.Ether{}, ip, wire.ProtoUDP, payload[:64], 0, true))
	at := func(offset int) *packet.Packet {
		return parse(t, nettest.Fragment(nettest.Ether{}, ip, wire.ProtoUDP, payload[:64], offset, true))
	}
	otherID := ip
	otherID.ID = 8
	other := parse(t, nettest.Fragment(nettest.Ether{}, otherID, wire.ProtoUDP, payload[:64], 64, true))
	table := NewFragments(2)
	if table.Allows(at(64), 0) {
		t.Error("a fragment passes before its first")
	}
	table.Accept(first, 0)
	for _, c := range []struct {
		name string
		p    *packet.Packet
		now  int64
		want bool
	}{
		{"next", at(64), 1, true},
		{"later", at(640), 1, true},
		{"overlap", at(56), 1, false},
		{"over the ports", at(8), 1, false},
		{"other datagram", other, 1, false},
		{"too late", at(64), 30 * second, false},
	} {
		if got := table.Allows(c.p, c.now); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	table.Refuse(first)
	if table.Allows(at(64), 1) {
		t.Error("a fragment passes after its first was refused")
	}
	for id := range uint16(100) { // bounded
		ip.ID = id
		table.Accept(parse(t, nettest.Fragment(nettest.Ether{}, ip, wire.ProtoUDP, payload[:64], 0, true)), 0)
	}
}

func TestNoAllocation(t *testing.T) {
	table := newTable(t, 64, Timeouts{})
	i := uint16(0)
	p := udpPacket(client, server, 0, 53)
	if n := testing.AllocsPerRun(1000, func() {
		i++
		p.Tuple.SrcPort = i
		p.Original = p.Tuple
		pass(table, p, int64(i))
		pass(table, p, int64(i))
	}); n != 0 {
		t.Errorf("%v allocations per flow, want 0", n)
	}
}
