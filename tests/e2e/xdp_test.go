package e2e

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"tender/tests/rig"
	"tender/tests/rig/suite"
)

// xdpLab is a firewall that has taken over the ports of a router.
type xdpLab struct {
	*lab
	place *rig.Router
}

// newXDPLab starts one with the tender's options and the firewall's arguments.
func newXDPLab(t testing.TB, options []string, args ...string) *xdpLab {
	t.Helper()
	needHost(t)
	suite.NeedTools(t, "ethtool")
	r, err := rig.NewCables()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := r.CompleteChecksums(); err != nil {
		t.Fatal(err)
	}
	return startXDPLab(t, r, options, args...)
}

// startXDPLab starts a firewall on the ports of r. It ends with the test at the
// latest.
func startXDPLab(t testing.TB, r *rig.Router, options []string, args ...string) *xdpLab {
	t.Helper()
	n := &rig.Network{Outside: r.Outside, Inside: r.Inside, OutsideTAP: "eth0", InsideTAP: "eth0"}
	l := &xdpLab{prepareLabIn(t, r.Router, n, append(options, "--net=xdp:"+rig.OutsidePort, "--net=xdp:"+rig.InsidePort), args...), r}
	l.must(l.tender.Start())
	l.t.Cleanup(func() {
		if l.tender.ProcessState == nil {
			l.tender.Process.Kill()
			l.tender.Wait()
		}
	})
	l.must(l.console.Await(l.ctx, "firewall: ready "))
	return l
}

// ports tells of the router's ports, by ip.
func (l *xdpLab) ports() string {
	l.t.Helper()
	out, err := l.place.Router.Run(context.Background(), 5*time.Second, "ip", "-d", "link", "show")
	l.must(err)
	return out
}

// TestXDP has a firewall where Linux would be the router: on the interfaces
// themselves. The host has them back when it ends, and another can take them over.
func TestXDP(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		allow := []string{"--allow=icmp,type=echo-request", "--allow=tcp,in=outside,dport=7000", "--allow=tcp,in=inside,dport=7001"}
		l := newXDPLab(t, options, allow...)
		if !strings.Contains(l.ports(), "xdp") {
			t.Errorf("no XDP program:\n%s", l.ports())
		}
		for _, size := range []string{"0", "56", "1472"} {
			l.ping(l.Outside, rig.InsideHost, "-s", size)
			l.ping(l.Inside, rig.OutsideRouter, "-s", size)
		}
		l.transfer(l.Outside, l.Inside, rig.InsideHost, "7000", data(1, 8<<20))
		l.transfer(l.Inside, l.Outside, rig.OutsideHost, "7001", data(2, 8<<20))
		l.end(syscall.SIGTERM)
		if text := counted(l.stats); !strings.Contains(text, "tender_net_frames_total") || strings.Contains(text, "drops") {
			t.Errorf("the tender counted:\n%s", text)
		}
		if strings.Contains(l.ports(), "xdp") {
			t.Errorf("an XDP program is left:\n%s", l.ports())
		}
		again := startXDPLab(t, l.place, options, allow...)
		again.ping(again.Outside, rig.InsideHost)
		// A firewall whose interface goes away keeps to the other.
		again.must(again.place.Router.IP("link", "del", rig.OutsidePort))
		again.ping(again.Inside, rig.InsideRouter)
	}, "ping", "ncat")
}
