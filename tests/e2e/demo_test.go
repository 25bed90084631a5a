package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"tender/tests/rig"
	"tender/tests/rig/suite"
)

// demonstration is a run of what `make demo` runs, in a process group of its
// own, marked so that what it leaves can be found.
type demonstration struct {
	*exec.Cmd
	said *rig.Console
	mark string
}

func startDemo(t *testing.T) *demonstration {
	t.Helper()
	needHost(t)
	suite.NeedTools(t, "ping", "ncat", "ss")
	d := &demonstration{
		Cmd:  exec.Command(demo.Of(t), suite.Tender.Of(t), firewall.Of(t)),
		said: &rig.Console{},
		mark: fmt.Sprintf("TENDER_E2E=%d.%s.", os.Getpid(), t.Name()),
	}
	d.Env = append(os.Environ(), d.mark)
	d.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	d.Stdout, d.Stderr = d.said, d.said
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Kill(-d.Process.Pid, syscall.SIGKILL) })
	return d
}

// ended waits for the end, wants a status and that nothing is left.
func (d *demonstration) ended(t *testing.T, limit time.Duration, status int) {
	t.Helper()
	if wait(d.Cmd, limit); d.ProcessState.ExitCode() != status {
		t.Errorf("the demo ended with %v, want status %d:\n%s", d.ProcessState, status, d.said)
	}
	namespaces, err := exec.Command("ip", "netns").Output()
	if err != nil || strings.Contains(string(namespaces), fmt.Sprintf("td%d-", d.Process.Pid)) {
		t.Errorf("namespaces are left: %v\n%s", err, namespaces)
	}
	if pids := leftOver(t, d.mark); len(pids) != 0 {
		t.Errorf("processes %s are left", pids)
	}
}

// TestDemo runs it to its end.
func TestDemo(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	d.ended(t, 60*time.Second, 0)
	if n := strings.Count(d.said.String(), " ok\n"); n != 7 || strings.Contains(d.said.String(), "FAILED") {
		t.Errorf("%d lines are ok, want 7:\n%s", n, d.said)
	}
}

// TestDemoInterrupted ends it early, as Ctrl-C does, which is for the whole
// process group, and as kill does.
func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		group  int
		after  time.Duration
	}{
		{"Ctrl-C", syscall.SIGINT, -1, 700 * time.Millisecond},
		{"Ctrl-C at the start", syscall.SIGINT, -1, 0},
		{"kill", syscall.SIGTERM, 1, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := startDemo(t)
			if err := d.said.Await(t.Context(), "two hosts"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(c.after)
			if err := syscall.Kill(c.group*d.Process.Pid, c.signal); err != nil {
				t.Fatal(err)
			}
			d.ended(t, 10*time.Second, 1)
			if said := d.said.String(); strings.Contains(said, "WHAT") || !strings.HasSuffix(said, "demo: interrupted\n") {
				t.Errorf("it said:\n%s", said)
			}
		})
	}
}
