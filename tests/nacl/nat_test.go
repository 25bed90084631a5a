package nacl

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"

	"tender/tests/rig/suite"
)

// TestProxy is the DNAT/SNAT proxy of the published texts: without a route to
// each other, the hosts talk to the proxy.
func TestProxy(t *testing.T) {
	suite.UnderBoth(t, testProxy, "curl", "iperf3", "ncat", "ss")
}

func testProxy(t *testing.T, options []string) {
	s := newSite(t, options, programOf(t, "proxy.nacl"), "outside", "inside")
	outside := s.hosts["outside"].address("10.0.0.1/24").route("192.168.0.0/24", "10.0.0.2")
	inside := s.hosts["inside"].address("192.168.0.54/24")
	web := inside.web("192.168.0.54:5001", "target")
	inside.web("192.168.0.54:5002", "other port")

	outside.curl("http://10.0.0.2:5001/", "target for 192.168.0.1")
	for _, url := range []string{"http://10.0.0.2:5002/", "http://192.168.0.54:5002/"} {
		if out, err := outside.Run(s.ctx, 10*time.Second, "curl", "-sS", "--max-time", "1", url); err == nil {
			t.Errorf("%s is not translated, and has answered %q", url, out)
		}
	}
	web.kill()
	if out, err := outside.Run(s.ctx, 10*time.Second, "curl", "-sS", "--max-time", "5", "http://10.0.0.2:5001/"); err == nil || !strings.Contains(out, "(7)") {
		t.Errorf("the target refuses, and curl: %v: %s", err, out)
	}
	inside.start("tcp", "5001", "ncat", "-l", "-k", "-p", "5001", "-c", "read word; echo you said $word to $NCAT_REMOTE_ADDR")
	outside.client([]string{"you said hello to 192.168.0.1"}, "sh", "-c", "(echo hello; sleep 1) | ncat -w 5 10.0.0.2 5001")
}

// TestProxyBulk moves data through the proxy, both ways.
func TestProxyBulk(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		s := newSite(t, options, programOf(t, "proxy.nacl"), "outside", "inside")
		outside := s.hosts["outside"].address("10.0.0.1/24")
		inside := s.hosts["inside"].address("192.168.0.54/24")
		inside.start("tcp", "5001", "iperf3", "-s", "-p", "5001")
		for _, way := range []string{"--format=m", "--reverse"} {
			outside.client([]string{"receiver"}, "iperf3", "-c", "10.0.0.2", "-p", "5001", "-t", "1", way)
		}
	}, "iperf3", "ss")
}

// gateway lets the inside out behind one address.
const gateway = `
Iface outside { index: 0, address: 10.0.0.2, netmask: 255.255.255.0, masquerade: true }
Iface inside { index: 1, address: 192.168.0.1, netmask: 255.255.255.0 }
Gateway gw {
	outer: { net: 10.0.0.0, netmask: 255.255.255.0, iface: outside },
	inner: { net: 192.168.0.0, netmask: 255.255.255.0, iface: inside },
	everything: { net: 0.0.0.0, netmask: 0.0.0.0, nexthop: 10.0.0.1, iface: outside },
	forward: outwards
}
Filter::IP outwards {
	if (ct.state in [established, related]) { accept }
	if (ip.saddr in 192.168.0.0/24) { accept }
	drop
}
`

// TestMasquerade lets clients inside reach servers outside, which see one
// address.
func TestMasquerade(t *testing.T) {
	suite.UnderBoth(t, testMasquerade, "ping", "curl", "dig", "dnsmasq", "iperf3", "ncat", "ss")
}

func testMasquerade(t *testing.T, options []string) {
	s := newSite(t, options, gateway, "outside", "inside")
	outside := s.hosts["outside"].address("10.0.0.1/24", "10.77.0.1/32").route("192.168.0.0/24", "10.0.0.2")
	inside := s.hosts["inside"].address("192.168.0.20/24", "192.168.0.21/24").route("default", "192.168.0.1")
	outside.web("10.0.0.1:80", "outer web")
	outside.web("10.77.0.1:80", "far web")
	inside.web("192.168.0.20:80", "inner web")

	inside.ping("10.0.0.1")
	inside.ping("10.77.0.1")
	inside.curl("http://10.0.0.1/", "outer web for 10.0.0.2")
	inside.curl("http://10.77.0.1/", "far web for 10.0.0.2")
	outside.noCurl("http://192.168.0.20/")
	outside.noPing("192.168.0.20")

	outside.start("udp", "53", "dnsmasq", "-k", "-C", "/dev/null", "--no-hosts", "--no-resolv", "--pid-file=", "--user=root",
		"--listen-address=10.0.0.1", "--bind-interfaces", "--address=/www.example/10.9.8.7")
	for _, transport := range []string{"+notcp", "+tcp"} {
		inside.client([]string{"10.9.8.7"}, "dig", "+short", "+tries=1", "+time=5", transport, "@10.0.0.1", "www.example")
	}

	// Nobody listens: the ICMP error finds the one who asked.
	inside.client([]string{"refused"}, "sh", "-c", "(echo one; sleep 1; echo two; sleep 1) | ncat -u -w 3 10.0.0.1 4444")
	inside.client([]string{"Time to live exceeded"}, "ping", "-n", "-c", "1", "-W", "2", "-t", "1", "10.0.0.1")

	inside.samePort("10.0.0.1:80", "192.168.0.20:40000", "192.168.0.21:40000")
	outside.start("tcp", "5201", "iperf3", "-s")
	inside.client([]string{"receiver"}, "iperf3", "-c", "10.0.0.1", "-t", "1")
	inside.client([]string{"receiver"}, "iperf3", "-c", "10.0.0.1", "-u", "-b", "2M", "-t", "1")
}

// samePort connects from several addresses at the same port to one server, at
// the same time. Behind one address, they cannot all keep the port.
func (h *host) samePort(server string, locals ...string) {
	h.s.t.Helper()
	for _, local := range locals {
		from, err := net.ResolveTCPAddr("tcp", local)
		h.s.must(err)
		conn := h.dialFrom(from, "tcp", server)
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, err = conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
		h.s.must(err)
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 200") {
			h.s.t.Errorf("from %s: %q, %v", local, line, err)
		}
	}
}
