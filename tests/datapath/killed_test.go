package datapath

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tender/tests/rig/suite"
)

// relay passes frames on in both directions; a frame with the fatal type makes it
// panic.
var relay = program("relay")

// meanwhile sends both ways, in bursts, until the returned function is called.
func meanwhile(there, back *stream) (stop func()) {
	var stopped atomic.Bool
	ended := make(chan struct{})
	flow := func(s *stream) func() {
		return func() {
			for !stopped.Load() {
				s.burst(50)
				time.Sleep(time.Millisecond)
			}
		}
	}
	go func() {
		defer close(ended)
		together(flow(there), flow(back))
	}()
	return func() {
		stopped.Store(true)
		<-ended
	}
}

// TestKilled ends a tender amid traffic in several ways. Its TAPs are free at
// once for another, which forwards.
func TestKilled(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		l := newLab(t, options, between2, "a", "b")
		l.start()
		there, back := both(l, "a", "b")
		kill := func(s syscall.Signal) func() { return func() { must(t, l.cmd.Process.Signal(s)) } }
		ways := []struct {
			name string
			kill func()
			ends func(s syscall.WaitStatus) bool
			says string
		}{
			{"SIGKILL", kill(syscall.SIGKILL), func(s syscall.WaitStatus) bool { return s.Signal() == syscall.SIGKILL }, ""},
			{"SIGTERM", kill(syscall.SIGTERM), func(s syscall.WaitStatus) bool { return s.ExitStatus() == 1 }, "tender: Exiting on signal 15\n"},
		}
		if len(options) > 0 {
			// Like a process that is asked to end.
			ways[1].ends, ways[1].says = func(s syscall.WaitStatus) bool { return s.Signal() == syscall.SIGTERM }, ""
			ways = append(ways, ways[0])
			ways[2].name = "SIGKILL of the guest's process"
			ways[2].kill = func() { must(t, l.process().Kill()) }
			ways[2].ends = func(s syscall.WaitStatus) bool { return s.ExitStatus() > 0 }
		}
		for _, way := range ways {
			stop := meanwhile(there, back)
			time.Sleep(200 * time.Millisecond)
			came := there.came.Load() + back.came.Load()
			way.kill()
			if status := l.end(); !way.ends(status) || !strings.HasSuffix(l.console.String(), way.says) {
				t.Errorf("%s: the tender ends with %#x and says:\n%s", way.name, status, l.console.Tail())
			}
			stop()
			if came < 100 {
				t.Errorf("%s: %d frames came before", way.name, came)
			}
			l.start()
			there.passes(20 * time.Second)
			back.passes(5 * time.Second)
			l.audit()
		}
	})
}

// TestDeleted deletes an interface amid traffic: the guest is told, and ends.
func TestDeleted(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		l := newLab(t, options, between2, "a", "b")
		l.start()
		there, back := both(l, "a", "b")
		stop := meanwhile(there, back)
		time.Sleep(100 * time.Millisecond)
		must(t, l.hub.IP("link", "del", "dev", "b"))
		l.devices = l.devices[:1]
		if status := l.end(); status.ExitStatus() != 1 || !strings.Contains(l.console.String(), "network device has failed") {
			t.Errorf("the tender ends with %#x and says:\n%s", status, l.console.Tail())
		}
		stop()
	})
}

// TestStatsFile compares what --stats=FILE says in the end with what the
// interfaces have counted.
func TestStatsFile(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		file := filepath.Join(t.TempDir(), "stats")
		l := newLab(t, append(options, "--stats="+file), between2, "a", "b")
		l.start()
		there, back := both(l, "a", "b")
		together(func() { there.paced(1000) }, func() { back.paced(1000) })
		eventually(t, 10*time.Second, "all have come", func() bool {
			a, b := l.hostCounts("a"), l.hostCounts("b")
			return there.away()+back.away() == 0 && a["given"] == a["came"] && b["given"] == b["came"]
		})
		must(t, l.cmd.Process.Signal(syscall.SIGTERM))
		l.end()
		text, err := os.ReadFile(file)
		must(t, err)
		for _, d := range l.devices {
			host, c := l.hostCounts(d), tenderCounts(t, string(text), d)
			if c["receive"] != host["taken"] || c["send"] != host["given"] || c.drops("receive")+c.drops("send") != 0 {
				t.Errorf("%s: %v, and the host %v", d, c, host)
			}
		}
	})
}

// TestPanic has the guest itself end amid traffic.
func TestPanic(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		l := newLab(t, options, relay, "a", "b")
		for range 2 {
			l.start()
			there, back := both(l, "a", "b")
			stop := meanwhile(there, back)
			time.Sleep(200 * time.Millisecond)
			fatal := make([]byte, 60)
			fatal[12], fatal[13] = 0xde, 0xad
			// A burst may leave no room for it.
			for end := time.Now().Add(10 * time.Second); strings.Count(l.console.String(), "panic: ") == 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
				there.from.send(fatal)
			}
			status := l.end()
			stop()
			if status.ExitStatus() != 2 || !strings.Contains(l.console.String(), "panic: the fatal frame") {
				t.Errorf("the tender ends with %#x and says:\n%s", status, l.console.Tail())
			}
		}
	})
}
