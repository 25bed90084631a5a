package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"tender/guest/net/balance"
	"tender/guest/net/nettest"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// partial makes an Offload of a complete frame with TCP or UDP.
func partial(frame []byte, segment int) packet.Offload {
	start, offset := nettest.Partial(frame)
	return packet.Offload{ChecksumStart: start, ChecksumOffset: offset, Segment: segment}
}

// sendOffload is send for a frame with something left to do.
func (r *rig) sendOffload(from host, frame []byte, o packet.Offload) (out, in [][]byte) {
	r.t.Helper()
	r.InputOffload(from.iface, frame, o, r.now)
	return r.take()
}

// large is a segment of the client's to port 80 of the server, as a plain frame.
func large(size int, change func(*nettest.IP, *nettest.Segment)) []byte {
	ip := client.to(server)
	s := nettest.Segment{SrcPort: 1000, DstPort: 80, Seq: 101, Ack: 501, Flags: wire.TCPAck | wire.TCPPsh, Window: 5000, Data: make([]byte, size)}
	for i := range s.Data {
		s.Data[i] = byte(i * 7 >> 3)
	}
	if change != nil {
		change(&ip, &s)
	}
	return nettest.TCP(client.ether(), ip, s)
}

// newOpen is a rig that knows both hosts, with a connection that large belongs to.
func newOpen(t testing.TB, change func(*Config)) *rig {
	t.Helper()
	r := newRig(t, change)
	r.know()
	r.shake()
	return r
}

// shake opens the connection of large.
func (r *rig) shake() {
	r.t.Helper()
	for _, c := range []struct {
		answer   bool
		flags    uint8
		seq, ack uint32
	}{{false, wire.TCPSyn, 100, 0}, {true, wire.TCPSyn | wire.TCPAck, 500, 101}, {false, wire.TCPAck, 101, 501}} {
		from, ip, s := client, client.to(server), nettest.Segment{SrcPort: 1000, DstPort: 80, Seq: c.seq, Ack: c.ack, Flags: c.flags, Window: 60000}
		if c.answer {
			from, ip, s.SrcPort, s.DstPort = server, server.to(client), 80, 1000
		}
		out, in := r.send(from, nettest.TCP(from.ether(), ip, s))
		one(r.t, "handshake", append(out, in...))
	}
}

// TestOffloadNonsense offers what no honest port does.
func TestOffloadNonsense(t *testing.T) {
	syn := func(_ *nettest.IP, s *nettest.Segment) { s.Flags = wire.TCPSyn }
	for _, c := range []struct {
		name   string
		frame  []byte
		change func(*packet.Offload)
		fate   Fate
		frames uint64
	}{
		{"large", large(5000, nil), func(*packet.Offload) {}, Forwarded, 5},
		{"large in pieces", large(5000, nil), func(o *packet.Offload) { o.Rest = [][]byte{} }, Forwarded, 5},
		{"no checksum", large(5000, nil), func(o *packet.Offload) { o.ChecksumStart = 0 }, DropOffload, 1},
		{"checksum before", large(5000, nil), func(o *packet.Offload) { o.ChecksumStart = -1 }, DropOffload, 1},
		{"checksum before by far", large(100, nil), func(o *packet.Offload) { o.ChecksumStart, o.Segment = -1<<63, 0 }, DropOffload, 1},
		{"checksum in the Ethernet header", large(100, nil), func(o *packet.Offload) { o.ChecksumStart, o.Segment = 13, 0 }, DropOffload, 1},
		{"checksum behind", large(100, nil), func(o *packet.Offload) { o.ChecksumStart, o.Segment = 1000, 0 }, DropOffload, 1},
		{"checksum behind by far", large(100, nil), func(o *packet.Offload) { o.ChecksumStart, o.Segment = 1<<63-1, 0 }, DropOffload, 1},
		{"place behind", large(100, nil), func(o *packet.Offload) { o.ChecksumOffset, o.Segment = 119, 0 }, DropOffload, 1},
		{"place behind by far", large(100, nil), func(o *packet.Offload) { o.ChecksumOffset, o.Segment = 1<<63-1, 0 }, DropOffload, 1},
		{"place before", large(100, nil), func(o *packet.Offload) { o.ChecksumOffset, o.Segment = -1, 0 }, DropOffload, 1},
		{"segments of another checksum", large(5000, nil), func(o *packet.Offload) { o.ChecksumOffset = 6 }, DropOffload, 1},
		{"negative segments", large(5000, nil), func(o *packet.Offload) { o.Segment = -1 }, DropOffload, 1},
		{"tiny segments", large(5000, nil), func(o *packet.Offload) { o.Segment = 1 }, DropOffload, 1},
		{"huge segments", large(100, nil), func(o *packet.Offload) { o.Segment = 1<<63 - 1 }, Forwarded, 1},
		{"segments above the MTU", large(5000, nil), func(o *packet.Offload) { o.Segment = 1461 }, DropFrameLong, 4},
		{"one segment above the MTU", large(2000, nil), func(o *packet.Offload) { o.Segment = 2000 }, DropFrameLong, 1},
		{"of UDP", nettest.UDP(client.ether(), client.to(server), 1, 53, make([]byte, 1000)), func(o *packet.Offload) { o.Segment = 100 }, DropOffload, 1},
		{"that begins", large(5000, syn), func(*packet.Offload) {}, DropOffload, 1},
		{"with padding", append(large(5000, nil), 0, 0), func(*packet.Offload) {}, DropOffload, 1},
		{"cut short", large(5000, nil)[:5000], func(*packet.Offload) {}, DropOffload, 1},
		{"fragment", nettest.Fragment(client.ether(), client.to(server), wire.ProtoTCP, large(1000, nil)[34:], 0, true), func(o *packet.Offload) { o.Segment = 100 }, DropOffload, 1},
		{"whole fragment", nettest.Fragment(client.ether(), client.to(server), wire.ProtoTCP, large(1004, nil)[34:], 0, true), func(o *packet.Offload) { o.Segment = 0 }, DropOffload, 1},
		{"no header", make([]byte, 13), func(o *packet.Offload) { o.Rest = [][]byte{large(100, nil)} }, DropFrameShort, 1},
		{"too long in pieces", large(1000, nil), func(o *packet.Offload) { *o = packet.Offload{Rest: [][]byte{make([]byte, 1000)}} }, DropFrameLong, 1},
		{"complete, in pieces", large(1000, nil)[:700], func(o *packet.Offload) { *o = packet.Offload{Rest: [][]byte{nil, large(1000, nil)[700:]}} }, Forwarded, 1},
	} {
		for _, takes := range []bool{false, true} {
			r := newOpen(t, nil)
			r.ports[inside].offloads = takes
			frame := bytes.Clone(c.frame)
			o := packet.Offload{ChecksumStart: 34, ChecksumOffset: 16, Segment: 1000}
			if len(frame) > 34 {
				switch wire.IPv4(frame[14:]).Protocol() {
				case wire.ProtoUDP:
					o.ChecksumOffset = 6
				}
			}
			if c.change(&o); o.ChecksumStart == 34 && len(frame) > 34 && c.fate == Forwarded {
				nettest.Partial(frame)
			}
			before := r.Counters(outside)
			r.sendOffload(client, frame, o)
			after := r.Counters(outside)
			if got := after.Fates[c.fate] - before.Fates[c.fate]; got != c.frames || after.RxFrames-before.RxFrames != c.frames {
				t.Errorf("%s: %d frames are %v, want %d; %+v", c.name, got, c.fate, c.frames, after.Fates)
			}
		}
	}
}

// TestOffloadMissingElsewhere completes what is not ours to leave.
func TestOffloadMissingElsewhere(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Forward = acceptAll })
	r.know()
	r.ports[inside].offloads = true
	// A protocol that has its checksum of the inner datagram at 20+10.
	body := bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7}, 10)
	binary.BigEndian.PutUint16(body[30:], 0x1234)
	tunnel := nettest.Datagram(client.ether(), client.to(server), 47, body)
	_, in := r.sendOffload(client, tunnel, packet.Offload{ChecksumStart: 34 + 20, ChecksumOffset: 10})
	got := ipOf(one(t, "tunnel", in)).Payload()
	body[30], body[31] = 0x12, 0x34
	want := ^wire.Sum(body[20:], 0)
	if binary.BigEndian.Uint16(got[30:]) != want {
		t.Errorf("checksum in a tunnel is % x, want %04x", got[30:32], want)
	}
	// Echo requests to us and to others.
	for name, dst := range map[string]wire.Addr4{"us": outsideIP, "others": server.ip} {
		ping := nettest.Echo(client.ether(), nettest.IP{Src: client.ip, Dst: dst}, wire.ICMPEchoRequest, 3, 4, []byte("abc"))
		ping[36], ping[37] = 0, 0
		out, in := r.sendOffload(client, ping, packet.Offload{ChecksumStart: 34, ChecksumOffset: 2})
		one(t, name, append(out, in...)) // which checks the checksum
	}
	if r.ports[inside].large != 0 {
		t.Error("something was left to do")
	}
	// UDP at its usual place is left to the port.
	udp := nettest.UDP(client.ether(), client.to(server), 1, 53, []byte("abc"))
	_, in = r.sendOffload(client, udp, partial(udp, 0))
	one(t, "UDP", in)
	if r.ports[inside].large != 1 {
		t.Error("nothing was left to do")
	}
}

// TestOffloadHeld has a neighbour asked for: what waits is complete, and of a
// large segment the beginning.
func TestOffloadHeld(t *testing.T) {
	absent := host{inside, nettest.Addr("192.168.0.30"), wire.MAC{2, 0, 0, 0, 0, 30}}
	r := newRig(t, func(c *Config) { c.Forward, c.StatelessTCP = acceptAll, true })
	r.know()
	r.ports[inside].offloads = true
	frame := large(9000, func(ip *nettest.IP, s *nettest.Segment) { ip.Dst = absent.ip })
	want := nettest.Cut(frame, 1000)
	r.sendOffload(client, frame, partial(frame, 1000))
	if c := r.Counters(outside); c.Held != 4 || c.Fates[DropNeighbourQueue] != 5 {
		t.Errorf("%d frames wait, %d found no place", c.Held, c.Fates[DropNeighbourQueue])
	}
	_, in := r.answerARP(absent)
	if len(in) != 4 {
		t.Fatalf("%d frames have waited", len(in))
	}
	for i, f := range in {
		if s := wire.TCP(ipOf(f).Payload()); s.Seq() != wire.TCP(ipOf(want[i]).Payload()).Seq() {
			t.Errorf("frame %d has sequence number %d", i, s.Seq())
		}
	}
	udp := nettest.UDP(client.ether(), nettest.IP{Src: client.ip, Dst: absent.ip + 1}, 1, 53, []byte("abc"))
	r.sendOffload(client, udp, partial(udp, 0))
	absent.ip, absent.mac[5] = absent.ip+1, 31
	_, in = r.answerARP(absent)
	one(t, "UDP", in)
	if r.ports[inside].large != 0 {
		t.Error("something was left to do")
	}
}

// TestOffloadErrors looks at what ICMP says about large segments.
func TestOffloadErrors(t *testing.T) {
	for name, c := range map[string]struct {
		size, segment int
		change        func(*nettest.IP, *nettest.Segment)
		fate          Fate
		kind          uint8
		mtu           uint16
	}{
		"too big":        {5000, 1200, func(ip *nettest.IP, _ *nettest.Segment) { ip.DF = true }, DropTooBig, wire.ICMPUnreachable, 1000},
		"too big single": {1200, 0, func(ip *nettest.IP, _ *nettest.Segment) { ip.DF = true }, DropTooBig, wire.ICMPUnreachable, 1000},
		"TTL":            {5000, 1200, func(ip *nettest.IP, _ *nettest.Segment) { ip.TTL = 1 }, DropTTL, wire.ICMPTimeExceeded, 0},
		"no route":       {5000, 1200, func(ip *nettest.IP, _ *nettest.Segment) { ip.Dst = nettest.Addr("8.8.8.8") }, DropNoRoute, wire.ICMPUnreachable, 0},
	} {
		for _, nat := range []bool{false, true} {
			r := newRig(t, func(c *Config) {
				c.Interfaces[inside].MTU, c.StatelessTCP, c.Forward = 1000, true, acceptAll
				if nat {
					c.Interfaces[outside].Prerouting = func(p *packet.Packet) packet.Verdict { return p.DNAT(p.Tuple.Dst, 8080) }
				}
			})
			r.know()
			r.ports[inside].offloads, r.ports[outside].offloads = true, true
			frame := large(c.size, c.change)
			first := nettest.Cut(frame, c.segment)[0]
			frames := uint64(len(nettest.Cut(frame, c.segment)))
			out, in := r.sendOffload(client, frame, partial(frame, c.segment))
			none(t, name, in)
			ip := ipOf(one(t, name, out))
			m := wire.ICMP(ip.Payload())
			if m.Type() != c.kind || c.mtu != 0 && m.MTU() != c.mtu || !bytes.Equal(m.Body(), first[14:14+len(m.Body())]) {
				t.Errorf("%s: says % x about % x", name, []byte(m), first[14:100])
			}
			if got := r.Counters(outside).Fates[c.fate]; got != frames {
				t.Errorf("%s: %d frames have this fate, want %d", name, got, frames)
			}
		}
	}
}

// keeper is a service that keeps what it gets.
type keeper struct{ frames [][]byte }

func (k *keeper) Deliver(p *packet.Packet, _ int64) bool {
	if !p.Offload.IsZero() || p.RestBytes() != 0 {
		return false
	}
	if p.TCP != nil && &p.TCP[0] != &p.Frame[wire.EthernetLen+p.IP.HeaderLen()] || len(p.IP) != len(p.Frame)-wire.EthernetLen {
		return false
	}
	k.frames = append(k.frames, bytes.Clone(p.Frame))
	return true
}

// TestOffloadService delivers large segments to ourselves, as one.
func TestOffloadService(t *testing.T) {
	k := &keeper{}
	r := newRig(t, func(c *Config) { c.Services, c.StatelessTCP = []Service{k}, true })
	r.know()
	toUs := func(ip *nettest.IP, _ *nettest.Segment) { ip.Dst = outsideIP }
	var want [][]byte
	for _, c := range []struct {
		frame         []byte
		segment, head int
	}{
		{large(60000, toUs), 1400, 60000}, {large(60000, toUs), 1400, 1900}, {large(1000, toUs), 0, 1000},
		{nettest.UDP(client.ether(), nettest.IP{Src: client.ip, Dst: outsideIP}, 5, 6, []byte("abc")), 0, 40},
	} {
		want = append(want, bytes.Clone(c.frame))
		o := partial(c.frame, c.segment)
		o.Rest = [][]byte{c.frame[c.head:]}
		r.sendOffload(client, c.frame[:c.head:c.head], o)
	}
	if len(k.frames) != len(want) {
		t.Fatalf("%d datagrams, want %d: %+v", len(k.frames), len(want), r.Counters(outside))
	}
	for i := range want {
		if !bytes.Equal(k.frames[i], want[i]) {
			t.Errorf("datagram %d: % x, want % x", i, k.frames[i][:60], want[i][:60])
		}
	}
	if c := r.Counters(outside); c.Fates[Delivered] != 2*43+2 {
		t.Errorf("%d frames delivered", c.Fates[Delivered])
	}
}

// TestOffloadBootstrap has a DHCP server answer without a checksum.
func TestOffloadBootstrap(t *testing.T) {
	var got []byte
	r := newRig(t, func(c *Config) {
		c.Interfaces[outside].Bootstrap = func(data []byte, _ int64) { got = bytes.Clone(data) }
	})
	frame := nettest.UDP(client.ether(), nettest.IP{Src: client.ip, Dst: wire.Broadcast4}, 67, 68, []byte("offer"))
	r.sendOffload(client, frame, partial(frame, 0))
	if string(got) != "offer" {
		t.Errorf("got %q", got)
	}
}

// TestOffloadBalancer lets connections begin, wait and carry data without
// checksums.
func TestOffloadBalancer(t *testing.T) {
	f := newFarm(t, balance.Config{SessionLimit: 1, WaitLimit: 1}, nil)
	f.ports[inside].offloads = true
	send := func(port uint16, flags uint8, seq, ack uint32, data []byte, segment int) {
		frame := nettest.TCP(client.ether(), nettest.IP{Src: client.ip, Dst: outsideIP},
			nettest.Segment{SrcPort: port, DstPort: 80, Seq: seq, Ack: ack, Flags: flags, Window: 5000, Data: data})
		f.InputOffload(outside, frame, partial(frame, segment), f.now)
		f.turn(0)
	}
	send(4000, wire.TCPSyn, 100, 0, nil, 0)
	i, syn := f.got()
	if i < 0 {
		t.Fatal("no server")
	}
	f.Input(inside, f.reply(i, syn, wire.TCPSyn|wire.TCPAck, 500), f.now)
	f.turn(0)
	send(4000, wire.TCPAck, 101, 501, make([]byte, 3000), 1000)
	if n := len(f.sent[i]); n != 3 {
		t.Fatalf("%d segments, want 3", n)
	}
	f.sent[i] = nil
	send(4001, wire.TCPSyn, 100, 0, nil, 0)
	if c := f.balancers[0].Counters(); c.Waiting != 1 {
		t.Fatalf("%+v, want one to wait", c)
	}
	send(4000, wire.TCPRst|wire.TCPAck, 3101, 501, nil, 0)
	var ports []uint16
	for i := range f.sent {
		for _, s := range f.sent[i] {
			ports = append(ports, wire.TCP(ipOf(s).Payload()).SrcPort())
		}
	}
	if fmt.Sprint(ports) != "[4000 4001]" {
		t.Errorf("ports %v, want those of the reset and of who has waited", ports)
	}
}

// TestOffloadPortFails counts the frames that a port refuses.
func TestOffloadPortFails(t *testing.T) {
	for _, takes := range []bool{false, true} {
		r := newOpen(t, nil)
		r.ports[inside].offloads, r.ports[inside].broken = takes, true
		frame := large(5000, nil)
		r.sendOffload(client, frame, partial(frame, 1000))
		if o, i := r.Counters(outside), r.Counters(inside); o.Fates[DropPort] != 5 || i.TxFailed != 5 {
			t.Errorf("%d frames dropped, %d refused, want 5", o.Fates[DropPort], i.TxFailed)
		}
	}
}
