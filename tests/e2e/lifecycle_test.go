package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tender/tests/rig"
	"tender/tests/rig/suite"
)

// end sends a signal and returns how the tender ended.
func (l *lab) end(s syscall.Signal) syscall.WaitStatus {
	l.t.Helper()
	l.must(l.tender.Process.Signal(s))
	return l.ended(10 * time.Second)
}

// ended waits for the tender's end.
func (l *lab) ended(limit time.Duration) syscall.WaitStatus {
	l.t.Helper()
	if err := wait(l.tender, limit); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			l.t.Fatal(err)
		}
	}
	return l.tender.ProcessState.Sys().(syscall.WaitStatus)
}

// TestSignals ends the tender in the ways of an operator: nothing is left of
// it, and its TAPs are free.
func TestSignals(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "ping")
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		status int // -1 for the signal itself
		says   string
	}{
		{"SIGTERM", syscall.SIGTERM, 1, "tender: Exiting on signal 15\n"},
		{"SIGINT", syscall.SIGINT, 1, "tender: Exiting on signal 2\n"},
		{"SIGKILL", syscall.SIGKILL, -1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			l := startLab(t, n, "--allow=icmp,type=echo-request")
			l.ping(l.Outside, rig.InsideHost)
			status := l.end(c.signal)
			if c.status >= 0 && status.ExitStatus() != c.status || c.status < 0 && status.Signal() != c.signal {
				t.Errorf("the tender ended with %v (status %d)", status, status.ExitStatus())
			}
			if !strings.HasSuffix(l.console.String(), c.says) {
				t.Errorf("its last lines are:\n%s\nwant %q", l.console.Tail(), c.says)
			}
			for ns, tap := range map[*rig.Namespace]string{n.Outside: n.OutsideTAP, n.Inside: n.InsideTAP} {
				link, err := ns.Link(tap)
				l.must(err)
				if link.Carrier {
					t.Errorf("%s still has a process behind it", tap)
				}
			}
			l.noPing(l.Inside, rig.OutsideHost)
			if pids := l.pids(n); len(pids) != 0 {
				t.Errorf("processes %s are left", pids)
			}
		})
	}
}

// pids are the processes in both namespaces of a network.
func (l *lab) pids(n *rig.Network) []string {
	l.t.Helper()
	var all []string
	for _, ns := range []*rig.Namespace{n.Outside, n.Inside} {
		out, err := exec.Command("ip", "netns", "pids", ns.Name).Output()
		l.must(err)
		all = append(all, strings.Fields(string(out))...)
	}
	return all
}

// TestRestart starts one tender after the other on the same TAPs.
func TestRestart(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "ping")
	n := newNetwork(t)
	options := []string{"--net=" + n.OutsideTAP, "--net=" + n.InsideTAP}
	for i := range 3 {
		l := prepareLab(t, n, options, "--allow=icmp,type=echo-request")
		if i > 0 {
			l.must(n.TakeBack())
		}
		l.start()
		l.ping(l.Outside, rig.InsideHost)
		if i < 2 {
			l.end(syscall.SIGTERM)
		}
	}
	// The last one still runs: one more is told who has the TAP.
	out, err := n.Outside.Run(t.Context(), 10*time.Second, suite.Tender.Of(t), "--net:outside="+n.OutsideTAP, "--net:inside=none", firewall.Of(t))
	if err == nil || !strings.Contains(out, n.OutsideTAP) || strings.Count(out, "\n") != 1 {
		t.Errorf("a second tender on %s: %v, %q", n.OutsideTAP, err, out)
	}
}

// TestExitAfter compares the counters of the end with the host's own, frame by
// frame and byte by byte.
func TestExitAfter(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "ping", "ncat", "ss")
	n := newNetwork(t)
	// Both TAPs are where they belong before the firewall says a word.
	if err := n.MoveInside(); err != nil {
		t.Fatal(err)
	}
	l := prepareLab(t, n, []string{"--net:outside=" + n.OutsideTAP, "--net:inside=@3"},
		"--allow=icmp,type=echo-request", "--allow=tcp,in=outside", "--exit-after=5s")
	l.inherit(n.Inside, n.InsideTAP)
	l.start()
	l.ping(l.Outside, rig.InsideHost, "-s", "1400")
	l.transfer(l.Outside, l.Inside, rig.InsideHost, "7000", data(5, 1<<20))
	if status := l.ended(20 * time.Second); status.ExitStatus() != 0 {
		t.Errorf("the tender ended with status %d, want 0", status.ExitStatus())
	}
	if !strings.Contains(l.console.String(), "firewall: counters at=exit ") {
		t.Error("there are no counters of the end")
	}
	for _, side := range []struct {
		name string
		ns   *rig.Namespace
		tap  string
	}{{"outside", n.Outside, n.OutsideTAP}, {"inside", n.Inside, n.InsideTAP}} {
		c, _ := l.console.Counters(side.name)
		link, err := side.ns.Link(side.tap)
		l.must(err)
		if c["rx"] != link.TxFrames || c["rx_bytes"] != link.TxBytes || c["tx"] != link.RxFrames || c["tx_bytes"] != link.RxBytes {
			t.Errorf("%s counted rx=%d rx_bytes=%d tx=%d tx_bytes=%d, and %s %+v",
				side.name, c["rx"], c["rx_bytes"], c["tx"], c["tx_bytes"], side.tap, link)
		}
		if fates(c) != c["rx"] || c["rx"] < 50 {
			t.Errorf("%s: %d frames of %d have a fate", side.name, fates(c), c["rx"])
		}
	}
}

// TestArguments gives the firewall wrong arguments: status 64 and one line.
func TestArguments(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	addresses := []string{"--outside=10.0.0.2/24", "--inside=192.168.0.1/24"}
	for _, c := range []struct {
		args []string
		says string
	}{
		{nil, "--outside: is missing"},
		{addresses[:1], "--inside: is missing"},
		{append(addresses, "--frobnicate=1"), "--frobnicate=1"},
		{append(addresses, "--allow=tcp,dport=http"), `"http" is not a port`},
		{append(addresses, "--inside=10.0.0.3/24"), "collides"},
		{append(addresses, "--stats=10"), "with its unit"},
		{append(addresses, "--route=0.0.0.0/0,172.16.0.1"), "in no network"},
	} {
		words := append([]string{suite.Tender.Of(t), "--net=" + n.OutsideTAP, "--net=" + n.InsideTAP, firewall.Of(t)}, c.args...)
		cmd := n.Outside.Command(t.Context(), words...)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 64 || !strings.Contains(string(out), c.says) || strings.Count(string(out), "\n") != 1 {
			t.Errorf("%q: %v, printed %q; want status 64 and one line with %q", c.args, err, out, c.says)
		}
	}
	words := []string{suite.Tender.Of(t), "--net=" + n.OutsideTAP, "--net=" + n.InsideTAP, firewall.Of(t), "--help"}
	out, err := n.Outside.Run(t.Context(), 10*time.Second, words...)
	if err != nil || !strings.Contains(out, "--allow=") {
		t.Errorf("--help: %v, printed %q", err, out)
	}
}

// leftOver are the processes that have a word in their environment.
func leftOver(t *testing.T, word string) (pids []string) {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if env, err := os.ReadFile(path); err == nil && strings.Contains(string(env), word) {
			pids = append(pids, strings.Split(path, "/")[2])
		}
	}
	return pids
}
