package engine

import (
	"bytes"
	"errors"
	"testing"

	"tender/guest/net/filter"
	"tender/guest/net/nettest"
	"tender/guest/net/packet"
	"tender/guest/net/route"
	"tender/guest/net/wire"
)

const (
	outside = iota
	inside
)

const second = int64(1e9)

var (
	outsideIP, insideIP = nettest.Addr("10.0.0.2"), nettest.Addr("192.168.0.1")
	outsideMAC          = wire.MAC{2, 0, 0, 0, 0, 0xa0}
	insideMAC           = wire.MAC{2, 0, 0, 0, 0, 0xb0}
	client              = host{outside, nettest.Addr("10.0.0.1"), wire.MAC{2, 0, 0, 0, 0, 1}}
	server              = host{inside, nettest.Addr("192.168.0.20"), wire.MAC{2, 0, 0, 0, 0, 2}}
)

// host is somebody on one of the two networks.
type host struct {
	iface int
	ip    wire.Addr4
	mac   wire.MAC
}

// ether is for frames to the router.
func (h host) ether() nettest.Ether {
	if h.iface == outside {
		return nettest.Ether{Dst: outsideMAC, Src: h.mac}
	}
	return nettest.Ether{Dst: insideMAC, Src: h.mac}
}

func (h host) to(other host) nettest.IP { return nettest.IP{Src: h.ip, Dst: other.ip} }

// recorder is a port that keeps what is written.
type recorder struct {
	t      testing.TB
	frames [][]byte
	broken bool
	// unchecked says that wrong transport checksums come in and go out.
	unchecked bool
	// offloads says that it takes frames with something left to do. They are
	// kept as the frames that they stand for, and counted in large.
	offloads bool
	large    int
}

func (r *recorder) WriteFrame(frame []byte) error {
	if r.broken {
		return errors.New("unplugged")
	}
	check := nettest.CheckFrame
	if r.unchecked {
		check = nettest.CheckHeaders
	}
	if err := check(frame); err != nil {
		r.t.Errorf("frame % x: %v", frame, err)
	}
	r.frames = append(r.frames, bytes.Clone(frame))
	return nil
}

func (r *recorder) Offloads() bool { return r.offloads }

func (r *recorder) WriteOffload(frame []byte, o packet.Offload) error {
	if r.broken {
		return errors.New("unplugged")
	}
	whole := join(frame, o.Rest)
	check := nettest.CheckHeaders(whole)
	if !r.unchecked {
		check = nettest.CheckPartial(whole, o.ChecksumStart, o.ChecksumOffset)
	}
	if check != nil || !r.offloads {
		r.t.Errorf("frame % x, %d bytes in all, %+v: %v", frame[:min(len(frame), 100)], len(whole), o, check)
	}
	frames := nettest.Cut(whole, o.Segment)
	if o.Segment > 0 && len(frames) < 2 {
		r.t.Errorf("one segment of %d bytes is to be cut into segments of %d", len(whole), o.Segment)
	}
	r.frames = append(r.frames, frames...)
	r.large++
	return nil
}

// join is a frame in pieces as one.
func join(frame []byte, rest [][]byte) []byte {
	return bytes.Join(append([][]byte{frame}, rest...), nil)
}

// rig is an engine with two ports.
type rig struct {
	*Engine
	t     testing.TB
	ports [2]*recorder
	now   int64
	// sends says that the test uses Send, so that frames of our own may wait.
	sends bool
}

// rule is filter.Any changed.
func rule(change func(*filter.Rule)) filter.Rule {
	r := filter.Any()
	r.Verdict = packet.Accept
	change(&r)
	return r
}

// policy lets answers pass, and TCP port 80, UDP port 53 and pings to the
// server begin.
func policy(t testing.TB) packet.Chain {
	t.Helper()
	to := wire.Prefix4{Addr: server.ip, Bits: 32}
	rules, err := filter.New([]filter.Rule{
		rule(func(r *filter.Rule) { r.States = filter.StatesOf(packet.Established, packet.Related) }),
		rule(func(r *filter.Rule) {
			r.Proto = wire.ProtoTCP
			r.Dst = to
			r.DstPorts = filter.Ports{First: 80, Last: 80}
		}),
		rule(func(r *filter.Rule) {
			r.Proto = wire.ProtoUDP
			r.Dst = to
			r.DstPorts = filter.Ports{First: 53, Last: 53}
		}),
		rule(func(r *filter.Rule) { r.Proto = wire.ProtoICMP; r.ICMPType = wire.ICMPEchoRequest }),
	}, packet.Drop)
	if err != nil {
		t.Fatal(err)
	}
	return rules.Verdict
}

func config(t testing.TB, ports [2]Port) Config {
	return Config{
		Interfaces: []Interface{
			{Name: "outside", Port: ports[outside], MAC: outsideMAC, MTU: 1500, Addrs: []wire.Prefix4{{Addr: outsideIP, Bits: 24}}},
			{Name: "inside", Port: ports[inside], MAC: insideMAC, MTU: 1500, Addrs: []wire.Prefix4{{Addr: insideIP, Bits: 24}}},
		},
		Routes:  []route.Route{{Prefix: nettest.Prefix("172.16.0.0/12"), NextHop: client.ip, Iface: outside}},
		Forward: policy(t),
		Flows:   64,
	}
}

func newRig(t testing.TB, change func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, ports: [2]*recorder{{t: t}, {t: t}}, now: second}
	c := config(t, [2]Port{r.ports[0], r.ports[1]})
	if change != nil {
		change(&c)
	}
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	r.Engine = e
	return r
}

// send puts a frame in and returns what came out on both sides.
func (r *rig) send(from host, frame []byte) (out, in [][]byte) {
	r.t.Helper()
	r.Input(from.iface, frame, r.now)
	return r.take()
}

// take returns what came out since it was last asked for.
func (r *rig) take() (out, in [][]byte) {
	r.t.Helper()
	r.checkCounters()
	out, in = r.ports[outside].frames, r.ports[inside].frames
	r.ports[outside].frames, r.ports[inside].frames = nil, nil
	return out, in
}

// know teaches the router where both hosts are, by a ping between them.
func (r *rig) know() {
	r.t.Helper()
	r.send(client, nettest.Echo(client.ether(), client.to(server), wire.ICMPEchoRequest, 9999, 1, nil))
	r.answerARP(server)
	r.send(server, nettest.Echo(server.ether(), server.to(client), wire.ICMPEchoReply, 9999, 1, nil))
	r.answerARP(client)
	for i := range r.ports {
		if r.Counters(i).Neighbours != 1 {
			r.t.Fatalf("interface %d does not know its neighbour", i)
		}
	}
	r.take()
}

// answerARP answers for h what the router may have asked.
func (r *rig) answerARP(h host) (out, in [][]byte) {
	r.t.Helper()
	n := &r.ifaces[h.iface]
	return r.send(h, nettest.ARP(n.MAC, wire.ARPReply, h.mac, h.ip, n.MAC, n.Addrs[0].Addr))
}

// checkCounters is the book-keeping of Counters.
func (r *rig) checkCounters() {
	r.t.Helper()
	var forwarded, sent, held uint64
	for i := range r.ifaces {
		c := r.Counters(i)
		sum := c.Held
		for _, n := range c.Fates {
			sum += n
		}
		if c.RxFrames != sum {
			r.t.Errorf("interface %d: %d frames in, %d fates", i, c.RxFrames, sum)
		}
		if c.TxFrames != c.TxForwarded+c.TxFragments+c.TxARP+c.TxICMP+c.TxOwn {
			r.t.Errorf("interface %d: %d frames out do not add up: %+v", i, c.TxFrames, c)
		}
		forwarded += c.Fates[Forwarded]
		sent += c.TxForwarded
		held += c.Held
	}
	var waiting uint64
	for i := range r.ifaces {
		waiting += uint64(r.ifaces[i].neighbours.Waiting())
	}
	for _, b := range r.balancers {
		waiting += uint64(b.Waiting())
	}
	own := r.sends || len(r.balancers) > 0
	if forwarded != sent || held > waiting || held < waiting && !own {
		r.t.Errorf("%d forwarded but %d sent, %d held but %d wait", forwarded, sent, held, waiting)
	}
	if f := r.FlowCounters(r.now); f.Begun != f.Active+f.Expired+f.Evicted+f.Reused+f.Forgotten {
		r.t.Errorf("flow counters do not add up: %+v", f)
	}
}

// expectFate checks that exactly one more frame has this fate after do.
func (r *rig) expectFate(what string, iface int, fate Fate, do func()) {
	r.t.Helper()
	before := r.Counters(iface)
	do()
	after := r.Counters(iface)
	if after.Fates[fate] != before.Fates[fate]+1 {
		for f := range after.Fates {
			if after.Fates[f] != before.Fates[f] {
				r.t.Errorf("%s: fate is %v, want %v", what, Fate(f), fate)
				return
			}
		}
		r.t.Errorf("%s: no fate, want %v", what, fate)
	}
}
