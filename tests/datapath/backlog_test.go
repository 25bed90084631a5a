package datapath

import (
	"testing"
	"time"

	"tender/tests/rig/suite"
)

// TestBacklog fills all queues in bursts and then sends nothing: what waits has to
// move on by itself, to the last frame, though each side has been out of room.
func TestBacklog(t *testing.T) {
	for name, g := range map[string]*guest{"in the poller": silent, "in a read": relay} {
		t.Run(name, func(t *testing.T) {
			suite.UnderBoth(t, func(t *testing.T, options []string) { backlog(t, options, g) })
		})
	}
}

// quiet is how long nothing has to come before it is said that nothing waits.
const quiet = 700 * time.Millisecond

func backlog(t *testing.T, options []string, g *guest) {
	l := newLab(t, options, g, "a", "b")
	l.start()
	there, back := both(l, "a", "b")
	for range 5 {
		together(func() { there.burst(3000) }, func() { back.burst(3000) })
		eventually(t, 5*time.Second, "the queues are empty", func() bool {
			a, b := l.hostCounts("a"), l.hostCounts("b")
			return a["sent"] == a["taken"]+a["queue full"] && b["sent"] == b["taken"]+b["queue full"]
		})
		for came := int64(-1); came != there.came.Load()+back.came.Load(); time.Sleep(quiet) {
			came = there.came.Load() + back.came.Load()
		}
		for _, s := range []*stream{there, back} {
			came := s.came.Load()
			s.burst(1)
			eventually(t, answerLimit, "the next one comes", func() bool { return s.came.Load() > came })
			time.Sleep(10 * time.Millisecond)
			if n := s.came.Load() - came; n != 1 {
				t.Errorf("%s > %s: %d frames have waited for another", s.from.device, s.to.device, n-1)
			}
		}
	}
	a, b := l.hostCounts("a"), l.hostCounts("b")
	t.Logf("of %d and %d frames the queues dropped %d and %d", a["sent"], b["sent"], a["queue full"], b["queue full"])
}
