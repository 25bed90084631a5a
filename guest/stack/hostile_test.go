package stack

import (
	"bytes"
	"encoding/binary"
	"math"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// flood puts frames on the guest's cable and waits until it has read them.
func flood(t *testing.T, guest *plug, count int, frame func(i int) []byte) {
	t.Helper()
	for i := range count {
		select {
		case guest.in <- frame(i):
		case <-time.After(20 * time.Second):
			t.Fatalf("frame %d: the guest reads no more", i)
		}
	}
	waitFor(t, "the last frame", func() bool { return len(guest.in) == 0 })
}

func heapBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Floods of every kind take a bounded amount of memory, end no service, and are
// over when they are over.
func TestFloods(t *testing.T) {
	noLeaks(t)
	guest, peer := newCable(1500)
	before := heapBytes()
	tight := small
	tight.memory = before + 16<<20
	n, _ := startSmall(t, tight, "--ipv4=10.0.0.1/24 --ipv4-gateway=10.0.0.254 --ipv6=2001:db8::1/64", guest)
	echoServer(t, n, "10.0.0.1:80")
	echoServer(t, n, "[2001:db8::1]:80")
	at := full("10.0.0.1:53")
	in, err := gonet.DialUDP(n.stack, &at, nil, protocolOf("10.0.0.1:53"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	// What the guest sends goes nowhere.
	drain := make(chan struct{})
	go func() {
		buf := make([]byte, 2000)
		for {
			if _, err := peer.ReadFrame(buf); err != nil {
				close(drain)
				return
			}
		}
	}()
	defer func() {
		peer.Close()
		<-drain
	}()

	var c crafted
	web4, web6 := netip.MustParseAddrPort("10.0.0.1:80"), netip.MustParseAddrPort("[2001:db8::1]:80")
	port := func(a netip.Addr, i int) netip.AddrPort { return netip.AddrPortFrom(a, uint16(i)) }
	solicit := func(from, target netip.Addr) []byte {
		a, mac := target.As16(), []byte{1, 1, 2, 0, 0, 0, 0, 2}
		return c.icmp6(from, web6.Addr(), append(append([]byte{135, 0, 0, 0, 0, 0, 0, 0}, a[:]...), mac...))
	}
	payload := make([]byte, 1400)
	const many = 6000
	for _, f := range []struct {
		name  string
		frame func(i int) []byte
	}{
		{"SYN", func(i int) []byte { return c.tcp(port(host4(i), 1024+i), web4, header.TCPFlagSyn, uint32(i)) }},
		{"SYN over IPv6", func(i int) []byte { return c.tcp(port(host6(i), 1024+i), web6, header.TCPFlagSyn, uint32(i)) }},
		{"TCP ports", func(i int) []byte { return c.tcp(port(host4(1), 5000), port(web4.Addr(), i), header.TCPFlagSyn, 1) }},
		{"UDP ports", func(i int) []byte { return c.udp(port(host4(1), 5000), port(web4.Addr(), i), nil) }},
		{"UDP to a socket that is not read", func(i int) []byte { return c.udp(port(host4(i), 5000), port(web4.Addr(), 53), payload) }},
		{"small UDP", func(i int) []byte { return c.udp(port(host4(i), 5000), port(web4.Addr(), 53), []byte{1}) }},
		{"ACK", func(i int) []byte { return c.tcp(port(host4(i), 1024+i), web4, header.TCPFlagAck, uint32(i)) }},
		{"RST", func(i int) []byte { return c.tcp(port(host4(i), 1024+i), web4, header.TCPFlagRst, uint32(i)) }},
		{"first fragments", func(i int) []byte { return c.ip(host4(i), web4.Addr(), 17, 0x2000, uint16(i), payload) }},
		{"last fragments", func(i int) []byte { return c.ip(host4(i), web4.Addr(), 17, 0x1000, uint16(i), payload) }},
		{"fragments over IPv6", func(i int) []byte {
			head := binary.BigEndian.AppendUint32([]byte{17, 0, 0, 1}, uint32(i))
			return c.ip(host6(i), web6.Addr(), 44, 0, 0, append(head, payload...))
		}},
		{"ARP", func(i int) []byte {
			a := host4(i).As4()
			return c.ethernet(0x0806, append([]byte{0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, a[0], a[1], a[2], a[3], 0, 0, 0, 0, 0, 0}, 10, 0, 0, 1))
		}},
		{"neighbours", func(i int) []byte { return solicit(host6(i), web6.Addr()) }},
		{"routers", func(i int) []byte {
			a := host6(i).As16()
			copy(a[:], []byte{0xfe, 0x80, 0, 0, 0, 0, 0, 0})
			prefix := append([]byte{3, 4, 64, 0xc0, 0, 0, 255, 255, 0, 0, 255, 255, 0, 0, 0, 0}, 0xfd, 0, byte(i>>8), byte(i), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
			return c.icmp6(netip.AddrFrom16(a), netip.MustParseAddr("ff02::1"), append([]byte{134, 0, 0, 0, 64, 0, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0}, prefix...))
		}},
		{"junk", func(i int) []byte { return c.ethernet(uint16(i), payload[:i%1400]) }},
	} {
		flood(t, guest, many, f.frame)
		if grown := heapBytes() - before; grown > 24<<20 {
			t.Errorf("%s: %d KiB more on the heap", f.name, grown>>10)
		}
		t.Logf("%s: %d KiB more on the heap", f.name, (heapBytes()-before)>>10)
	}
	for _, to := range []string{"127.0.0.1", "10.0.0.1", "[2001:db8::1]"} {
		if to == "127.0.0.1" {
			echoServer(t, n, "127.0.0.1:80")
		}
		checkHello(t, dial(t, n, to+":80"))
	}
	k, _ := n.Counters("net0")
	t.Logf("%+v, half-open %d", k, n.stack.Stats().TCP.CurrentConnected.Value())
}

// Floods of router advertisements, where they are listened to, fill nothing.
func TestRouterFlood(t *testing.T) {
	noLeaks(t)
	guest, _ := newCable(1500)
	var c crafted
	advertise := func(i int) []byte {
		router := netip.MustParseAddr("fe80::1").As16()
		router[14], router[15] = byte(i>>8), byte(i)|1
		options := append([]byte{3, 4, 64, 0xc0, 0, 0, 255, 255, 0, 0, 255, 255, 0, 0, 0, 0}, 0xfd, 0, byte(i>>8), byte(i), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
		options = append(options, 25, 3, 0, 0, 0, 0, 255, 255, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(i>>8), byte(i))
		options = append(options, 31, 2, 0, 0, 0, 0, 255, 255, 3, 'a', 'a'+byte(i&15), 'a'+byte(i>>4&15), 0, 0, 0, 0)
		frame := c.icmp6(netip.AddrFrom16(router), netip.MustParseAddr("ff02::1"), append([]byte{134, 0, 0, 0, 64, 0, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0}, options...))
		copy(frame, []byte{0x33, 0x33, 0, 0, 0, 1})
		return frame
	}
	started := make(chan struct{})
	go func() {
		for {
			select {
			case <-started:
				return
			case <-time.After(50 * time.Millisecond):
				guest.in <- advertise(0)
			}
		}
	}()
	n, log := start(t, "--accept-router-advertisements", guest)
	close(started)
	if want := "net0: fd00::ff:fe00:1/64 gateway fe80::1 dns fe80::%net0 mac 02:00:00:00:00:01 mtu 1500 (slaac)\n"; log.String() != want {
		t.Errorf("logged %q\nwant %q", log, want)
	}
	if want := "search aaa\nnameserver fe80::%net0\n"; string(n.ResolvConf()) != want {
		t.Errorf("resolv.conf %q", n.ResolvConf())
	}
	before := heapBytes()
	flood(t, guest, 20000, advertise)
	if grown := heapBytes() - before; grown > 4<<20 {
		t.Errorf("%d KiB more on the heap", grown>>10)
	}
	if routes, servers := len(n.stack.GetRouteTable()), len(n.DNS()); routes > 40 || servers > maxServers {
		t.Errorf("%d routes, %d name servers", routes, servers)
	}
	if len(bytes.Fields(n.ResolvConf())) > 1+maxSearch+2*maxServers {
		t.Errorf("resolv.conf %q", n.ResolvConf())
	}
	echoServer(t, n, "[::1]:80")
	checkHello(t, dial(t, n, "[::1]:80"))
}

// Thousands of connections leave nothing behind.
func TestManyConnections(t *testing.T) {
	noLeaks(t)
	a, b := newCable(1500)
	na, _ := start(t, "--ipv4=10.0.0.1/24", a)
	nb, _ := start(t, "--ipv4=10.0.0.2/24", b)
	echoServer(t, nb, "10.0.0.2:7")
	one := func() {
		c, err := gonet.DialTCP(na.stack, full("10.0.0.2:7"), protocolOf("10.0.0.2:7"))
		if err != nil {
			t.Fatal(err)
		}
		checkHello(t, c)
		c.Close()
	}
	for range 100 {
		one()
	}
	before := heapBytes()
	const many = 2000
	for range many {
		one()
	}
	grown := heapBytes() - before
	t.Logf("%d connections just closed: %d bytes each", many, grown/many)
	if grown/many > 40<<10 {
		t.Errorf("a closed connection takes %d bytes", grown/many)
	}
	if testing.Short() {
		return
	}
	waitFor(t, "the end of closed connections", func() bool {
		return na.stack.Stats().TCP.CurrentConnected.Value() == 0 && heapBytes()-before < 2<<20
	})
}

// Frames that no network card would take are counted and go no further.
func TestBadFrames(t *testing.T) {
	guest, _ := newCable(1500)
	n, _ := start(t, "--ipv4=10.0.0.1/24", guest)
	base, _ := n.Counters("net0")
	good := crafted{}.ethernet(0x0800, nil)
	spoiled := func(at int, v byte) []byte { b := bytes.Clone(good); b[at] = v; return b }
	for _, f := range [][]byte{
		nil, {1}, good[:13], // short
		append(bytes.Clone(good), make([]byte, 1501)...), // long
		spoiled(5, 3), spoiled(6, 3), // to another, from many
		append(bytes.Clone(good[:6]), good[:8]...), // from ourselves
		good, append(bytes.Clone(good), make([]byte, 1500)...),
	} {
		guest.in <- f
	}
	waitFor(t, "all frames", func() bool {
		k, _ := n.Counters("net0")
		return k.RxFrames >= base.RxFrames+2
	})
	k, _ := n.Counters("net0")
	if k.RxShort != 3 || k.RxLong != 1 || k.RxOther != 3 || k.RxFrames != base.RxFrames+2 {
		t.Errorf("%+v", k)
	}
	if _, ok := n.Counters("net9"); ok {
		t.Error("counters of an interface that is not there")
	}
}

// Small frames that wait in a socket do not hold large buffers.
func TestSmallFrames(t *testing.T) {
	guest, _ := newCable(1500)
	l := newLink(guest, math.MaxInt64, nil)
	view := buffer.NewViewSize(1515)
	copy(view.AsSlice(), crafted{}.ethernet(0x0800, nil))
	if got := l.deliver(view, 60); got != view {
		t.Error("a small frame takes the buffer along")
	}
}
