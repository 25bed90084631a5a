package e2e

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tender/guest/net/wire"
	"tender/tests/rig"
	"tender/tests/rig/suite"
)

// lab is a network with a running firewall between its hosts.
type lab struct {
	*rig.Network
	t       testing.TB
	ctx     context.Context
	console *rig.Console
	tender  *exec.Cmd
	stats   string // the file of the tender's counters
}

// newNetwork makes a network that goes when the test ends.
func newNetwork(t testing.TB) *rig.Network {
	t.Helper()
	needHost(t)
	n, err := rig.NewNetwork()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// newLab starts a firewall with both addresses, frequent counters and the
// given arguments.
func newLab(t testing.TB, args ...string) *lab {
	t.Helper()
	return startLab(t, newNetwork(t), args...)
}

func startLab(t testing.TB, n *rig.Network, args ...string) *lab {
	t.Helper()
	l := prepareLab(t, n, []string{"--net=" + n.OutsideTAP, "--net=" + n.InsideTAP}, args...)
	l.start()
	return l
}

// prepareLab is startLab without the start. It takes the tender's own options
// too.
func prepareLab(t testing.TB, n *rig.Network, options []string, args ...string) *lab {
	t.Helper()
	return prepareLabIn(t, n.Outside, n, options, args...)
}

// prepareLabIn is prepareLab with the tender in a namespace of its own.
func prepareLabIn(t testing.TB, place *rig.Namespace, n *rig.Network, options []string, args ...string) *lab {
	t.Helper()
	l := &lab{Network: n, t: t, ctx: t.Context(), console: &rig.Console{}, stats: filepath.Join(t.TempDir(), "stats")}
	words := append([]string{suite.Tender.Of(t), "--stats=" + l.stats}, options...)
	words = append(words, firewall.Of(t), "--outside="+rig.OutsideRouter+"/24", "--inside="+rig.InsideRouter+"/24", "--stats=200ms")
	l.tender = place.Command(context.Background(), append(words, args...)...)
	l.tender.Stdout, l.tender.Stderr = l.console, l.console
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the firewall's last lines:\n%s", l.console.Tail())
			t.Logf("what the tender counted, up to a second ago:\n%s", counted(l.stats))
		}
	})
	return l
}

// counted are the counters in a file of tender --stats that are not 0.
func counted(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") && !strings.HasSuffix(line, " 0\n") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func (l *lab) start() {
	l.t.Helper()
	l.must(l.StartTender(l.tender))
	l.must(l.console.Await(l.ctx, "firewall: ready "))
	// The firewall counts segments, and an interface what it is handed: they are
	// compared.
	for ns, tap := range map[*rig.Namespace]string{l.Outside: l.OutsideTAP, l.Inside: l.InsideTAP} {
		if out, err := ns.Run(l.ctx, 5*time.Second, "ethtool", "-K", tap, "tso", "off", "gso", "off"); err != nil {
			l.t.Fatalf("ethtool: %v: %s", err, out)
		}
	}
}

// with is the lab for a subtest.
func (l *lab) with(t testing.TB) *lab {
	sub := *l
	sub.t, sub.ctx = t, t.Context()
	return &sub
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// quiet keeps both hosts from saying anything by themselves: no IPv6, and no
// ARP for the firewall.
func (l *lab) quiet() {
	l.t.Helper()
	for _, h := range []struct {
		ns          *rig.Namespace
		tap, router string
		iface       string
	}{{l.Outside, l.OutsideTAP, rig.OutsideRouter, "outside"}, {l.Inside, l.InsideTAP, rig.InsideRouter, "inside"}} {
		l.must(h.ns.Set("net/ipv6/conf/all/disable_ipv6", "1"))
		l.must(h.ns.IP("neigh", "replace", h.router, "lladdr", l.mac(h.iface).String(), "dev", h.tap, "nud", "permanent"))
	}
}

// mac is the firewall's address on an interface, which it prints at its start.
func (l *lab) mac(iface string) wire.MAC {
	l.t.Helper()
	m := regexp.MustCompile(" " + iface + "=([0-9a-f:]+),").FindStringSubmatch(l.console.String())
	if m == nil {
		l.t.Fatalf("the firewall did not print its address on %s", iface)
	}
	return parseMAC(l.t, m[1])
}

// tapMAC is the host's address on a TAP.
func (l *lab) tapMAC(ns *rig.Namespace, tap string) wire.MAC {
	l.t.Helper()
	out, err := ns.Run(l.ctx, 5*time.Second, "ip", "-o", "link", "show", tap)
	l.must(err)
	_, text, _ := strings.Cut(out, "link/ether ")
	text, _, _ = strings.Cut(text, " ")
	return parseMAC(l.t, text)
}

// counters are fresh ones of an interface, or of "flows".
func (l *lab) counters(iface string) map[string]int {
	l.t.Helper()
	values, err := l.console.Fresh(l.ctx, iface)
	l.must(err)
	return values
}

// settled waits until the firewall has counted all frames that its TAP gave it,
// and holds none back any more. The TAP may have taken one frame less than
// the firewall sent: what announced it while the inner TAP was on its way
// into its namespace.
func (l *lab) settled(iface string) map[string]int {
	l.t.Helper()
	ns, tap := l.Outside, l.OutsideTAP
	if iface == "inside" {
		ns, tap = l.Inside, l.InsideTAP
	}
	var values map[string]int
	var link rig.Link
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		var err error
		link, err = ns.Link(tap)
		l.must(err)
		values = l.counters(iface)
		if lost := values["tx"] - link.RxFrames; link.TxFrames == values["rx"] && (lost == 0 || lost == 1) && values["held"] == 0 {
			return values
		}
	}
	l.t.Fatalf("the counters of %s and %s do not agree: %+v and %v", iface, tap, link, values)
	return nil
}

// eventually waits for a condition.
func (l *lab) eventually(limit time.Duration, what string, condition func() bool) {
	l.t.Helper()
	for deadline := time.Now().Add(limit); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			l.t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// changes tells counters that differ, for messages.
func changes(before, after map[string]int) string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(after)) {
		if n := after[key] - before[key]; n != 0 {
			list = append(list, fmt.Sprintf("%s%+d", key, n))
		}
	}
	return strings.Join(list, " ")
}

// fates is the number of frames whose fate is known.
func fates(counters map[string]int) int {
	sum := counters["forwarded"] + counters["fragmented"] + counters["arp"] + counters["echo"] + counters["held"]
	for key, n := range counters {
		if strings.HasPrefix(key, "drop_") {
			sum += n
		}
	}
	return sum
}

// client runs a command in a namespace that must do its work and print all of
// the texts.
func (l *lab) client(ns *rig.Namespace, texts []string, args ...string) string {
	l.t.Helper()
	out, err := ns.Run(l.ctx, 60*time.Second, args...)
	for _, text := range texts {
		if !strings.Contains(out, text) {
			l.t.Errorf("%s: %v; want %q in:\n%s", strings.Join(args, " "), err, text, out)
		}
	}
	return out
}

// ping sends three pings, one after the other, that must all be answered. Each is
// a command of its own, as one that sends several does not wait for late answers.
func (l *lab) ping(ns *rig.Namespace, target string, options ...string) {
	l.t.Helper()
	args := append([]string{"ping", "-n", "-c", "1", "-W", "3"}, options...)
	for range 3 {
		l.client(ns, []string{" 1 received"}, append(args, target)...)
	}
}

// noPing sends a ping that must not be answered, and returns what it got
// instead.
func (l *lab) noPing(ns *rig.Namespace, target string, options ...string) string {
	l.t.Helper()
	args := append([]string{"ping", "-n", "-c", "1", "-W", "1"}, options...)
	return l.client(ns, []string{" 0 received"}, append(args, target)...)
}
