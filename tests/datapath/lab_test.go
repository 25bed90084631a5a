package datapath

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tender/guest/net/wire"
	"tender/tests/rig"
	"tender/tests/rig/suite"
)

// lab is a network namespace with TAPs, and at times a tender that drives them.
// The host has no address in it and says nothing by itself.
type lab struct {
	t       testing.TB
	hub     *rig.Namespace
	guest   *guest
	options []string
	devices []string
	// stations are the hosts at the devices, and before what was counted when
	// the running tender was started.
	stations map[string]*station
	before   map[string]counts
	// uncounted is how many frames the kernel may have lost at each device without
	// counting them.
	uncounted uint64
	// stats is the path that --stats of the running tender serves.
	stats   string
	console *rig.Console
	cmd     *exec.Cmd
	ended   chan error
	starts  int
	folder  string
}

// newLab makes the namespace and, for each device, a TAP of the same name with a
// host at it. All go when the test ends.
func newLab(t testing.TB, options []string, g *guest, devices ...string) *lab {
	t.Helper()
	hub, err := rig.NewNamespace("hub")
	must(t, err)
	l := &lab{t: t, hub: hub, guest: g, options: options, devices: devices, stations: map[string]*station{}, before: map[string]counts{}, folder: t.TempDir()}
	t.Cleanup(func() {
		if t.Failed() && l.console != nil {
			t.Logf("the guest's lines:\n%s", l.said())
		}
		if l.cmd != nil {
			l.cmd.Process.Kill()
			<-l.ended
		}
		if err := hub.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, parameter := range []string{"all", "default"} {
		must(t, hub.Set("net/ipv6/conf/"+parameter+"/disable_ipv6", "1"))
	}
	for _, d := range devices {
		must(t, hub.IP("tuntap", "add", "dev", d, "mode", "tap"))
		must(t, hub.IP("link", "set", "dev", d, "up"))
		l.stations[d] = newStation(l, d, networkOf(d)+"2")
	}
	return l
}

// start starts a tender on the TAPs and waits until its guest is ready.
func (l *lab) start(args ...string) {
	l.t.Helper()
	l.starts++
	for _, d := range l.devices {
		l.before[d] = l.hostCounts(d)
	}
	l.stats = filepath.Join(l.folder, fmt.Sprintf("stats%d", l.starts))
	words := append([]string{suite.Tender.Of(l.t), "--mem=64", "--stats=unix:" + l.stats}, l.options...)
	for _, d := range l.devices {
		words = append(words, "--net:"+d+"="+d)
	}
	l.console = &rig.Console{}
	l.cmd = l.hub.Command(context.Background(), append(append(words, l.guest.Of(l.t)), args...)...)
	l.cmd.Stdout, l.cmd.Stderr = l.console, l.console
	must(l.t, l.cmd.Start())
	l.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan error) { ended <- cmd.Wait() }(l.cmd, l.ended)
	must(l.t, l.console.Await(l.t.Context(), l.guest.ready))
	for _, d := range l.devices {
		mac := l.mac(d)
		l.stations[d].guest.Store(&mac)
	}
}

// said is what the tender and the guest have said, but for old counters.
func (l *lab) said() string {
	lines := strings.SplitAfter(l.console.String(), "\n")
	last := len(lines) - 20
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool {
		last--
		return last >= 0 && strings.HasPrefix(line, "stats: ")
	}), "")
}

// running fails the test if the tender has ended.
func (l *lab) running() {
	l.t.Helper()
	select {
	case err := <-l.ended:
		l.cmd = nil
		l.t.Fatalf("the tender has ended: %v", err)
	default:
	}
}

// end waits for the tender's end, which the caller has seen to. It leaves nothing
// behind: no process, and TAPs without one.
func (l *lab) end() syscall.WaitStatus {
	l.t.Helper()
	cmd := l.cmd
	select {
	case err := <-l.ended:
		var exit *exec.ExitError
		if l.cmd = nil; err != nil && !errors.As(err, &exit) {
			l.t.Fatal(err)
		}
	case <-time.After(20 * time.Second):
		l.t.Fatal("the tender does not end")
	}
	for _, d := range l.devices {
		link, err := l.hub.Link(d)
		must(l.t, err)
		if link.Carrier {
			l.t.Errorf("%s still has a process behind it", d)
		}
	}
	eventually(l.t, 5*time.Second, "no process is left in the namespace", func() bool {
		out, err := exec.Command("ip", "netns", "pids", l.hub.Name).Output()
		return err == nil && len(strings.Fields(string(out))) == 0
	})
	return cmd.ProcessState.Sys().(syscall.WaitStatus)
}

// process is the guest's own of an spt tender.
func (l *lab) process() *os.Process {
	l.t.Helper()
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", l.cmd.Process.Pid))
	must(l.t, err)
	children := ""
	for _, path := range paths {
		text, err := os.ReadFile(path)
		must(l.t, err)
		children += string(text)
	}
	pid := 0
	if n, err := fmt.Sscan(children, &pid); n != 1 || len(strings.Fields(children)) != 1 {
		l.t.Fatalf("the tender has the children %q, %v", children, err)
	}
	p, err := os.FindProcess(pid)
	must(l.t, err)
	return p
}

// mac is the guest's address on a device, which it prints at its start.
func (l *lab) mac(device string) wire.MAC {
	l.t.Helper()
	m := regexp.MustCompile("(?m)^" + device + ": mac ([0-9a-f:]+)").FindStringSubmatch(l.console.String())
	if m == nil {
		l.t.Fatalf("the guest did not print its address on %s:\n%s", device, l.console)
	}
	var mac wire.MAC
	for i, part := range strings.Split(m[1], ":") {
		if _, err := fmt.Sscanf(part, "%x", &mac[i]); err != nil {
			l.t.Fatal(err)
		}
	}
	return mac
}
