package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"tender/guest/net/balance"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// echoTCP answers every connection on l with name and what it sent.
func echoTCP(l net.Listener, name string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			fmt.Fprintf(c, "%s %v\n", name, c.RemoteAddr().(*net.TCPAddr).IP)
			io.Copy(c, c)
		}()
	}
}

// ask connects from a station, sends size bytes, and returns the first line of
// the answer if the rest is what was sent.
func (c *cable) ask(s *station, addr string, size int) (line string, err error) {
	var conn net.Conn
	s.do(func() { conn, err = net.DialTimeout("tcp", addr, 3*time.Second) })
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	data := bytes.Repeat([]byte("0123456789"), size/10)
	go func() {
		conn.Write(data)
		conn.(*net.TCPConn).CloseWrite()
	}()
	b, err := io.ReadAll(conn)
	if err != nil {
		return "", err
	}
	line, rest, _ := strings.Cut(string(b), "\n")
	if rest != string(data) {
		return line, fmt.Errorf("%d bytes came back, not the %d that were sent", len(rest), len(data))
	}
	return line, nil
}

// bind listens on an address of the station.
func (s *station) bind(t *testing.T, addr string) (l net.Listener) {
	t.Helper()
	var err error
	s.do(func() { l, err = net.Listen("tcp", addr) })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// listen starts echoTCP on an address of the station.
func (s *station) listen(t *testing.T, addr, name string) net.Listener {
	t.Helper()
	l := s.bind(t, addr)
	t.Cleanup(func() { l.Close() })
	go echoTCP(l, name)
	return l
}

// TestLinuxNAT lets real hosts talk through translations: masqueraded from
// inside to outside, port forwarding the other way.
func TestLinuxNAT(t *testing.T) {
	c := newCable(t, 0, masquerading, func(c *Config) {
		c.Interfaces[outside].Prerouting = func(p *packet.Packet) packet.Verdict {
			if p.TCP != nil && p.Tuple.Dst == wire.From4(outsideIP) && p.Tuple.DstPort == 8080 {
				return p.DNAT(wire.From4(server.ip), 80)
			}
			return packet.Accept
		}
	})
	c.client.listen(t, "10.0.0.1:9000", "client")
	c.server.listen(t, "192.168.0.20:80", "server")
	for range 3 {
		if line, err := c.ask(c.server, "10.0.0.1:9000", 1<<20); err != nil || line != "client 10.0.0.2" {
			t.Errorf("masqueraded: %q, %v", line, err)
		}
		if line, err := c.ask(c.client, "10.0.0.2:8080", 1<<20); err != nil || line != "server 10.0.0.1" {
			t.Errorf("forwarded: %q, %v", line, err)
		}
	}
	// UDP to a closed port: the error has to find its way through the
	// translation to the socket.
	var conn net.Conn
	var err error
	c.server.do(func() { conn, err = net.Dial("udp", "10.0.0.1:9") })
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(3 * time.Second))
	conn.Write([]byte("x"))
	if _, err := conn.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("closed port: %v, want connection refused", err)
	}
	if _, err := exec.LookPath("ping"); err != nil {
		t.Skipf("needs ping: %v", err)
	}
	for name, p := range map[string]struct{ args, want string }{
		"masqueraded": {"-c 3 -i 0.1 10.0.0.1", " 3 received"},
		"fragments":   {"-c 2 -i 0.1 -s 4000 10.0.0.1", " 2 received"},
		"TTL":         {"-c 1 -t 1 -W 2 10.0.0.1", "Time to live exceeded"},
		"absent":      {"-c 1 -W 6 10.0.0.99", "Destination Host Unreachable"},
	} {
		if text, _ := c.server.run("ping", append([]string{"-n"}, strings.Fields(p.args)...)...); !strings.Contains(text, p.want) {
			t.Errorf("%s: %q is not in\n%s", name, p.want, text)
		}
	}
}

// address6 gives a station an IPv6 address and a default route.
func (s *station) address6(t *testing.T, addr, gateway string) {
	t.Helper()
	var err error
	s.do(func() {
		var link netlink.Link
		if link, err = netlink.LinkByName("tap0"); err != nil {
			return
		}
		var a *netlink.Addr
		if a, err = netlink.ParseAddr(addr); err != nil {
			return
		}
		a.Flags = unix.IFA_F_NODAD
		if err = netlink.AddrAdd(link, a); err == nil {
			err = netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: net.ParseIP(gateway)})
		}
	})
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EOPNOTSUPP) {
		t.Skipf("needs IPv6: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestLinuxIPv6 lets real hosts talk over IPv6.
func TestLinuxIPv6(t *testing.T) {
	c := newCable(t, 0, func(c *Config) { ipv6(c); c.Routes6 = nil })
	c.client.address6(t, "2001:db8:1::9/64", "2001:db8:1::1")
	c.server.address6(t, "2001:db8:2::20/64", "2001:db8:2::1")
	c.server.listen(t, "[2001:db8:2::20]:80", "server")
	for range 3 {
		if line, err := c.ask(c.client, "[2001:db8:2::20]:80", 1<<20); err != nil || line != "server 2001:db8:1::9" {
			t.Errorf("%q, %v", line, err)
		}
	}
	if _, err := exec.LookPath("ping"); err != nil {
		t.Skipf("needs ping: %v", err)
	}
	for _, p := range []struct{ name, args, want string }{
		{"through", "-c 3 -i 0.1 2001:db8:2::20", " 3 received"},
		{"the router", "-c 2 -i 0.1 2001:db8:1::1", " 2 received"},
		{"its link-local address", "-c 2 -i 0.1 -I tap0 " + wire.LinkLocal(outsideMAC).String(), " 2 received"},
		{"its other side", "-c 2 -i 0.1 2001:db8:2::1", " 2 received"},
		{"hop limit", "-c 1 -t 1 -W 2 2001:db8:2::20", "Hop limit"},
		{"too big", "-c 1 -M do -s 1450 -W 2 2001:db8:2::20", "mtu"},
		{"fragments", "-c 2 -i 0.1 -s 4000 2001:db8:2::20", " 2 received"}, // of the size just learnt
		{"absent", "-c 1 -W 6 2001:db8:2::99", "Address unreachable"},
	} {
		if text, _ := c.client.run("ping", append([]string{"-6", "-n"}, strings.Fields(p.args)...)...); !strings.Contains(text, p.want) {
			t.Errorf("%s: %q is not in\n%s", p.name, p.want, text)
		}
	}
}

// TestLinuxVLANs routes between one host and another in a VLAN, whose cable
// tags its frames as a switch does.
func TestLinuxVLANs(t *testing.T) {
	c := newCable(t, 0, func(c *Config) {
		c.Forward = acceptAll
		n := &c.Interfaces[inside]
		v := Interface{Name: "v10", VLAN: 10, Parent: trunk, Addrs: n.Addrs}
		n.Addrs, n.Unnumbered = nil, true
		c.Interfaces = append(c.Interfaces, v)
	})
	c.server.listen(t, "192.168.0.20:80", "tagged")
	if line, err := c.ask(c.client, "192.168.0.20:80", 1<<20); err != nil || line != "tagged 10.0.0.1" {
		t.Errorf("%q, %v", line, err)
	}
	c.finish()
	if c.Counters(vlan10).Fates[Forwarded] == 0 || c.Counters(vlan10).TxForwarded == 0 {
		t.Error("no frame went through the VLAN")
	}
}

// TestLinuxBalancer shares real connections between real servers, one of
// which goes away in the middle and comes back.
func TestLinuxBalancer(t *testing.T) {
	b, err := balance.New(balance.Config{
		Iface: outside, Port: 80, Interval: 200 * time.Millisecond, Timeout: 100 * time.Millisecond,
		Servers: []balance.Server{{Addr: wire.From4(server.ip), Port: 8001}, {Addr: wire.From4(server.ip), Port: 8002}, {Addr: wire.From4(server.ip), Port: 8003}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := newCable(t, 0, func(c *Config) { c.Balancers = []*balance.Balancer{b}; c.Forward = nil })
	c.server.listen(t, "192.168.0.20:8001", "one")
	c.server.listen(t, "192.168.0.20:8003", "three")
	second := c.server.listen(t, "192.168.0.20:8002", "two")
	counts := func(n int) map[string]int {
		seen := map[string]int{}
		for range n {
			line, err := c.ask(c.client, "10.0.0.2:80", 1<<16)
			if err != nil {
				t.Fatalf("%v after %v", err, seen)
			}
			name, from, _ := strings.Cut(line, " ")
			if from != insideIP.String() {
				t.Errorf("the server saw %s", from)
			}
			seen[name]++
		}
		return seen
	}
	time.Sleep(500 * time.Millisecond)
	if seen := counts(9); seen["one"] != 3 || seen["two"] != 3 || seen["three"] != 3 {
		t.Errorf("all up: %v", seen)
	}
	// A session that lasts, on each server.
	var lasting []net.Conn
	for range 3 {
		conn, err := c.dial("tcp", "10.0.0.2:80", 3*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		lasting = append(lasting, conn)
	}
	second.Close()
	if seen := counts(6); seen["two"] != 0 {
		t.Errorf("two is down: %v", seen)
	}
	for _, conn := range lasting {
		conn.SetDeadline(time.Now().Add(3 * time.Second))
		conn.Write([]byte("!"))
		if b := make([]byte, 100); readUntil(conn, b, '!') != nil {
			t.Error("a session ended with another's server")
		}
	}
	c.server.listen(t, "192.168.0.20:8002", "two")
	time.Sleep(time.Second)
	if seen := counts(9); seen["two"] < 2 {
		t.Errorf("two is back: %v", seen)
	}
}

// readUntil reads until a byte has come.
func readUntil(r io.Reader, b []byte, end byte) error {
	for {
		n, err := r.Read(b)
		if err != nil || bytes.IndexByte(b[:n], end) >= 0 {
			return err
		}
	}
}
