package conformance

import (
	"bytes"
	"fmt"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"tender/abi"
)

// A guest without devices sleeps, and its clocks go with those of the host.
// Only early wake-ups and hours of delay fail; the rest is for the reader.
func TestSleep(t *testing.T) {
	onEach(t, func(t *testing.T, target string) {
		for _, d := range []time.Duration{0, time.Millisecond, time.Second} {
			before := time.Now()
			got := run(t, "--mem=4", guest(t, "sleep", target), fmt.Sprint(int64(d)))
			took := time.Since(before)
			var mono, wall time.Duration
			var now, ready int64
			if _, err := fmt.Sscanf(got.out, "monotonic %d wall %d now %d ready %d", &mono, &wall, &now, &ready); err != nil || got.status != 0 {
				t.Fatalf("%+v", got)
			}
			t.Logf("%v: monotonic %v, wall %v, the whole process %v", d, mono, wall, took)
			// The tender rounds to its timer, the frequency of the counter to Hz.
			early := d - d/1000
			if mono < early || mono > took+took/100 || wall > took+took/100 || ready != 0 {
				t.Errorf("slept %v: monotonic %v, wall %v, ready %d", d, mono, wall, ready)
			}
			if at := time.Unix(0, now); at.Before(before.Add(-time.Millisecond)) || at.After(time.Now()) {
				t.Errorf("the guest's clock said %v, it was %v", at, before)
			}
		}
	})
}

// SIGTERM ends a tender whose guest sleeps.
func TestSignal(t *testing.T) {
	onEach(t, func(t *testing.T, target string) {
		path, err := tenderPath()
		check(t, err)
		for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
			cmd := exec.Command(path, "--mem=4", guest(t, "sleep", target), fmt.Sprint(int64(timeLimit)))
			var messages bytes.Buffer
			cmd.Stderr = &messages
			check(t, cmd.Start())
			end := time.AfterFunc(timeLimit/2, func() { cmd.Process.Kill() })
			time.Sleep(500 * time.Millisecond)
			check(t, cmd.Process.Signal(signal))
			status := shellStatus(t, cmd, cmd.Wait())
			end.Stop()
			said := fmt.Sprintf("tender: Exiting on signal %d\n", signal)
			switch {
			case target == "hvt" && (status != abi.ExitFailure || withoutNotice(messages.String()) != said):
				t.Errorf("%v: status %d, stderr %q", signal, status, messages.String())
			case target == "spt" && status != 128+int(signal):
				t.Errorf("%v: status %d, want that of the signal", signal, status)
			}
		}
	})
}
