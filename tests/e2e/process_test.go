package e2e

import (
	"context"
	"os"
	"strings"
	"testing"

	"tender/guest/net/wire"
	"tender/tests/rig"
	"tender/tests/rig/suite"
	"tender/toolchain"
)

// asProcess builds the firewall as a Linux program.
func asProcess(race bool) func(string) error {
	return func(output string) error {
		_, err := toolchain.Build(context.Background(), toolchain.Options{Package: "tender/appliances/firewall", Process: true, Race: race, Output: output})
		return err
	}
}

var (
	process = suite.Artefact{Name: "firewall", Make: asProcess(false)}
	raced   = suite.Artefact{Name: "firewall-race", Make: asProcess(true)}
)

// TestProcess runs the firewall as an ordinary process on the TAPs, also with
// the race detector, as it is debugged.
func TestProcess(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "ping", "gcc")
	for _, p := range []*suite.Artefact{&process, &raced} {
		t.Run(p.Name, func(t *testing.T) {
			n := newNetwork(t)
			l := &lab{Network: n, t: t, ctx: t.Context(), console: &rig.Console{}}
			l.tender = n.Outside.Command(context.Background(), p.Of(t),
				"--outside="+rig.OutsideRouter+"/24", "--inside="+rig.InsideRouter+"/24", "--stats=200ms", "--allow=icmp,type=echo-request")
			l.tender.Env = append(os.Environ(), "TENDER_NET=outside="+n.OutsideTAP+",inside="+n.InsideTAP)
			l.tender.Stdout, l.tender.Stderr = l.console, l.console
			l.start()
			for _, size := range []string{"0", "1472"} {
				l.ping(l.Outside, rig.InsideHost, "-s", size)
				l.ping(l.Inside, rig.OutsideHost, "-s", size)
				l.ping(l.Outside, rig.OutsideRouter, "-s", size)
			}
			if l.mac("outside") == (wire.MAC{}) || l.mac("outside") == l.mac("inside") {
				t.Error("the devices have no addresses of their own")
			}
			if c := l.counters("outside"); c["forwarded"] < 6 {
				t.Errorf("the counters of outside: %s", changes(nil, c))
			}
			if text := l.console.String(); strings.Contains(text, "DATA RACE") {
				t.Errorf("races:\n%s", text)
			}
		})
	}
}
