package e2e

import (
	"bytes"
	"testing"
	"time"

	"tender/guest/net/nettest"
	"tender/guest/net/wire"
	"tender/tests/rig"
	"tender/tests/rig/suite"
)

// TestPingFragments sends pings in fragments through the firewall, and to it,
// where fragments are dropped.
func TestPingFragments(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "ping")
	l := newLab(t, "--allow=icmp,type=echo-request")
	l.ping(l.Outside, rig.InsideHost, "-s", "4000")
	l.ping(l.Inside, rig.OutsideHost, "-s", "20000")
	before := l.settled("outside")
	if before["drop_fragment_orphan"] != 0 {
		t.Errorf("fragments lost their first: %v", changes(nil, before))
	}
	l.noPing(l.Outside, rig.OutsideRouter, "-s", "4000")
	if after := l.settled("outside"); after["drop_no_service"] != 1 || after["drop_fragment_orphan"] != 2 {
		t.Errorf("a ping in three fragments to the firewall changed %v", changes(before, after))
	}
}

// TestFragments checks the policy piece by piece: a first fragment is judged
// like a whole datagram; a later one passes behind its first and never
// without or across it.
func TestFragments(t *testing.T) {
	t.Parallel()
	l := newLab(t, "--allow=udp,in=outside,dport=5000")
	l.quiet()
	outside, inside := l.stations()
	fragment := func(id uint16, port uint16, offset int, more bool) []byte {
		ip := toInside
		ip.ID = id
		whole := nettest.UDPPayload(ip, 4000, port, bytes.Repeat([]byte{byte(id)}, 56)) // 64 bytes
		if offset > 0 {
			whole = whole[:16]
		}
		return nettest.Fragment(outside.ether, ip, wire.ProtoUDP, whole, offset, more)
	}
	// The first frame makes the firewall ask for the host.
	l.ping(l.Inside, rig.InsideRouter)
	for _, step := range []struct {
		name   string
		frame  []byte
		id     uint16
		passes bool
		fate   string
	}{
		{"later without first", fragment(1, 5000, 64, false), 1, false, "drop_fragment_orphan"},
		{"first", fragment(2, 5000, 0, true), 2, true, "forwarded"},
		{"its last", fragment(2, 5000, 80, false), 2, true, "forwarded"},
		{"its middle, out of order", fragment(2, 5000, 64, true), 2, true, "forwarded"},
		{"across the first", fragment(2, 5000, 56, false), 2, false, "drop_fragment_orphan"},
		{"across the header", fragment(2, 5000, 8, true), 2, false, "drop_fragment_orphan"},
		{"forbidden first", fragment(3, 5001, 0, true), 3, false, "drop_policy"},
		{"later of a forbidden first", fragment(3, 5001, 64, false), 3, false, "drop_fragment_orphan"},
		{"forbidden first with the number of an allowed one", fragment(2, 5001, 0, true), 2, false, "drop_policy"},
		{"later, after that", fragment(2, 5000, 64, false), 2, false, "drop_fragment_orphan"},
	} {
		before := l.settled("outside")
		outside.send(step.frame)
		limit := 300 * time.Millisecond
		if step.passes {
			limit = 5 * time.Second
		}
		got := inside.receive(limit, func(frame []byte) bool {
			ip, ok := datagram(frame, wire.ProtoUDP, rig.OutsideHost, rig.InsideHost)
			return ok && ip.ID() == step.id
		})
		if (got != nil) != step.passes {
			t.Errorf("%s: it came through: %v", step.name, got != nil)
		}
		if got != nil {
			if err := nettest.CheckFrame(got); err != nil {
				t.Errorf("%s: % x: %v", step.name, got, err)
			}
		}
		if after := l.settled("outside"); after[step.fate] != before[step.fate]+1 || fates(after)-after["arp"] != fates(before)-before["arp"]+1 {
			t.Errorf("%s: it changed %v, want one more %s", step.name, changes(before, after), step.fate)
		}
	}
}
