package filter

import (
	"math/rand/v2"
	"testing"

	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

func rule(change func(*Rule)) Rule {
	r := Any()
	r.Verdict = packet.Accept
	change(&r)
	return r
}

func TestMatch(t *testing.T) {
	web := packet.Packet{
		Tuple: packet.Tuple{Src: wire.From4(0x0a000001), Dst: wire.From4(0xc0a80014), SrcPort: 40000, DstPort: 80, Proto: wire.ProtoTCP},
		In:    0, Out: 1, State: packet.New,
	}
	later := web
	later.Fragment, later.Tuple.SrcPort, later.Tuple.DstPort = packet.LaterFragment, 0, 0
	ping := packet.Packet{
		Tuple: packet.Tuple{Src: wire.From4(1), Dst: wire.From4(2), SrcPort: 80, DstPort: 80, Proto: wire.ProtoICMP, ICMPType: 8},
		In:    0, Out: 1, State: packet.Established,
	}
	net := wire.Prefix4{Addr: 0xc0a80001, Bits: 24}
	for _, c := range []struct {
		name string
		p    packet.Packet
		r    Rule
		want packet.Verdict
	}{
		{"any", web, rule(func(r *Rule) {}), packet.Accept},
		{"dst net", web, rule(func(r *Rule) { r.Dst = net }), packet.Accept},
		{"src net", web, rule(func(r *Rule) { r.Src = net }), packet.Drop},
		{"host", web, rule(func(r *Rule) { r.Dst = wire.Prefix4{Addr: 0xc0a80014, Bits: 32} }), packet.Accept},
		{"other host", web, rule(func(r *Rule) { r.Dst = wire.Prefix4{Addr: 0xc0a80015, Bits: 32} }), packet.Drop},
		{"tcp", web, rule(func(r *Rule) { r.Proto = 6 }), packet.Accept},
		{"udp", web, rule(func(r *Rule) { r.Proto = 17 }), packet.Drop},
		{"port", web, rule(func(r *Rule) { r.Proto = 6; r.DstPorts = Ports{80, 80} }), packet.Accept},
		{"range", web, rule(func(r *Rule) { r.Proto = 6; r.DstPorts = Ports{70, 80} }), packet.Accept},
		{"beside the range", web, rule(func(r *Rule) { r.Proto = 6; r.DstPorts = Ports{81, 90} }), packet.Drop},
		{"source port", web, rule(func(r *Rule) { r.Proto = 6; r.SrcPorts = Ports{0, 39999} }), packet.Drop},
		{"in", web, rule(func(r *Rule) { r.In = 0 }), packet.Accept},
		{"other in", web, rule(func(r *Rule) { r.In = 1 }), packet.Drop},
		{"out", web, rule(func(r *Rule) { r.Out = 1 }), packet.Accept},
		{"other out", web, rule(func(r *Rule) { r.Out = 0 }), packet.Drop},
		{"state", web, rule(func(r *Rule) { r.States = StatesOf(packet.New, packet.Related) }), packet.Accept},
		{"other state", web, rule(func(r *Rule) { r.States = StatesOf(packet.Established) }), packet.Drop},
		{"later fragment by address", later, rule(func(r *Rule) { r.Proto = 6; r.Dst = net }), packet.Accept},
		{"later fragment never by port, not even 0", later, rule(func(r *Rule) { r.Proto = 6; r.DstPorts = Ports{0, 80} }), packet.Drop},
		{"icmp type", ping, rule(func(r *Rule) { r.Proto = 1; r.ICMPType = 8 }), packet.Accept},
		{"other icmp type", ping, rule(func(r *Rule) { r.Proto = 1; r.ICMPType = 0 }), packet.Drop},
		{"icmp id is no port", ping, rule(func(r *Rule) { r.Proto = 6; r.DstPorts = Ports{80, 80} }), packet.Drop},
	} {
		set, err := New([]Rule{c.r}, packet.Drop)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := set.Verdict(&c.p); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestFirstMatch compares with a model that asks one-rule sets in turn.
func TestFirstMatch(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		rules := make([]Rule, rng.IntN(12))
		for i := range rules {
			r := Any()
			r.Src = wire.Prefix4{Addr: wire.Addr4(rng.Uint32N(4)), Bits: uint8(30 + rng.IntN(3))}
			r.Proto = []int{AnyProto, 6, 17}[rng.IntN(3)]
			if r.Proto != AnyProto {
				low := uint16(rng.IntN(8))
				r.DstPorts = Ports{low, low + uint16(rng.IntN(8))}
			}
			r.In = rng.IntN(3) - 1
			r.Verdict = packet.Verdict(rng.IntN(2))
			rules[i] = r
		}
		def := packet.Verdict(rng.IntN(2))
		set, err := New(rules, def)
		if err != nil {
			t.Fatal(err)
		}
		p := packet.Packet{In: rng.IntN(2), Tuple: packet.Tuple{Src: wire.From4(wire.Addr4(rng.Uint32N(6))), DstPort: uint16(rng.IntN(16)), Proto: []uint16{6, 17, 1}[rng.IntN(3)]}}
		want := def
		for _, r := range rules {
			if r.Src.Contains(p.Tuple.Src.As4()) && (r.Proto == AnyProto || r.Proto == int(p.Tuple.Proto)) &&
				(r.DstPorts == AnyPort || r.DstPorts.First <= p.Tuple.DstPort && p.Tuple.DstPort <= r.DstPorts.Last) &&
				(r.In < 0 || r.In == p.In) {
				want = r.Verdict
				break
			}
		}
		if got := set.Verdict(&p); got != want {
			t.Fatalf("%v, want %v for %v in %d and %+v", got, want, p.Tuple, p.In, rules)
		}
	}
}

func TestIPv6GetsDefault(t *testing.T) {
	set, err := New([]Rule{rule(func(*Rule) {})}, packet.Drop)
	if err != nil {
		t.Fatal(err)
	}
	if set.Verdict(&packet.Packet{Tuple: packet.Tuple{Src: wire.Addr{Hi: 1}}}) != packet.Drop {
		t.Error("a rule about IPv4 took IPv6")
	}
}

func TestRefused(t *testing.T) {
	for name, r := range map[string]Rule{
		"ports without protocol": rule(func(r *Rule) { r.DstPorts = Ports{80, 80} }),
		"ports of icmp":          rule(func(r *Rule) { r.Proto = 1; r.SrcPorts = Ports{80, 80} }),
		"type of tcp":            rule(func(r *Rule) { r.Proto = 6; r.ICMPType = 8 }),
		"backward range":         rule(func(r *Rule) { r.Proto = 6; r.DstPorts = Ports{9, 8} }),
		"prefix":                 rule(func(r *Rule) { r.Src.Bits = 33 }),
		"protocol":               rule(func(r *Rule) { r.Proto = 256 }),
	} {
		if _, err := New([]Rule{Any(), r}, packet.Drop); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
