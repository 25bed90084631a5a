package flow

import (
	"math/rand/v2"
	"testing"

	"tender/guest/net/nettest"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

const (
	syn = wire.TCPSyn
	ack = wire.TCPAck
	fin = wire.TCPFin
	rst = wire.TCPRst
)

var scale7 = []byte{3, 3, 7, 0}

// tcpStep is one segment. Sequence numbers are relative: the client starts at
// 1000, the server at 5000000.
type tcpStep struct {
	answer   bool
	flags    uint8
	seq, ack uint32
	length   int
	options  []byte
	window   uint16
	want     packet.State
}

const clientISN, serverISN = 1000, 5000000

func (s tcpStep) packet(t testing.TB) *packet.Packet {
	g := nettest.Segment{Flags: s.flags, Window: s.window, Options: s.options, Data: make([]byte, s.length)}
	if g.Window == 0 {
		g.Window = 1000
	}
	ip := nettest.IP{Src: client, Dst: server}
	g.SrcPort, g.DstPort, g.Seq, g.Ack = 4000, 80, clientISN+s.seq, serverISN+s.ack
	if s.answer {
		ip = nettest.IP{Src: server, Dst: client}
		g.SrcPort, g.DstPort, g.Seq, g.Ack = 80, 4000, serverISN+s.seq, clientISN+s.ack
	}
	if s.flags&ack == 0 {
		g.Ack = 0
	}
	return parse(t, nettest.TCP(nettest.Ether{}, ip, g))
}

func handshake() []tcpStep {
	return []tcpStep{
		{false, syn, 0, 0, 0, scale7, 0, packet.New},
		{true, syn | ack, 0, 1, 0, scale7, 0, packet.Established},
		{false, ack, 1, 1, 0, nil, 0, packet.Established},
	}
}

func TestTCP(t *testing.T) {
	const new, est, inv = packet.New, packet.Established, packet.Invalid
	for _, c := range []struct {
		name  string
		begin []tcpStep
		steps []tcpStep
		class class
	}{
		{"handshake", handshake(), nil, established + kindTCP},
		{"data both ways", handshake(), []tcpStep{
			{false, ack, 1, 1, 500, nil, 0, est}, {true, ack, 1, 501, 700, nil, 0, est}, {false, ack, 501, 701, 0, nil, 0, est},
		}, established + kindTCP},
		{"retransmission and keep-alive", handshake(), []tcpStep{
			{false, ack, 1, 1, 500, nil, 0, est}, {false, ack, 1, 1, 500, nil, 0, est}, {false, ack, 500, 1, 0, nil, 0, est},
		}, established + kindTCP},
		{"windows are scaled", handshake(), []tcpStep{
			{true, ack, 1, 1, 0, nil, 1000, est}, {false, ack, 100001, 1, 10, nil, 0, est}, {false, ack, 140001, 1, 10, nil, 0, inv},
		}, established + kindTCP},
		{"beyond the window", handshake(), []tcpStep{{false, ack, 1003, 1, 1, nil, 0, inv}}, established + kindTCP},
		{"far behind the window", handshake(), []tcpStep{
			{true, ack, 1, 1, 0, nil, 1000, est}, {false, ack, 1<<32 + 1 - 200000, 1, 1, nil, 0, inv},
		}, established + kindTCP},
		{"acknowledges what was not sent", handshake(), []tcpStep{{true, ack, 1, 2, 0, nil, 0, inv}}, established + kindTCP},
		{"acknowledges what is long gone", handshake(), []tcpStep{{true, ack, 1, 1<<32 + 1 - 200000, 0, nil, 0, inv}}, established + kindTCP},
		{"from the middle", nil, []tcpStep{{false, ack, 1, 1, 0, nil, 0, inv}, {true, syn | ack, 0, 1, 0, nil, 0, inv}}, free},
		{"rst from nowhere", nil, []tcpStep{{false, rst, 1, 1, 0, nil, 0, inv}}, free},
		{"only a syn", handshake()[:1], nil, unconfirmed + kindTCP},
		{"syn sent again", handshake()[:1], []tcpStep{{false, syn, 0, 0, 0, nil, 0, new}}, unconfirmed + kindTCP},
		{"answered but not complete", handshake()[:2], nil, confirmed + kindTCP},
		{"begun anew while opening", handshake()[:2], []tcpStep{
			{false, syn, 9000, 0, 0, nil, 0, est}, {true, syn | ack, 777, 9001, 0, nil, 0, est}, {false, ack, 9001, 778, 0, nil, 0, est},
		}, established + kindTCP},
		{"data before the answer", handshake()[:1], []tcpStep{{false, ack, 1, 1, 10, nil, 0, inv}}, unconfirmed + kindTCP},
		{"syn-ack for another syn", handshake()[:1], []tcpStep{{true, syn | ack, 0, 2, 0, nil, 0, inv}}, unconfirmed + kindTCP},
		{"fast open, data not taken", nil, []tcpStep{
			{false, syn, 0, 0, 100, nil, 0, new}, {true, syn | ack, 0, 1, 0, nil, 0, est}, {false, ack, 1, 1, 100, nil, 0, est},
		}, established + kindTCP},
		{"refused", handshake()[:1], []tcpStep{{true, rst | ack, 0, 1, 0, nil, 0, est}}, tcpClosed},
		{"refused by a guess", handshake()[:1], []tcpStep{{true, rst | ack, 0, 77, 0, nil, 0, inv}}, unconfirmed + kindTCP},
		{"refused, then again", handshake()[:1], []tcpStep{
			{true, rst | ack, 0, 1, 0, nil, 0, est}, {false, syn, 50, 0, 0, nil, 0, new},
		}, unconfirmed + kindTCP},
		{"old connection on the other side", handshake()[:1], []tcpStep{
			{true, ack, 600, 700, 0, nil, 0, est}, {false, rst, 700, 0, 0, nil, 0, est}, {false, syn, 0, 0, 0, nil, 0, est},
			{true, syn | ack, 0, 1, 0, nil, 0, est}, {false, ack, 1, 1, 0, nil, 0, est},
		}, established + kindTCP},
		{"both open", handshake()[:1], []tcpStep{
			{true, syn, 0, 0, 0, nil, 0, est}, {false, syn | ack, 0, 1, 0, nil, 0, inv}, {true, syn | ack, 0, 1, 0, nil, 0, est}, {false, ack, 1, 1, 0, nil, 0, est},
		}, established + kindTCP},
		{"exact reset", handshake(), []tcpStep{{true, rst, 1, 0, 0, nil, 0, est}}, tcpClosed},
		{"reset somewhere in the window", handshake(), []tcpStep{{true, rst, 300, 0, 0, nil, 0, est}}, established + kindTCP},
		{"reset by a guess", handshake(), []tcpStep{{true, rst, 200000, 0, 0, nil, 0, inv}}, established + kindTCP},
		{"blind syn", handshake(), []tcpStep{{false, syn, 99999, 0, 0, nil, 0, est}, {true, ack, 1, 1, 10, nil, 0, est}}, established + kindTCP},
		{"one side closes", handshake(), []tcpStep{
			{false, fin | ack, 1, 1, 0, nil, 0, est}, {true, ack, 1, 2, 800, nil, 0, est},
		}, tcpClosing},
		{"both sides close", handshake(), []tcpStep{
			{false, fin | ack, 1, 1, 0, nil, 0, est}, {true, fin | ack, 1, 2, 0, nil, 0, est}, {false, ack, 2, 2, 0, nil, 0, est},
		}, tcpClosed},
		{"closed, then again", handshake(), []tcpStep{
			{false, fin | ack, 1, 1, 0, nil, 0, est}, {true, fin | ack, 1, 2, 0, nil, 0, est}, {false, syn, 777, 0, 0, nil, 0, new},
		}, unconfirmed + kindTCP},
		{"zero window probe", handshake(), []tcpStep{
			{false, ack, 1, 1, 1000, nil, 0, est}, {true, ack, 1, 1001, 0, nil, 0, est}, {false, ack, 1001, 1, 1, nil, 0, est},
		}, established + kindTCP},
	} {
		table := newTable(t, 4, Timeouts{})
		for i, step := range append(c.begin, c.steps...) {
			if got, _ := pass(table, step.packet(t), 0); got != step.want {
				t.Errorf("%s: segment %d is %v, want %v", c.name, i, got, step.want)
			}
		}
		if c.class != free && table.queues.Len(c.class) != 1 {
			t.Errorf("%s: class is not %d", c.name, c.class)
		}
		if c.class == free && table.Counters().Begun != 0 {
			t.Errorf("%s: a flow has begun", c.name)
		}
	}
}

func TestTCPQuoted(t *testing.T) {
	table := newTable(t, 4, Timeouts{})
	for _, s := range handshake() {
		pass(table, s.packet(t), 0)
	}
	about := func(s tcpStep) packet.State {
		quoted := s.packet(t).IP
		ip := nettest.IP{Src: nettest.Addr("172.16.0.1"), Dst: quoted.Src()}
		frame := nettest.ICMP(nettest.Ether{}, ip, wire.ICMPUnreachable, wire.CodeFragNeeded, 1400, quoted[:28])
		return table.Classify(parse(t, frame), 0).State
	}
	if got := about(tcpStep{false, ack, 1, 1, 500, nil, 0, 0}); got != packet.Related {
		t.Errorf("error about the next segment is %v", got)
	}
	if got := about(tcpStep{false, ack, 1 << 30, 1, 500, nil, 0, 0}); got != packet.Invalid {
		t.Errorf("error about a segment never sent is %v", got)
	}
}

// TestTCPTransfer lets two simple ends move data in windows, with losses and
// retransmissions after the firewall; it must not find anything invalid, also
// where sequence numbers wrap.
func TestTCPTransfer(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for round := range 200 {
		var c conn
		isn := [2]uint32{rng.Uint32(), -uint32(rng.IntN(100000))}
		scale := uint8(rng.IntN(8))
		next, acked := isn, [2]uint32{}
		send := func(from int, g segment) {
			t.Helper()
			if v := c.check(from == 1, &g); c.tracked && v != segmentBelongs {
				t.Fatalf("round %d: segment %+v of side %d is %d; connection %+v", round, g, from, v, c)
			}
			c.update(from == 1, &g)
		}
		window := uint32(rng.IntN(60000) + 3000)
		send(0, segment{seq: isn[0], end: isn[0] + 1, window: window, flags: syn, scale: scale, scales: true})
		send(1, segment{seq: isn[1], end: isn[1] + 1, ack: isn[0] + 1, window: window, flags: syn | ack, scale: scale, scales: true})
		next[0]++
		next[1]++
		acked[0], acked[1] = next[1], next[0] // what side i has acknowledged
		send(0, segment{seq: next[0], end: next[0], ack: acked[0], window: window, flags: ack})
		offered := window // unscaled until both have offered a scaled window
		seen := [2]bool{true, false}
		for range 300 {
			from := rng.IntN(2)
			to := 1 - from
			limit := acked[to] + offered
			if seen[to] {
				limit = acked[to] + window<<scale
			}
			room := limit - next[from]
			switch rng.IntN(4) {
			case 0: // acknowledge everything, or nothing new
				if rng.IntN(2) == 0 {
					acked[from] = next[to]
				}
				send(from, segment{seq: next[from], end: next[from], ack: acked[from], window: window, flags: ack})
				seen[from] = true
			case 1: // send again from the oldest
				if n := next[from] - acked[to]; n > 0 {
					send(from, segment{seq: acked[to], end: acked[to] + min(n, 1460), ack: acked[from], window: window, flags: ack})
					seen[from] = true
				}
			default:
				if n := min(room, uint32(rng.IntN(1460)+1)); int32(room) > 0 {
					send(from, segment{seq: next[from], end: next[from] + n, ack: acked[from], window: window, flags: ack})
					next[from] += n
					seen[from] = true
				}
			}
		}
	}
}
