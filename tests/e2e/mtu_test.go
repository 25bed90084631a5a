package e2e

import (
	"strings"
	"testing"

	"tender/tests/rig"
	"tender/tests/rig/suite"
)

// withMTU is a network whose TAPs have these MTUs.
func withMTU(t testing.TB, outside, inside string) *rig.Network {
	t.Helper()
	n := newNetwork(t)
	for tap, mtu := range map[string]string{n.OutsideTAP: outside, n.InsideTAP: inside} {
		if err := n.Outside.IP("link", "set", tap, "mtu", mtu); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// TestTooBig sends what does not fit the inner MTU: with DF the firewall says
// what would fit, and without it makes fragments.
func TestTooBig(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "ping")
	l := startLab(t, withMTU(t, "1500", "1400"), "--allow=icmp,type=echo-request", "--allow=udp,dport=5000")
	l.ping(l.Outside, rig.InsideHost, "-M", "do", "-s", "1372")
	l.client(l.Outside, []string{"From " + rig.OutsideRouter, "mtu = 1400"}, "ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", "1373", rig.InsideHost)
	if c := l.counters("outside"); c["drop_too_big"] != 1 || c["tx_icmp"] != 1 {
		t.Errorf("the counters of outside: %s", changes(nil, c))
	}
	// The host has learned it, so that its datagrams fit from now on.
	l.client(l.Outside, []string{"mtu 1400"}, "ip", "route", "get", rig.InsideHost)
	l.must(l.Outside.IP("route", "flush", "cache"))
	l.ping(l.Outside, rig.InsideHost, "-M", "dont", "-s", "1473")
	server, client := l.socket(l.Inside, ":5000"), l.socket(l.Outside, ":0")
	raw := strings.Repeat("x", 4000)
	l.say(client, raw, rig.InsideHost+":5000")
	l.hear(server, raw)
	if c := l.counters("outside"); c["fragmented"] == 0 {
		t.Errorf("the counters of outside: %s, want fragmented", changes(nil, c))
	}
}

// TestJumbo has TAPs with an MTU of 9000.
func TestJumbo(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "ping", "ncat", "ss")
	l := startLab(t, withMTU(t, "9000", "9000"), "--allow=icmp,type=echo-request", "--allow=tcp,in=outside")
	if !strings.Contains(l.console.String(), ",mtu=9000 inside=") {
		t.Error("the firewall does not know the MTU")
	}
	l.ping(l.Outside, rig.InsideHost, "-M", "do", "-s", "8972")
	l.ping(l.Outside, rig.OutsideRouter, "-M", "do", "-s", "8972")
	l.transfer(l.Outside, l.Inside, rig.InsideHost, "7000", data(3, 4<<20))
	l.accounts()
	if c := l.counters("outside"); c["forwarded"] > 3000 {
		t.Errorf("%d frames for 4 MB: they are not large", c["forwarded"])
	}
}
