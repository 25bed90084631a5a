package stack

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
)

// served is a stack at 10.0.0.1 with a DHCP server, on a cable.
type served struct {
	*Net
	mu     sync.Mutex
	server *dhcpServer
}

// serveDHCP starts a stack with a DHCP server at the end of a cable.
func serveDHCP(t *testing.T, at *plug) *served {
	t.Helper()
	n, _ := start(t, "--ipv4=10.0.0.1/24", at)
	s := &served{Net: n, server: newServer()}
	c, err := gonet.DialUDP(n.stack, &tcpip.FullAddress{Port: dhcpServerPort}, nil, protocolOf("10.0.0.1:67"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			size, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			m, err := dhcpv4.FromBytes(buf[:size])
			if err != nil {
				t.Errorf("from %s: %v", from, err)
				continue
			}
			s.change(func(d *dhcpServer) {
				if r := d.answer(m, !strings.HasPrefix(from.String(), "0.0.0.0:")); r != nil {
					at.WriteFrame(serverFrame(d.addr, r))
				}
			})
		}
	}()
	return s
}

func (s *served) change(f func(*dhcpServer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.server)
}

// A guest gets all it needs by DHCP, renews its lease with the server, and follows
// it to another address.
func TestDHCPOnStack(t *testing.T) {
	noLeaks(t)
	a, b := newCable(1500)
	s := serveDHCP(t, b)
	s.change(func(d *dhcpServer) {
		d.seconds = 4
		d.options[dhcpv4.OptionHostName.Code()] = []byte("web\x00")
		d.options[dhcpv4.OptionDomainName.Code()] = []byte("example.org")
		d.options[dhcpv4.OptionInterfaceMTU.Code()] = []byte{0x05, 0x78}
		d.options[dhcpv4.OptionClasslessStaticRoute.Code()] = []byte{24, 10, 9, 8, 10, 0, 0, 7, 0, 10, 0, 0, 1}
	})
	n, log := start(t, "--dhcp", a)
	if want := "net0: 10.0.0.9/24 gateway 10.0.0.1 dns 10.0.0.1 dns 10.0.0.3 mac 02:00:00:00:00:01 mtu 1400 (dhcp, lease 4 s)\n"; log.String() != want {
		t.Errorf("logged %q\nwant %q", log, want)
	}
	if want := "search example.org\nnameserver 10.0.0.1\nnameserver 10.0.0.3\n"; string(n.ResolvConf()) != want {
		t.Errorf("resolv.conf %q", n.ResolvConf())
	}
	if want := "\n10.0.0.9 web\n"; !strings.HasSuffix(string(n.Hosts()), want) || n.Hostname() != "web" {
		t.Errorf("hosts %q, hostname %q", n.Hosts(), n.Hostname())
	}
	if mtu := n.stack.NICInfo()[2].MTU; mtu != 1400 {
		t.Errorf("MTU %d", mtu)
	}
	for to, via := range map[string]string{"10.9.8.1": "10.0.0.7", "9.9.9.9": "10.0.0.1"} {
		r, err := n.stack.FindRoute(0, tcpip.Address{}, toAddress(netip.MustParseAddr(to)), protocolOf("1.2.3.4:5"), false)
		if err != nil {
			t.Fatalf("route to %s: %s", to, err)
		}
		if got := fromAddress(r.NextHop()); got.String() != via {
			t.Errorf("route to %s by way of %s", to, got)
		}
		r.Release()
	}
	echoServer(t, s.Net, "10.0.0.1:7")
	c := dial(t, n, "10.0.0.1:7")
	checkHello(t, c)
	s.change(func(d *dhcpServer) { d.got = nil })
	waitFor(t, "two renewals", func() (ok bool) {
		s.change(func(d *dhcpServer) { ok = len(d.got) >= 2 })
		return ok
	})
	s.change(func(d *dhcpServer) {
		if !strings.HasSuffix(d.got[0], "REQUEST unicast") || !strings.HasSuffix(d.got[1], "REQUEST unicast") {
			t.Errorf("messages %q", d.got)
		}
	})
	checkHello(t, c) // a renewal disturbs no connection

	var told atomic.Int32
	n.Notify(func() {
		told.Add(1)
		n.Hosts()
	})
	s.change(func(d *dhcpServer) { d.give = netip.MustParseAddr("10.0.0.10") })
	waitFor(t, "the new address", func() bool { return strings.HasSuffix(string(n.Hosts()), "\n10.0.0.10 web\n") })
	waitFor(t, "the message", func() bool { return strings.Contains(log.String(), "\nnet0: 10.0.0.10/24 gateway 10.0.0.1") })
	if told.Load() == 0 {
		t.Error("nobody was told")
	}
	checkHello(t, dial(t, n, "10.0.0.1:7"))
	if id := n.stack.CheckLocalAddress(0, protocolOf("1.2.3.4:5"), toAddress(netip.MustParseAddr("10.0.0.9"))); id != 0 {
		t.Error("the old address is still there")
	}

	s.change(func(d *dhcpServer) { d.nak = true })
	waitFor(t, "the loss of the lease", func() bool {
		return strings.Contains(log.String(), "warn: net0: no IPv4 address any more") && len(n.ResolvConf()) == 0
	})
	s.change(func(d *dhcpServer) { d.nak = false })
	waitFor(t, "an address again", func() bool { return strings.HasSuffix(string(n.Hosts()), "\n10.0.0.10 web\n") })
	checkHello(t, dial(t, n, "10.0.0.1:7"))
}

// A lease whose address another host on the link has is declined.
func TestDHCPConflict(t *testing.T) {
	t.Parallel()
	a, b := newCable(1500)
	s := serveDHCP(t, b)
	s.change(func(d *dhcpServer) {
		d.give = d.addr
		d.deaf = func(kind dhcpv4.MessageType, _ bool) bool {
			if kind == dhcpv4.MessageTypeDecline {
				d.give = netip.MustParseAddr("10.0.0.9")
			}
			return false
		}
	})
	_, log := start(t, "--dhcp", a)
	waitFor(t, "another address", func() bool { return strings.Contains(log.String(), "net0: 10.0.0.9/24") })
	if want := "warn: net0: 10.0.0.1, which DHCP server 10.0.0.1 gives, is used by another host\n"; !strings.Contains(log.String(), want) {
		t.Errorf("logged %q", log)
	}
}

// The guest's own settings count more than what the server says.
func TestDHCPOverridden(t *testing.T) {
	a, b := newCable(1500)
	s := serveDHCP(t, b)
	s.change(func(d *dhcpServer) {
		d.options[dhcpv4.OptionHostName.Code()] = []byte("other")
		d.options[dhcpv4.OptionInterfaceMTU.Code()] = []byte{0x05, 0x78}
	})
	n, log := start(t, "--dhcp --hostname=mine --dns=9.9.9.9 --mtu=1300", a)
	if want := "net0: 10.0.0.9/24 gateway 10.0.0.1 dns 9.9.9.9 mac 02:00:00:00:00:01 mtu 1300 (dhcp, lease 3600 s)\n"; log.String() != want {
		t.Errorf("logged %q", log)
	}
	if n.Hostname() != "mine" || string(n.ResolvConf()) != "nameserver 9.9.9.9\n" {
		t.Errorf("%q, %q", n.Hostname(), n.ResolvConf())
	}
}

// Without a server the start takes ten seconds, says so, and a server that comes
// later is heard.
func TestDHCPLate(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	a, b := newCable(1500)
	_, log := start(t, "--dhcp", a)
	if want := "warn: net0: no DHCP server has answered for 10s: going on without, and asking on\n" +
		"net0: mac 02:00:00:00:00:01 mtu 1500 (no address)\n"; log.String() != want {
		t.Errorf("logged %q\nwant %q", log, want)
	}
	serveDHCP(t, b)
	waitFor(t, "a lease", func() bool {
		return strings.Contains(log.String(), "\nnet0: 10.0.0.9/24 gateway 10.0.0.1 dns 10.0.0.1 dns 10.0.0.3 mac")
	})
}
