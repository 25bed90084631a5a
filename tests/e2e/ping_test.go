package e2e

import (
	"testing"

	"tender/tests/rig"
	"tender/tests/rig/suite"
)

// TestPing sends pings through the firewall and to it, of all sizes.
func TestPing(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "ping")
	l := newLab(t, "--allow=icmp,type=echo-request")
	for _, p := range []struct {
		name   string
		from   *rig.Namespace
		target string
	}{
		{"through", l.Outside, rig.InsideHost},
		{"back through", l.Inside, rig.OutsideHost},
		{"outside to the firewall", l.Outside, rig.OutsideRouter},
		{"outside to its inside", l.Outside, rig.InsideRouter},
		{"inside to the firewall", l.Inside, rig.InsideRouter},
		{"inside to its outside", l.Inside, rig.OutsideRouter},
	} {
		t.Run(p.name, func(t *testing.T) {
			l := l.with(t)
			for _, size := range []string{"0", "56", "1472"} {
				l.ping(p.from, p.target, "-s", size)
			}
		})
	}
}

// TestPingPolicy forbids pings: through the firewall, which is its default,
// and to it, which is not.
func TestPingPolicy(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "ping")
	l := newLab(t, "--echo=no", "--allow=icmp,in=inside,type=echo-request")
	l.ping(l.Inside, rig.OutsideHost) // its answers pass
	l.noPing(l.Outside, rig.InsideHost)
	l.noPing(l.Outside, rig.OutsideRouter)
	l.noPing(l.Inside, rig.InsideRouter)
	if c := l.counters("outside"); c["drop_policy"] != 1 || c["drop_input"] != 1 || c["echo"] != 0 {
		t.Errorf("the counters of outside: %s", changes(nil, c))
	}
}

// TestTTL expects time exceeded from the firewall's own address, as
// traceroute does.
func TestTTL(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "ping")
	l := newLab(t, "--allow=icmp,type=echo-request", "--allow=udp,in=outside")
	for _, p := range []struct {
		from         *rig.Namespace
		target, hop1 string
	}{
		{l.Outside, rig.InsideHost, rig.OutsideRouter},
		{l.Inside, rig.OutsideHost, rig.InsideRouter},
	} {
		l.client(p.from, []string{"From " + p.hop1, "Time to live exceeded"}, "ping", "-n", "-c", "1", "-W", "2", "-t", "1", p.target)
		l.ping(p.from, p.target, "-t", "2")
	}
	if c := l.counters("outside"); c["drop_ttl"] != 1 || c["tx_icmp"] != 1 {
		t.Errorf("the counters of outside: %s", changes(nil, c))
	}
	// What the filter drops is dropped in silence.
	quiet := newLab(t)
	quiet.noPing(quiet.Outside, rig.InsideHost, "-t", "1")
	if c := quiet.counters("outside"); c["drop_policy"] != 1 || c["tx_icmp"] != 0 {
		t.Errorf("without a rule the counters of outside: %s", changes(nil, c))
	}
}
