package datapath

import (
	"os"
	"syscall"
	"testing"
	"time"

	"tender/tests/rig/suite"
)

// TestStopped stops the tender for two seconds amid traffic, and then of an spt
// guest the guest's process alone. What the interfaces cannot keep meanwhile they
// count; all else arrives.
func TestStopped(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		l := newLab(t, options, between2, "a", "b")
		l.start()
		there, back := both(l, "a", "b")
		processes := map[string]*os.Process{"the tender": l.cmd.Process}
		if len(options) > 0 {
			processes["the guest's process"] = l.process()
		}
		for name, p := range processes {
			before := l.audit()
			stop := meanwhile(there, back)
			time.Sleep(200 * time.Millisecond)
			must(t, p.Signal(syscall.SIGSTOP))
			time.Sleep(2 * time.Second)
			must(t, p.Signal(syscall.SIGCONT))
			there.passes(5 * time.Second)
			back.passes(5 * time.Second)
			stop()
			after := l.audit()
			for _, d := range l.devices {
				lost := after[d]["queue full"] - before[d]["queue full"]
				if lost == 0 {
					t.Errorf("%s is stopped: %s drops nothing", name, d)
				}
				t.Logf("%s is stopped: %s has dropped %d of %d frames", name, d, lost, after[d]["sent"]-before[d]["sent"])
			}
		}
	})
}

// TestFullRings has the guest find two full receive rings, all of whose frames are
// for one device: its transmit ring does not hold them. What is dropped is counted.
func TestFullRings(t *testing.T) {
	suite.NeedTAPs(t)
	t.Parallel()
	l := newLab(t, []string{"--spt"}, between3, "a", "b", "c")
	l.start()
	one, _ := both(l, "a", "b")
	other, _ := both(l, "c", "b")
	p := l.process()
	for range 10 {
		must(t, p.Signal(syscall.SIGSTOP))
		together(func() { one.burst(2000) }, func() { other.burst(2000) })
		time.Sleep(50 * time.Millisecond)
		must(t, p.Signal(syscall.SIGCONT))
		one.passes(5 * time.Second)
	}
	l.audit()
}
