package datapath

import (
	"math/rand/v2"
	"os/exec"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/tests/rig/suite"
)

// answerLimit is what an answer may take. Nothing else is sent meanwhile that could
// wake who has slept through it.
const answerLimit = 5 * time.Second

// TestWakeUps has each of the tender and the guest fall asleep after every frame,
// with twice as many busy loops as there are CPUs beside them.
func TestWakeUps(t *testing.T) {
	suite.NeedTAPs(t)
	for range 2 * runtime.NumCPU() {
		busy := exec.Command("sh", "-c", "while :; do :; done")
		busy.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
		// Else the process ends with this thread.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		must(t, busy.Start())
		defer func() {
			busy.Process.Kill()
			busy.Wait()
		}()
	}
	t.Run("beside busy loops", func(t *testing.T) {
		for _, c := range []struct {
			name     string
			guest    *guest
			requests int
		}{{"in the poller", silent, 3000}, {"in a read", relay, 1000}} {
			t.Run(c.name, func(t *testing.T) {
				suite.UnderBoth(t, func(t *testing.T, options []string) { ask(t, options, c.guest, c.requests) })
			})
		}
	})
}

// ask makes so many requests, one after the other, of random sizes and with random
// pauses.
func ask(t *testing.T, options []string, g *guest, requests int) {
	l := newLab(t, options, g, "a", "b")
	l.start()
	there, back := both(l, "a", "b")
	<-there.arrived
	<-back.arrived
	var took []time.Duration
	for i := range requests {
		time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
		start := time.Now()
		for _, s := range []*stream{there, back} {
			came := s.came.Load()
			s.burst(1)
			select {
			case <-s.arrived:
			case <-time.After(answerLimit):
				t.Fatalf("request %d: nothing comes from %s to %s; %d had come, now %d", i, s.from.device, s.to.device, came, s.came.Load())
			}
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	t.Logf("half of the answers within %v, 99 %% within %v, all within %v", took[requests/2], took[requests*99/100], took[requests-1])
}
