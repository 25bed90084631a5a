package e2e

import (
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tender/guest/net/nettest"
	"tender/guest/net/wire"
	"tender/tests/rig"
	"tender/tests/rig/suite"
)

// wrong are frames with one thing wrong each, and the fate they must have.
func wrong(e nettest.Ether) []struct {
	frame []byte
	fate  string
} {
	good := func() []byte { return nettest.UDP(e, toInside, 4000, 5000, []byte("good but for one thing")) }
	changed := func(change func(frame []byte)) []byte {
		frame := good()
		change(frame)
		return frame
	}
	// sum makes the header's checksum right again.
	header := func(change func(ip []byte)) []byte {
		return changed(func(frame []byte) {
			ip := frame[wire.EthernetLen:]
			change(ip)
			ip[10], ip[11] = 0, 0
			sum := ^wire.Sum(ip[:wire.IPv4MinLen], 0)
			ip[10], ip[11] = byte(sum>>8), byte(sum)
		})
	}
	from := func(src, dst string) []byte {
		return nettest.UDP(e, nettest.IP{Src: nettest.Addr(src), Dst: nettest.Addr(dst)}, 4000, 5000, nil)
	}
	tcp := func(flags uint8) []byte {
		return nettest.TCP(e, toInside, nettest.Segment{SrcPort: 4000, DstPort: 5000, Flags: flags})
	}
	return []struct {
		frame []byte
		fate  string
	}{
		{changed(func(f []byte) { f[6] |= 1 }), "drop_frame_source"},
		{changed(func(f []byte) { f[5]++ }), "drop_not_for_us"},
		{changed(func(f []byte) { f[12], f[13] = 0x86, 0xdd }), "drop_ether_type"},
		{good()[:wire.EthernetLen], "drop_ip_header"},
		{good()[:wire.EthernetLen+19], "drop_ip_header"},
		{good()[:wire.EthernetLen+30], "drop_ip_length"},
		{header(func(ip []byte) { ip[0] = 0x65 }), "drop_ip_header"},
		{header(func(ip []byte) { ip[0] = 0x44 }), "drop_ip_header"},
		{header(func(ip []byte) { ip[2], ip[3] = 0xff, 0xff }), "drop_ip_length"},
		{changed(func(f []byte) { f[wire.EthernetLen+10] ^= 0x55 }), "drop_ip_checksum"},
		{from("10.0.0.1", "224.0.0.1"), "drop_broadcast"},
		{from("10.0.0.1", "255.255.255.255"), "drop_broadcast"},
		{from("10.0.0.1", "192.168.0.255"), "drop_broadcast"},
		{from("127.0.0.1", "192.168.0.20"), "drop_martian"},
		{from("10.0.0.1", "127.0.0.1"), "drop_martian"},
		{from("192.168.0.7", "192.168.0.20"), "drop_spoofed"},
		{from("10.0.0.1", "10.0.0.2"), "drop_no_service"},
		{nettest.Datagram(e, toInside, wire.ProtoTCP, make([]byte, 19)), "drop_transport"},
		{nettest.Datagram(e, toInside, wire.ProtoTCP, make([]byte, 20)), "drop_transport"},
		{nettest.Datagram(e, toInside, wire.ProtoUDP, make([]byte, 7)), "drop_transport"},
		{tcp(wire.TCPSyn | wire.TCPAck), "drop_invalid"},
		{nettest.Echo(e, toInside, wire.ICMPEchoReply, 1, 1, nil), "drop_invalid"},
		{nettest.ICMP(e, toInside, wire.ICMPUnreachable, 1, 0, make([]byte, 28)), "drop_transport"},
		{nettest.UDP(e, toInside, 4000, 5001, nil), "drop_policy"},
	}
}

// TestWrongFrames sends every kind of wrong frame many times; each is counted
// as what it is, and none gets through.
func TestWrongFrames(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "ping")
	l := newLab(t, "--allow=icmp,type=echo-request", "--allow=udp,in=outside,dport=5000", "--allow=tcp,in=outside,dport=5000")
	l.quiet()
	l.ping(l.Outside, rig.InsideHost) // both hosts are known
	outside, _ := l.stations()
	const times = 50
	before, insideBefore := l.settled("outside"), l.settled("inside")
	want := map[string]int{}
	kinds := wrong(outside.ether)
	for range times {
		for _, k := range kinds {
			outside.send(k.frame)
			want[k.fate]++
		}
	}
	outside.flush()
	after, insideAfter := l.settled("outside"), l.settled("inside")
	if got := after["rx"] - before["rx"]; got != times*len(kinds) {
		t.Errorf("%d frames were sent and %d came in", times*len(kinds), got)
	}
	for fate, n := range after {
		if fate == "forwarded" || len(fate) > 5 && fate[:5] == "drop_" {
			if got := n - before[fate]; got != want[fate] {
				t.Errorf("%s: %d, want %d", fate, got, want[fate])
			}
		}
	}
	if insideAfter["tx"] != insideBefore["tx"] {
		t.Errorf("%d frames went inside, want none", insideAfter["tx"]-insideBefore["tx"])
	}
	// A frame longer than the firewall's MTU needs a host that has a longer one.
	l.must(l.Outside.IP("link", "set", l.OutsideTAP, "mtu", "3000"))
	outside.send(nettest.UDP(outside.ether, toInside, 4000, 5000, make([]byte, 1500)))
	outside.flush()
	if c := l.settled("outside"); c["drop_frame_long"] != 1 {
		t.Errorf("the counters of outside: %s, want one frame too long", changes(nil, c))
	}
	l.ping(l.Outside, rig.InsideHost)
	l.accounts()
}

// TestRandomFrames sends frames that are random, or good ones with random
// changes, from both sides. Every frame gets its fate, and afterwards the
// firewall forwards as before.
func TestRandomFrames(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "ping")
	l := newLab(t, "--allow=any")
	l.quiet()
	l.ping(l.Outside, rig.InsideHost)
	outside, inside := l.stations()
	before := map[string]map[string]int{"outside": l.settled("outside"), "inside": l.settled("inside")}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const frames = 2000 // from each side
	for range frames {
		for i, s := range []*station{outside, inside} {
			s.send(randomFrame(random, s.ether, []nettest.IP{toInside, toOutside}[i]))
		}
	}
	outside.flush()
	inside.flush()
	// What got through may wait for neighbours that are not there.
	for name, b := range before {
		c := l.settled(name)
		if fates(c) != c["rx"] {
			t.Errorf("%d frames of %s have a fate, of %d: %v", fates(c), name, c["rx"], c)
		}
		// Hosts answer what gets through.
		if got := c["rx"] - b["rx"]; got < frames {
			t.Errorf("%d frames of %s were sent and %d came in", frames, name, got)
		}
	}
	l.ping(l.Outside, rig.InsideHost)
	l.ping(l.Inside, rig.OutsideHost)
	l.accounts()
}

// randomFrame is a good frame with some bytes changed, cut off or made
// random from some point on.
func randomFrame(random *rand.Rand, e nettest.Ether, ip nettest.IP) []byte {
	payload := make([]byte, random.IntN(300))
	for i := range payload {
		payload[i] = byte(random.Uint32())
	}
	if random.IntN(10) == 0 {
		ip.Dst = wire.Addr4(random.Uint32())
	}
	var frame []byte
	switch random.IntN(6) {
	case 0:
		frame = nettest.UDP(e, ip, uint16(random.Uint32()), uint16(random.Uint32()), payload)
	case 1:
		frame = nettest.TCP(e, ip, nettest.Segment{SrcPort: uint16(random.Uint32()), DstPort: 9, Flags: uint8(random.Uint32()), Data: payload})
	case 2:
		frame = nettest.ICMP(e, ip, uint8(random.IntN(20)), uint8(random.IntN(4)), random.Uint32(), payload)
	case 3:
		frame = nettest.Fragment(e, ip, wire.ProtoUDP, payload, random.IntN(100)*8, random.IntN(2) == 0)
	case 4:
		frame = nettest.ARP(wire.BroadcastMAC, uint16(random.IntN(3)), e.Src, ip.Src, wire.MAC{}, wire.Addr4(uint32(ip.Src)+random.Uint32N(4)))
	case 5:
		frame = nettest.Datagram(e, ip, uint8(random.Uint32()), payload)
	}
	switch random.IntN(4) {
	case 0:
		frame = frame[:wire.EthernetLen+random.IntN(len(frame)-wire.EthernetLen)]
	case 1:
		for i := wire.EthernetLen + random.IntN(len(frame)-wire.EthernetLen); i < len(frame); i++ {
			frame[i] = byte(random.Uint32())
		}
	case 2:
		for range 1 + random.IntN(4) {
			frame[random.IntN(len(frame))] ^= 1 << random.IntN(8)
		}
	}
	return frame
}

// TestSYNFlood opens thousands of connections that nobody completes, many
// more than the firewall can remember, while a transfer goes on.
func TestSYNFlood(t *testing.T) {
	t.Parallel()
	l := newLab(t, "--allow=tcp,in=outside,dport=7000", "--route=0.0.0.0/0,"+rig.OutsideHost, "--flows=1000")
	l.quiet()
	listener := l.listen(l.Inside, ":7000")
	client := l.dial(l.Outside, rig.InsideHost+":7000")
	server, err := listener.Accept()
	l.must(err)
	defer server.Close()
	file := data(4, 3<<20)
	received := make(chan []byte)
	go func() {
		got, _ := io.ReadAll(server)
		received <- got
	}()
	// The transfer lasts as long as the flood, and a little longer.
	sent := make(chan error, 1)
	go func() {
		var err error
		for chunk := range slices.Chunk(file, 16<<10) {
			client.SetDeadline(time.Now().Add(30 * time.Second))
			if _, err = client.Write(chunk); err != nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		client.Close()
		sent <- err
	}()
	outside, _ := l.stations()
	outside.lossy = true
	random := rand.New(rand.NewPCG(1, 2))
	const syns = 20000
	for range syns {
		ip := nettest.IP{Src: wire.Addr4(0x0b000000 | random.Uint32N(1<<24)), Dst: toInside.Dst} // 11.0.0.0/8
		outside.send(nettest.TCP(outside.ether, ip, nettest.Segment{
			SrcPort: uint16(random.Uint32() | 1), DstPort: 7000, Seq: random.Uint32(), Flags: wire.TCPSyn, Window: 1000,
		}))
	}
	l.must(<-sent)
	select {
	case got := <-received:
		if !slices.Equal(got, file) {
			t.Errorf("%d bytes of %d arrived, or others", len(got), len(file))
		}
	case <-time.After(30 * time.Second):
		t.Error("the transfer did not end")
	}
	l.accounts()
	if c := l.counters("flows"); c["begun"] < 5000 || c["evicted"] < 4000 || c["active"] > 1000 {
		t.Errorf("the flow counters: %s", changes(nil, c))
	}
}
