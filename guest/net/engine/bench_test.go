package engine

import (
	"encoding/binary"
	"fmt"
	"testing"

	"tender/guest/net/filter"
	"tender/guest/net/nettest"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// sink is a port that takes everything.
type sink struct{}

func (sink) WriteFrame([]byte) error { return nil }

// newQuiet makes an engine that knows both hosts and keeps nothing. Answers
// pass by the first rule; before the rule that accepts all stand rules that do
// not match.
func newQuiet(t testing.TB, rules, flows int) *Engine {
	t.Helper()
	r := newRig(t, nil)
	c := config(t, [2]Port{sink{}, sink{}})
	c.Flows = flows
	list := []filter.Rule{rule(func(r *filter.Rule) { r.States = filter.StatesOf(packet.Established) })}
	for i := range rules {
		list = append(list, rule(func(r *filter.Rule) {
			r.Verdict = packet.Drop
			r.Proto = wire.ProtoUDP
			r.DstPorts = filter.Ports{First: uint16(10000 + i), Last: uint16(10000 + i)}
		}))
	}
	set, err := filter.New(append(list, rule(func(*filter.Rule) {})), packet.Drop)
	if err != nil {
		t.Fatal(err)
	}
	c.Forward = set.Verdict
	if r.Engine, err = New(c); err != nil {
		t.Fatal(err)
	}
	r.know()
	return r.Engine
}

// reset makes a frame that was sent on as it was before.
func reset(frame, original []byte) { copy(frame[:wire.EthernetLen+wire.IPv4MinLen], original) }

func TestForwardDoesNotAllocate(t *testing.T) {
	e := newQuiet(t, 10, 64)
	now := second
	original := nettest.UDP(client.ether(), client.to(server), 1000, 53, make([]byte, 100))
	frame := append([]byte(nil), original...)
	port := uint16(0)
	absent := nettest.Echo(client.ether(), nettest.IP{Src: client.ip, Dst: nettest.Addr("192.168.0.77")}, 8, 1, 1, nil)
	noRoute := nettest.UDP(client.ether(), nettest.IP{Src: client.ip, Dst: nettest.Addr("8.8.8.8")}, 1, 53, nil)
	toUs := nettest.Echo(client.ether(), nettest.IP{Src: client.ip, Dst: outsideIP}, 8, 1, 1, nil)
	usOriginal := append([]byte(nil), toUs...)
	later, take := newLarge(t, false), newLarge(t, true)
	for name, do := range map[string]func(){
		"new flow": func() {
			reset(frame, original)
			port++
			binary.BigEndian.PutUint16(frame[34:], port)
			e.Input(outside, frame, now)
		},
		"established": func() { reset(frame, original); e.Input(outside, frame, now) },
		"held":        func() { now += second; e.Input(outside, absent, now); e.Tick(now) },
		"ICMP error":  func() { now += second; e.Input(outside, noRoute, now) },
		"echo":        func() { copy(toUs, usOriginal); e.Input(outside, toUs, now) },
		"cut":         later,
		"large":       take,
		"garbage":     func() { e.Input(outside, original[:50], now) },
	} {
		if n := testing.AllocsPerRun(500, do); n != 0 {
			t.Errorf("%s: %v allocations per frame, want 0", name, n)
		}
	}
}

// taker is a sink for frames with something left to do.
type taker struct{ sink }

func (taker) WriteOffload([]byte, packet.Offload) error { return nil }
func (taker) Offloads() bool                            { return true }

// newLarge returns a function that forwards 64 KiB of TCP in chunks of 2 KiB,
// without a checksum, to a port that takes it as it is or not.
func newLarge(t testing.TB, takes bool) func() {
	t.Helper()
	e := newQuiet(t, 0, 64)
	if takes {
		e.ifaces[inside].offloads = taker{}
	}
	shake := rig{Engine: e, t: t, now: second}
	for _, s := range []struct {
		from     host
		ip       nettest.IP
		flags    uint8
		seq, ack uint32
		a, b     uint16
	}{
		{client, client.to(server), wire.TCPSyn, 100, 0, 1000, 80},
		{server, server.to(client), wire.TCPSyn | wire.TCPAck, 500, 101, 80, 1000},
		{client, client.to(server), wire.TCPAck, 101, 501, 1000, 80},
	} {
		shake.Input(s.from.iface, nettest.TCP(s.from.ether(), s.ip, nettest.Segment{SrcPort: s.a, DstPort: s.b, Seq: s.seq, Ack: s.ack, Flags: s.flags, Window: 65535}), second)
	}
	original := large(65000, nil)
	o := partial(original, 1448)
	frame := append([]byte(nil), original...)
	const chunk = 2038
	for rest := frame[chunk:]; len(rest) > 0; rest = rest[min(len(rest), chunk):] {
		o.Rest = append(o.Rest, rest[:min(len(rest), chunk)])
	}
	return func() {
		reset(frame, original)
		e.InputOffload(outside, frame[:chunk], o, second)
		if e.ifaces[outside].counters.Dropped() != 0 {
			t.Fatal("dropped")
		}
	}
}

// BenchmarkLarge is the time of 65000 bytes of TCP from InputOffload to
// WriteOffload, or to WriteFrame for each of their 45 segments.
func BenchmarkLarge(b *testing.B) {
	for name, takes := range map[string]bool{"whole": true, "cut": false} {
		b.Run(name, func(b *testing.B) {
			do := newLarge(b, takes)
			b.SetBytes(65000)
			b.ReportAllocs()
			for b.Loop() {
				do()
			}
		})
	}
}

// BenchmarkForward is the time of one frame from Input to WriteFrame. With
// "established" all frames belong to one flow that was answered; with "new"
// each begins one, in a table that is full; "flows" takes turns through 10000
// flows without answers. Size is that of the datagram.
func BenchmarkForward(b *testing.B) {
	for _, size := range []int{64, 1500} {
		for _, rules := range []int{0, 100, 1000} {
			b.Run(fmt.Sprintf("established/size=%d/rules=%d", size, rules), func(b *testing.B) {
				benchmark(b, newQuiet(b, rules, 1<<14), size, 1)
			})
		}
	}
	b.Run("flows/size=64/rules=0", func(b *testing.B) { benchmark(b, newQuiet(b, 0, 1<<14), 64, 10000) })
	for _, rules := range []int{0, 100, 1000} {
		b.Run(fmt.Sprintf("new/size=64/rules=%d", rules), func(b *testing.B) {
			benchmark(b, newQuiet(b, rules, 1<<12), 64, 1<<24)
		})
	}
}

func benchmark(b *testing.B, e *Engine, size, flows int) {
	original := nettest.UDP(client.ether(), client.to(server), 0, 53, make([]byte, size-wire.IPv4MinLen-wire.UDPLen))
	frame := append([]byte(nil), original...)
	if flows == 1 {
		e.Input(outside, frame, second)
		e.Input(inside, nettest.UDP(server.ether(), server.to(client), 53, 0, nil), second)
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		reset(frame, original)
		i++
		if i == flows {
			i = 0
		}
		binary.BigEndian.PutUint16(frame[34:], uint16(i))
		binary.BigEndian.PutUint16(frame[36:], uint16(i>>16)+53)
		e.Input(outside, frame, second)
	}
	if c := e.Counters(outside); c.Dropped() != 0 {
		b.Errorf("%d frames dropped", c.Dropped())
	}
}
