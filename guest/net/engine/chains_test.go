package engine

import (
	"testing"

	"tender/guest/net/nettest"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// TestChains checks which chains see a datagram, and with what interfaces.
func TestChains(t *testing.T) {
	type seen struct {
		chain   string
		in, out int
	}
	var log []seen
	var dropAt string
	chain := func(name string) packet.Chain {
		return func(p *packet.Packet) packet.Verdict {
			log = append(log, seen{name, p.In, p.Out})
			if name == dropAt {
				return packet.Drop
			}
			return packet.Accept
		}
	}
	r := newRig(t, func(c *Config) {
		for i, n := range []string{"o", "i"} {
			c.Interfaces[i].Prerouting, c.Interfaces[i].Input = chain(n+" prerouting"), chain(n+" input")
			c.Interfaces[i].Output, c.Interfaces[i].Postrouting = chain(n+" output"), chain(n+" postrouting")
		}
		c.Forward = chain("forward")
	})
	r.know()
	through := func() []byte { return nettest.UDP(client.ether(), client.to(server), 1, 2, nil) }
	toUs := func() []byte {
		return nettest.Echo(client.ether(), nettest.IP{Src: client.ip, Dst: outsideIP}, wire.ICMPEchoRequest, 1, 1, nil)
	}
	const none = packet.None
	for _, c := range []struct {
		name  string
		frame []byte
		drop  string
		fate  Fate
		want  []seen
	}{
		{"through", through(), "", Forwarded, []seen{{"o prerouting", outside, none}, {"forward", outside, inside}, {"i postrouting", outside, inside}}},
		{"to us", toUs(), "", Echo, []seen{{"o prerouting", outside, none}, {"o input", outside, none}, {"o output", none, outside}, {"o postrouting", none, outside}}},
		{"prerouting", through(), "o prerouting", DropPrerouting, []seen{{"o prerouting", outside, none}}},
		{"forward", through(), "forward", DropForward, []seen{{"o prerouting", outside, none}, {"forward", outside, inside}}},
		{"postrouting", through(), "i postrouting", DropPostrouting, []seen{{"o prerouting", outside, none}, {"forward", outside, inside}, {"i postrouting", outside, inside}}},
		{"input", toUs(), "o input", DropInput, []seen{{"o prerouting", outside, none}, {"o input", outside, none}}},
	} {
		log, dropAt = nil, c.drop
		r.expectFate(c.name, outside, c.fate, func() { r.send(client, c.frame) })
		if len(log) != len(c.want) {
			t.Errorf("%s: chains %v, want %v", c.name, log, c.want)
			continue
		}
		for i := range log {
			if log[i] != c.want[i] {
				t.Errorf("%s: chains %v, want %v", c.name, log, c.want)
			}
		}
	}
	log, dropAt = nil, "o output"
	out, _ := r.send(client, toUs())
	if len(out) != 0 {
		t.Error("an answer passed a chain that drops it")
	}
}
