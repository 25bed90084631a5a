package stack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
)

// Two guests on one cable speak TCP and UDP over both versions of IP, with others
// and with themselves.
func TestTwoStacks(t *testing.T) {
	noLeaks(t)
	a, b := newCable(1500)
	type result struct {
		n   *Net
		log *lines
	}
	other := make(chan result)
	go func() {
		n, log := start(t, "--ipv4=10.0.0.2/24 --ipv6=2001:db8::2/64 --ipv4-gateway=10.0.0.1", b)
		other <- result{n, log}
	}()
	na, _ := start(t, "--ipv4=10.0.0.1/24 --ipv6=2001:db8::1/64", a)
	r := <-other
	if want := "peer0: 10.0.0.2/24 gateway 10.0.0.1 2001:db8::2/64 mac 02:00:00:00:00:02 mtu 1500 (static)\n"; r.log.String() != want {
		t.Errorf("logged %q, want %q", r.log, want)
	}
	for i, at := range []string{"10.0.0.2", "[2001:db8::2]", "127.0.0.1", "[::1]", "10.0.0.1", "[2001:db8::1]"} {
		t.Run(at, func(t *testing.T) {
			at = fmt.Sprintf("%s:%d", at, 1000+i)
			server := na
			if i < 2 {
				server = r.n
			}
			echoServer(t, server, at)
			checkEcho(t, dial(t, na, at), 1<<20)
			checkDatagrams(t, na, server, at)
		})
	}
}

// checkEcho sends random bytes to a server that returns them.
func checkEcho(t *testing.T, c net.Conn, size int) {
	t.Helper()
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	go func() {
		c.Write(data)
		c.(*gonet.TCPConn).CloseWrite()
	}()
	c.SetReadDeadline(time.Now().Add(time.Minute))
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes came back of %d: %v", len(got), len(data), err)
	}
}

// checkDatagrams sends datagrams of several sizes, fragmented ones too.
func checkDatagrams(t *testing.T, from, to *Net, at string) {
	t.Helper()
	f := full(at)
	in, err := gonet.DialUDP(to.stack, &f, nil, protocolOf(at))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := gonet.DialUDP(from.stack, nil, &f, protocolOf(at))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	buf := make([]byte, 65536)
	for _, size := range []int{0, 1, 1472, 1473, 9000} {
		if _, err := out.Write(bytes.Repeat([]byte{7}, size)); err != nil {
			t.Errorf("%d bytes: %v", size, err)
			continue
		}
		in.SetReadDeadline(time.Now().Add(5 * time.Second))
		if n, _, err := in.ReadFrom(buf); n != size || err != nil {
			t.Errorf("%d bytes of %d: %v", n, size, err)
		}
	}
}

// Without devices and arguments there is the loopback interface.
func TestLoopbackOnly(t *testing.T) {
	noLeaks(t)
	n, log := start(t, "--hostname=web.example")
	echoServer(t, n, "127.0.0.1:80")
	checkEcho(t, dial(t, n, "127.0.0.1:80"), 1<<16)
	if want := "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.0.1 web.example web\n"; string(n.Hosts()) != want {
		t.Errorf("hosts: %q", n.Hosts())
	}
	if len(n.ResolvConf()) != 0 || n.Hostname() != "web.example" || len(log.String()) != 0 {
		t.Errorf("%q, %q, %q", n.ResolvConf(), n.Hostname(), log)
	}
}

func TestNames(t *testing.T) {
	a, _ := newCable(1500)
	n, log := start(t, "--ipv4=10.0.0.2/24 --dns=10.0.0.1,2001:db8::53 --mtu=1400", a)
	if want := "nameserver 10.0.0.1\nnameserver 2001:db8::53\n"; string(n.ResolvConf()) != want {
		t.Errorf("resolv.conf: %q", n.ResolvConf())
	}
	if want := "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n10.0.0.2 unikernel\n"; string(n.Hosts()) != want {
		t.Errorf("hosts: %q", n.Hosts())
	}
	if want := "net0: 10.0.0.2/24 dns 10.0.0.1 dns 2001:db8::53 mac 02:00:00:00:00:01 mtu 1400 (static)\n"; log.String() != want {
		t.Errorf("logged %q", log)
	}
}

// An address is announced, for those that remember where it was before.
func TestAnnounce(t *testing.T) {
	a, b := newCable(1500)
	start(t, "--ipv4=10.0.0.2/24", a)
	want := []byte("\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01" +
		"\x02\x00\x00\x00\x00\x01\x0a\x00\x00\x02\x00\x00\x00\x00\x00\x00\x0a\x00\x00\x02")
	frame := make([]byte, 1514)
	waitFor(t, "the announcement", func() bool {
		n, _, _ := b.TryReadFrame(frame)
		return bytes.Equal(frame[:n], want)
	})
}

func TestQuiet(t *testing.T) {
	a, _ := newCable(1500)
	if _, log := start(t, "--ipv4=10.0.0.2/24 --quiet", a); log.String() != "" {
		t.Errorf("logged %q", log)
	}
}

// Settings that a device cannot fulfil are the operator's mistake.
func TestMTU(t *testing.T) {
	noLeaks(t)
	for _, test := range []struct {
		device int
		args   []string
		want   string
	}{
		{1500, []string{"--mtu=1501"}, "--mtu: 1501 is more than the 1500 bytes that net0 carries"},
		{1279, nil, "network device net0: its MTU is 1279 bytes, and IPv6 needs 1280: raise that of the host's TAP"},
	} {
		a, _ := newCable(test.device)
		cfg, _, err := Parse(test.args, []string{"net0"})
		if err != nil {
			t.Fatal(err)
		}
		n, err := Start([]NIC{a}, cfg, nil)
		var usage *UsageError
		if n != nil || !errors.As(err, &usage) || err.Error() != test.want {
			t.Errorf("%v, %v", n, err)
		}
	}
	a, b := newCable(1280)
	na, _ := start(t, "--ipv4=10.0.0.1/24", a)
	nb, _ := start(t, "--ipv4=10.0.0.2/24", b)
	echoServer(t, nb, "10.0.0.2:7")
	checkEcho(t, dial(t, na, "10.0.0.2:7"), 1<<16)
}

// A host with the same address is noticed, in both versions of IP.
func TestAddressInUse(t *testing.T) {
	t.Parallel()
	a, b := newCable(1500)
	start(t, "--ipv4=10.0.0.2/24 --ipv6=2001:db8::2/64", a)
	n, log := start(t, "--ipv4=10.0.0.2/24 --ipv6=2001:db8::2/64", b)
	waitFor(t, "a message about each address", func() bool {
		return strings.Contains(log.String(), "peer0: 10.0.0.2 is used by another host (02:00:00:00:00:01)\n") &&
			strings.Contains(log.String(), "peer0: 2001:db8::2 is used by another host: it is not used here\n")
	})
	if s := n.describe(n.ifaces[0]) + string(n.Hosts()); strings.Contains(s, "2001:db8::2") {
		t.Errorf("still there: %s", s)
	}
}

// Data arrive whole over a cable that loses, doubles, delays and damages frames.
// A transfer is smaller than the buffers: netstack takes the window of a late
// segment for the newest, sends beyond the true one, and two netstacks that have
// both closed theirs then refuse each other's answers (RATIONALE.md).
func TestBadCable(t *testing.T) {
	noLeaks(t)
	a, b := newCable(1500)
	a.bad(0.01)
	b.bad(0.01)
	na, _ := start(t, "--ipv4=10.0.0.1/24", a)
	nb, _ := start(t, "--ipv4=10.0.0.2/24", b)
	echoServer(t, nb, "10.0.0.2:7")
	for range 10 {
		checkEcho(t, dial(t, na, "10.0.0.2:7"), small.tcpInitial)
	}
}

// A device that takes nothing hangs nobody: dials end at their deadline.
func TestWritesFail(t *testing.T) {
	noLeaks(t)
	a, b := newCable(1500)
	na, _ := start(t, "--ipv4=10.0.0.1/24", a)
	nb, _ := start(t, "--ipv4=10.0.0.2/24", b)
	echoServer(t, nb, "10.0.0.2:7")
	c := dial(t, na, "10.0.0.2:7")
	checkHello(t, c)

	a.failWrites(errors.New("link is down"))
	c.SetDeadline(time.Now().Add(300 * time.Millisecond))
	c.Write([]byte("lost"))
	if n, err := c.Read(make([]byte, 4)); err == nil {
		t.Errorf("%d bytes over a link that is down", n)
	}
	if k, _ := na.Counters("net0"); k.TxDropped == 0 {
		t.Errorf("%+v", k)
	}
	a.failWrites(nil)
	c.SetDeadline(time.Now().Add(20 * time.Second))
	buf := make([]byte, 4)
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "lost" {
		t.Errorf("after the link came back: %q, %v", buf, err)
	}
}

func checkHello(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	buf := make([]byte, 5)
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "hello" {
		t.Fatalf("%q, %v", buf, err)
	}
}
