package e2e

import (
	"strings"
	"testing"
	"time"

	"tender/guest/net/nettest"
	"tender/guest/net/wire"
	"tender/tests/rig"
	"tender/tests/rig/suite"
)

// TestARPAnswers asks for the firewall's address as a host does, and as hosts
// should not.
func TestARPAnswers(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "ping")
	l := newLab(t)
	l.ping(l.Outside, rig.OutsideRouter)
	l.client(l.Outside, []string{l.mac("outside").String()}, "ip", "neigh", "show", rig.OutsideRouter)
	outside, _ := l.stations()
	l.quiet()
	router, host := nettest.Addr(rig.OutsideRouter), nettest.Addr(rig.OutsideHost)
	self := outside.ether.Src
	isReply := func(frame []byte) bool {
		if wire.Ethernet(frame).Type() != wire.TypeARP {
			return false
		}
		m, ok := wire.ParseARP(frame[wire.EthernetLen:])
		return ok && m.Op() == wire.ARPReply
	}
	for _, c := range []struct {
		name    string
		frame   []byte
		answers bool
		fate    string
	}{
		{"a request", nettest.ARP(wire.BroadcastMAC, wire.ARPRequest, self, host, wire.MAC{}, router), true, "arp"},
		{"a probe", nettest.ARP(wire.BroadcastMAC, wire.ARPRequest, self, 0, wire.MAC{}, router), true, "arp"},
		{"for somebody else", nettest.ARP(wire.BroadcastMAC, wire.ARPRequest, self, host, wire.MAC{}, host+5), false, "arp"},
		{"for the other network", nettest.ARP(wire.BroadcastMAC, wire.ARPRequest, self, host, wire.MAC{}, nettest.Addr(rig.InsideRouter)), false, "arp"},
		{"from a stranger", nettest.ARP(wire.BroadcastMAC, wire.ARPRequest, self, nettest.Addr("172.16.0.1"), wire.MAC{}, router), false, "drop_arp_spoofed"},
		{"from the firewall's own address", nettest.ARP(wire.BroadcastMAC, wire.ARPRequest, self, router, wire.MAC{}, router), false, "drop_arp_spoofed"},
		{"too short", nettest.ARP(wire.BroadcastMAC, wire.ARPRequest, self, host, wire.MAC{}, router)[:41], false, "drop_arp_malformed"},
	} {
		before := l.settled("outside")
		outside.send(c.frame)
		limit := 300 * time.Millisecond
		if c.answers {
			limit = 5 * time.Second
		}
		got := outside.receive(limit, isReply)
		if (got != nil) != c.answers {
			t.Errorf("%s: answered: %v", c.name, got != nil)
		}
		if got != nil {
			m, _ := wire.ParseARP(got[wire.EthernetLen:])
			if m.SenderMAC() != l.mac("outside") || m.SenderIP() != router || m.TargetMAC() != self || wire.Ethernet(got).Dst() != self {
				t.Errorf("%s: the answer is % x", c.name, got)
			}
		}
		if after := l.settled("outside"); after[c.fate] != before[c.fate]+1 {
			t.Errorf("%s: it changed %v, want one more %s", c.name, changes(before, after), c.fate)
		}
	}
}

// TestARPAsks watches the firewall ask for a host that is there and for one
// that is not: it asks three times, then says that the host is unreachable.
func TestARPAsks(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "ping", "tcpdump")
	l := newLab(t, "--allow=icmp,type=echo-request")
	heard := &rig.Console{}
	dump := l.Inside.Command(l.ctx, "tcpdump", "-l", "-n", "-t", "-i", l.InsideTAP, "arp")
	dump.Stdout, dump.Stderr = heard, heard
	l.must(dump.Start())
	defer func() {
		dump.Process.Kill()
		dump.Wait()
	}()
	l.must(heard.Await(l.ctx, "listening on"))
	l.ping(l.Outside, rig.InsideHost)
	l.must(heard.Await(l.ctx, "Request who-has "+rig.InsideHost+" tell "+rig.InsideRouter))
	start := time.Now()
	l.client(l.Outside, []string{"From " + rig.OutsideRouter, "Destination Host Unreachable"}, "ping", "-n", "-c", "1", "-W", "10", "192.168.0.99")
	if took := time.Since(start); took < 2*time.Second {
		t.Errorf("it gave up after %v, want three seconds", took)
	}
	if n := strings.Count(heard.String(), "who-has 192.168.0.99 tell "+rig.InsideRouter); n != 3 {
		t.Errorf("it asked %d times, want 3", n)
	}
	if c := l.counters("outside"); c["drop_neighbour"] != 1 {
		t.Errorf("the counters of outside: %s", changes(nil, c))
	}
}
