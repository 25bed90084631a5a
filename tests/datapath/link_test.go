package datapath

import (
	"testing"
	"time"

	"tender/tests/rig/suite"
)

// set changes a device.
func (l *lab) set(device string, words ...string) {
	l.t.Helper()
	must(l.t, l.hub.IP(append([]string{"link", "set", "dev", device}, words...)...))
}

// TestLinkChanges takes one interface after the other away from under traffic,
// and brings it back.
func TestLinkChanges(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		l := newLab(t, options, between2, "a", "b")
		l.start()
		there, back := both(l, "a", "b")
		stop := meanwhile(there, back)
		l.uncounted = 2 * 4 * 8 // for each change of a device
		for range 2 {
			for _, d := range l.devices {
				for _, change := range [][2]string{{"down", "up"}, {"carrier off", "carrier on"}} {
					for _, to := range change {
						time.Sleep(50 * time.Millisecond)
						if to == "down" || to == "up" {
							l.set(d, to)
						} else {
							l.set(d, "carrier", to[len("carrier "):])
						}
					}
					there.passes(5 * time.Second)
					back.passes(5 * time.Second)
				}
			}
		}
		stop()
		l.audit()
	})
}

// TestMTU changes the MTU of both interfaces under traffic. The guest's stays
// what it was: it takes no frames that are longer.
func TestMTU(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		l := newLab(t, options, between2, "a", "b")
		l.start()
		there, back := both(l, "a", "b")
		stop := meanwhile(there, back)
		for _, mtu := range []string{"1400", "9000", "1500", "9000"} {
			for _, d := range l.devices {
				l.set(d, "mtu", mtu)
			}
			time.Sleep(100 * time.Millisecond)
			there.passes(5 * time.Second)
			back.passes(5 * time.Second)
		}
		stop()
		before := l.audit()
		for i, size := range []int{1473, 1900, 2000, 2100, 4000, 8900} {
			there.sized(20, size)
			after := l.audit()
			lost := after["a"].drops("receive") + after["a"]["guest dropped"] - before["a"].drops("receive") - before["a"]["guest dropped"]
			if lost != uint64(20*(i+1)) {
				t.Errorf("datagrams of %d bytes and less: %d dropped, of %d", size, lost, 20*(i+1))
			}
		}
		for _, d := range l.devices {
			l.set(d, "mtu", "1500")
		}
		there.passes(5 * time.Second)
	})
}

// TestJumbo has an MTU of 9000 from the start: frames are in several chunks.
func TestJumbo(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		l := newLab(t, options, between2, "a", "b")
		for _, d := range l.devices {
			l.set(d, "mtu", "9000")
		}
		l.start()
		there, back := both(l, "a", "b")
		there.most, back.most = dataOf(9000), dataOf(9000)
		known := l.audit() // and by then some had to wait for a neighbour, perhaps too many
		together(func() { there.paced(3000) }, func() { back.paced(3000) })
		before := l.audit()
		for range 3 {
			together(func() { there.burst(1000) }, func() { back.burst(1000) })
		}
		after := l.audit()
		for _, d := range l.devices {
			paced := before[d].since(known[d])
			if n := paced.drops("receive") + paced.drops("send") + paced["guest dropped"]; n > 0 {
				t.Errorf("%s: without bursts %d frames are dropped: %v", d, n, paced)
			}
			t.Logf("%s, bursts: %v", d, after[d].since(before[d]))
		}
	})
}

// TestRefusingSide has one side refuse what comes to it. It loses that, and
// nobody else anything.
func TestRefusingSide(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		l := newLab(t, options, between3, "a", "b", "c")
		l.start()
		refused, _ := both(l, "a", "b")
		there, back := both(l, "a", "c")
		before := l.audit()
		l.set("b", "down")
		start := there.sent.Load() + back.sent.Load() - there.came.Load() - back.came.Load()
		sent := refused.sent.Load()
		for turn := forSome(time.Second); turn(); {
			now := forSome(100 * time.Millisecond)
			together(func() { refused.burst(100) }, func() { there.pace(now) }, func() { back.pace(now) })
		}
		after := l.audit()
		if lost := there.sent.Load() + back.sent.Load() - there.came.Load() - back.came.Load() - start; lost != 0 {
			t.Errorf("%d frames of the others are lost: %v %v", lost, after["a"].since(before["a"]), after["c"].since(before["c"]))
		}
		if down, want := after["b"]["send down"]-before["b"]["send down"], uint64(refused.sent.Load()-sent); down != want {
			t.Errorf("%d of %d frames are refused", down, want)
		}
		l.set("b", "up")
		refused.passes(5 * time.Second)
		l.audit()
	})
}
