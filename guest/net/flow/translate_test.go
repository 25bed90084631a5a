package flow

import (
	"math/rand/v2"
	"testing"

	"tender/guest/net/nettest"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// rewrite is what a rule does to the first datagram of a flow. Unlike
// packet.DNAT it works on bare tuples.
type rewrite struct{ src, dst *wire.Addr }

// leave lets a datagram with this tuple through the table, and returns the
// tuple with which it leaves.
func leave(t *testing.T, table *Table, tuple packet.Tuple, r rewrite, now int64) (packet.Tuple, packet.State, bool) {
	t.Helper()
	ip := nettest.IP{Src: tuple.Src.As4(), Dst: tuple.Dst.As4()}
	p := parse(t, nettest.UDP(nettest.Ether{}, ip, tuple.SrcPort, tuple.DstPort, nil))
	m := table.Classify(p, now)
	if m.State == packet.Invalid {
		return packet.Tuple{}, m.State, false
	}
	if !p.Known {
		if r.dst != nil {
			p.DNAT(*r.dst, 0)
		}
		if r.src != nil {
			p.SNAT(*r.src, 0)
		}
	}
	p.TranslateDst()
	p.TranslateSrc()
	ok := table.Commit(p, m, 0, now)
	return p.Tuple, m.State, ok
}

// TestTranslationsAreReversible begins many flows between few addresses, with
// translations that make their answers collide unless they are told apart. The
// answer to what left must go back to who sent it, as from whom it was sent
// to; and no two flows may leave alike.
func TestTranslationsAreReversible(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	table, err := New(Config{Capacity: 4096, Ports: Ports{1, 2000}})
	if err != nil {
		t.Fatal(err)
	}
	addr := func() wire.Addr { return wire.From4(0x0a000000 + wire.Addr4(rng.Uint32N(5))) }
	left := map[packet.Tuple]packet.Tuple{} // by how they came
	owner := map[packet.Tuple]packet.Tuple{}
	moved := 0
	for range 30000 {
		came := packet.Tuple{Src: addr(), Dst: addr(), SrcPort: uint16(rng.IntN(4)), DstPort: uint16(rng.IntN(4)), Proto: wire.ProtoUDP}
		var r rewrite
		src, dst := addr(), addr()
		if rng.IntN(2) == 0 {
			r.src = &src
		}
		if rng.IntN(2) == 0 {
			r.dst = &dst
		}
		now, state, ok := leave(t, table, came, r, 0)
		if !ok {
			if state == packet.Invalid && came != came.Invert() {
				t.Fatalf("%v is invalid", came)
			}
			continue
		}
		if was, there := left[came]; there {
			if now != was {
				t.Fatalf("%v left as %v, before as %v", came, now, was)
			}
			continue
		}
		if other, taken := owner[now]; taken {
			t.Fatalf("%v and %v both leave as %v", came, other, now)
		}
		left[came], owner[now] = now, came
		left[now.Invert()], owner[came.Invert()] = came.Invert(), now.Invert()
		if now.SrcPort != came.SrcPort {
			moved++
		}
		back, state, ok := leave(t, table, now.Invert(), rewrite{}, 0)
		if !ok || state != packet.Established || back != came.Invert() {
			t.Fatalf("the answer to %v left as %v, %v, want %v", came, back, state, came.Invert())
		}
	}
	if c := table.Counters(); moved == 0 || c.Evicted != 0 || c.Expired != 0 {
		t.Errorf("%d flows moved to another port, %+v", moved, c)
	}
}

// TestPortsRunOut takes every port of a range, and no more.
func TestPortsRunOut(t *testing.T) {
	table, err := New(Config{Capacity: 100, Ports: Ports{5000, 5009}})
	if err != nil {
		t.Fatal(err)
	}
	to, via := wire.From4(1), wire.From4(2)
	used := map[uint16]bool{}
	for i := range 20 {
		came := packet.Tuple{Src: wire.From4(wire.Addr4(100 + i)), Dst: to, SrcPort: 777, DstPort: 53, Proto: wire.ProtoUDP}
		now, _, ok := leave(t, table, came, rewrite{src: &via}, 0)
		if want := i <= 10; ok != want {
			t.Fatalf("flow %d: %v, want %v", i, ok, want)
		}
		if ok {
			if used[now.SrcPort] {
				t.Fatalf("port %d twice", now.SrcPort)
			}
			used[now.SrcPort] = true
		}
	}
	if !used[777] || len(used) != 11 || table.Counters().PortsExhausted != 9 {
		t.Errorf("ports %v, %+v", used, table.Counters())
	}
	if _, _, ok := leave(t, table, packet.Tuple{Src: wire.From4(9), Dst: to, SrcPort: 777, DstPort: 54, Proto: wire.ProtoUDP}, rewrite{src: &via}, 0); !ok {
		t.Error("no port for another destination")
	}
}

func TestPortRangeIsChecked(t *testing.T) {
	for _, r := range []Ports{{0, 5}, {6, 5}} {
		if _, err := New(Config{Capacity: 1, Ports: r}); err == nil {
			t.Errorf("%v was taken", r)
		}
	}
}

// TestOwners counts what belongs to whom through all ends a flow can have.
func TestOwners(t *testing.T) {
	table := newTable(t, 2, Timeouts{})
	begin := func(port uint16, owner uint8, now int64) {
		p := udpPacket(client, server, port, 53)
		if !table.Commit(p, table.Classify(p, now), owner, now) {
			t.Fatal("no room")
		}
	}
	expect := func(what string, one, two int) {
		t.Helper()
		if table.Owned(1) != one || table.Owned(2) != two {
			t.Errorf("%s: %d and %d flows, want %d and %d", what, table.Owned(1), table.Owned(2), one, two)
		}
	}
	begin(1, 1, 0)
	begin(2, 2, 1)
	expect("begun", 1, 1)
	begin(3, 2, 2)
	expect("evicted", 0, 2)
	p := udpPacket(client, server, 3, 53)
	m := table.Classify(p, 3)
	if table.Owner(m) != 2 || table.Answered(m) {
		t.Errorf("owner %d", table.Owner(m))
	}
	table.Forget(m)
	expect("forgotten", 0, 1)
	table.Expire(1000*second, 10)
	expect("expired", 0, 0)
	if c := table.Counters(); c.Begun != c.Active+c.Expired+c.Evicted+c.Reused+c.Forgotten {
		t.Errorf("%+v", c)
	}
	for _, s := range append(handshake(), tcpStep{true, rst, 1, 0, 0, nil, 0, packet.Established}) {
		p := s.packet(t)
		table.Commit(p, table.Classify(p, 2000*second), 1, 2000*second)
		expect("tcp", map[bool]int{true: 0, false: 1}[s.flags == rst], 0)
	}
	again := handshake()[0].packet(t)
	table.Commit(again, table.Classify(again, 2000*second), 2, 2000*second)
	expect("reused", 0, 1)
}

// TestTimeouts has a flow of every kind and stage live exactly as long as it
// is told.
func TestTimeouts(t *testing.T) {
	limit := Timeouts{
		Unconfirmed: Durations{TCP: 11e9, UDP: 12e9, ICMP: 13e9, Other: 14e9},
		Confirmed:   Durations{TCP: 21e9, UDP: 22e9, ICMP: 23e9, Other: 24e9},
		Established: Durations{TCP: 31e9, UDP: 32e9, ICMP: 33e9, Other: 34e9},
	}
	to, back := nettest.IP{Src: client, Dst: server}, nettest.IP{Src: server, Dst: client}
	e := nettest.Ether{}
	kinds := [][2][]byte{
		{nettest.TCP(e, to, nettest.Segment{SrcPort: 1, DstPort: 2, Flags: ack}), nettest.TCP(e, back, nettest.Segment{SrcPort: 2, DstPort: 1, Flags: ack})},
		{nettest.UDP(e, to, 1, 2, nil), nettest.UDP(e, back, 2, 1, nil)},
		{nettest.Echo(e, to, wire.ICMPEchoRequest, 1, 1, nil), nettest.Echo(e, back, wire.ICMPEchoReply, 1, 1, nil)},
		{nettest.Datagram(e, to, 47, nil), nettest.Datagram(e, back, 47, nil)},
	}
	for kind, frames := range kinds {
		for stage, turns := range [][]int{{0}, {0, 1}, {0, 1, 0}} {
			for _, over := range []bool{false, true} {
				table, err := New(Config{Capacity: 4, Timeouts: limit, StatelessTCP: true})
				if err != nil {
					t.Fatal(err)
				}
				for _, turn := range turns {
					pass(table, parse(t, frames[turn]), 0)
				}
				life := int64(10*(stage+1)+kind+1) * second
				if !over {
					life--
				}
				if got := table.Expire(life, 10) == 1; got != over {
					t.Errorf("kind %d stage %d: expired is %v after %d", kind, stage, got, life)
				}
			}
		}
	}
}
