package datapath

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// counts are those of one device on a frame's whole way, by their names.
type counts map[string]uint64

// hostCounts are those of the host: of the TAP, and of the station at it.
func (l *lab) hostCounts(device string) counts {
	l.t.Helper()
	link, err := l.hub.Link(device)
	must(l.t, err)
	s := l.stations[device]
	return counts{
		"taken": uint64(link.TxFrames), "queue full": uint64(link.TxDropped), "given": uint64(link.RxFrames),
		"sent": s.sent.Load(), "arps": s.arps.Load(), "came": s.came.Load(), "unread": s.lost(),
	}
}

var (
	metricLine = regexp.MustCompile(`(?m)^tender_net_(frames|drops)_total\{guest="[^"]*",device="([^"]*)",direction="([^"]*)"(?:,reason="([^"]*)")?\} (\d+)$`)
	statsLine  = regexp.MustCompile(`(?m)^stats: (\S+) (rx .*)\n`)
)

// scrape is what the running tender's --stats says.
func (l *lab) scrape() string {
	l.t.Helper()
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", l.stats)
		},
	}}
	answer, err := client.Get("http://tender/metrics")
	must(l.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(l.t, err)
	return string(text)
}

// tenderCounts are those of a text for Prometheus, of a device: "receive",
// "send", and with a reason behind these, drops.
func tenderCounts(t testing.TB, text, device string) counts {
	t.Helper()
	c := counts{}
	for _, m := range metricLine.FindAllStringSubmatch(text, -1) {
		if m[2] != device {
			continue
		}
		name := m[3]
		if m[1] == "drops" {
			name += " " + m[4]
		}
		n, err := strconv.ParseUint(m[5], 10, 64)
		must(t, err)
		c[name] = n
	}
	if len(c) < 4 {
		t.Fatalf("the tender's counters of %s are missing:\n%s", device, text)
	}
	return c
}

// drops is the sum of the drops in a direction that had a frame; an entry of the
// fill ring is none.
func (c counts) drops(direction string) (n uint64) {
	for name, value := range c {
		if reason, ok := strings.CutPrefix(name, direction+" "); ok && reason != "bad_room" {
			n += value
		}
	}
	return n
}

// guestCounts are those that the appliance printed last about an interface.
func (l *lab) guestCounts(device string) counts {
	c := counts{}
	for _, m := range statsLine.FindAllStringSubmatch(l.console.String(), -1) {
		if words := strings.Fields(m[2]); m[1] == device {
			for i := 0; i+1 < len(words); i += 2 {
				if n, err := strconv.ParseUint(words[i+1], 10, 64); err == nil {
					c[words[i]] = n
				}
			}
		}
	}
	return c
}

// audit follows the frames of the running tender, an appliance, from one station
// to the next, once all are quiet: what one gave, the next has, or has counted as
// dropped. It returns all counts of each device, of all of them if none is named.
func (l *lab) audit(devices ...string) map[string]counts {
	l.t.Helper()
	if len(devices) == 0 {
		devices = l.devices
	}
	var all map[string]counts
	var wrong []string
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		l.running()
		if all, wrong = l.compare(devices); len(wrong) == 0 {
			return all
		}
		if time.Now().After(deadline) {
			l.t.Errorf("the counters do not add up:\n%s", strings.Join(wrong, "\n"))
			return all
		}
	}
}

// compare is audit at one moment; wrong are differences.
func (l *lab) compare(devices []string) (all map[string]counts, wrong []string) {
	l.t.Helper()
	text := l.scrape()
	all = map[string]counts{}
	for _, d := range devices {
		c := tenderCounts(l.t, text, d)
		for name, n := range l.hostCounts(d) {
			c[name] = n - l.before[d][name]
		}
		for name, n := range l.guestCounts(d) {
			c["guest "+name] = n
		}
		all[d] = c
		same := func(what string, gave, has uint64) {
			if gave != has {
				wrong = append(wrong, fmt.Sprintf("%s: %s: %d and %d; %v", d, what, gave, has, c))
			}
		}
		// Between an interface and its station the kernel loses a few, uncounted,
		// while the interface goes away or comes back: those in a queue that is
		// emptied, and those that it gives while the socket has no hook.
		about := func(what string, gave, has uint64) {
			if gave < has || gave > has+l.uncounted {
				same(what, gave, has)
			}
		}
		about("frames that the station sent, those that the interface passed on or dropped", c["sent"], c["taken"]+c["queue full"])
		same("frames of the interface, those that the tender passed on or dropped", c["taken"], c["receive"]+c.drops("receive"))
		same("frames of the tender, those that the guest received", c["receive"], c["guest rx"])
		same("frames that the guest received, those that it forwarded, dropped, holds or understood", c["guest rx"],
			c["guest forwarded"]+c["guest dropped"]+c["guest held"]+c["arps"])
		same("frames that the guest sent, those that the tender sent or dropped", c["guest tx"], c["send"]+c.drops("send"))
		same("frames that the tender sent, those that the interface took", c["send"], c["given"])
		about("frames of the interface, those that the station received or had no room for", c["given"], c["came"]+c["unread"])
	}
	return all, wrong
}

// watch reads the tender's counters while a condition holds: none gets less.
func (l *lab) watch(condition func() bool) {
	l.t.Helper()
	for last := map[string]counts{}; condition(); time.Sleep(50 * time.Millisecond) {
		text := l.scrape()
		for _, d := range l.devices {
			now := tenderCounts(l.t, text, d)
			for name, n := range now {
				if n < last[d][name] {
					l.t.Errorf("%s: %s was %d and is %d", d, name, last[d][name], n)
				}
			}
			last[d] = now
		}
	}
}

// since is what has been counted since earlier.
func (c counts) since(earlier counts) counts {
	difference := counts{}
	for name, n := range c {
		if n != earlier[name] {
			difference[name] = n - earlier[name]
		}
	}
	return difference
}
