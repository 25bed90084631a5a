package reliability

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// resources are what a guest and its tender hold. Of the guest's memory that is
// what lives after a collection: pages that the Go runtime has touched stay
// the guest's.
type resources struct {
	heapBytes, stackBytes, goroutines int // of the guest
	files, threads                    int // of the tender
}

// resources asks the guest for what lives after two collections: what is in a
// sync.Pool lives for one.
func (g *guest) resources() (r resources, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var heap, goroutines string
	for range 2 {
		if heap, err = g.ask(ctx, "GET", "/debug/pprof/heap?gc=1&debug=1", nil); err != nil {
			return r, err
		}
	}
	if goroutines, err = g.ask(ctx, "GET", "/debug/pprof/goroutine?debug=1", nil); err != nil {
		return r, err
	}
	for _, number := range []struct {
		text, after string
		value       *int
	}{
		{heap, "\n# HeapAlloc = ", &r.heapBytes}, {heap, "\n# Stack = ", &r.stackBytes}, {goroutines, " total ", &r.goroutines},
	} {
		_, rest, _ := strings.Cut(number.text, number.after)
		if _, err := fmt.Sscan(rest, number.value); err != nil {
			return r, fmt.Errorf("the profile has no %q: %w", number.after, err)
		}
	}
	for dir, value := range map[string]*int{"fd": &r.files, "task": &r.threads} {
		entries, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(g.tender.Process.Pid), dir))
		if err != nil {
			return r, err
		}
		*value = len(entries)
	}
	return r, nil
}

// What memory at rest may differ by besides a tenth: requests under way, and
// netstack's hash tables, which keep the size that they once needed.
const (
	slackBytes = 256 << 10
	tableBytes = 2 << 20
)

// mustRest waits until the guest and its tender hold no more than they did
// before, within a tenth and the bytes given. What was half open ends by its timers.
func (g *guest) mustRest(before resources, slack int) {
	g.t.Helper()
	begun := time.Now()
	for {
		now, err := g.resources()
		must(g.t, err)
		if now.heapBytes <= before.heapBytes+before.heapBytes/10+slack &&
			now.stackBytes <= before.stackBytes+before.stackBytes/10+slack &&
			now.goroutines <= before.goroutines+2 && now.files <= before.files && now.threads <= before.threads+4 {
			g.t.Logf("at rest after %v: %+v; before: %+v", time.Since(begun).Round(time.Millisecond), now, before)
			return
		}
		if time.Since(begun) > restLimit {
			g.t.Fatalf("not at rest within %v: %+v; before: %+v", restLimit, now, before)
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// restLimit is more than the longest time that TCP/IP remembers anything: a
// minute, for pieces of IPv6 datagrams and for connections half open.
const restLimit = 100 * time.Second

// warm has the guest do a little of everything, so that what is made once is
// made, and returns what it holds then.
func (g *guest) warm() resources {
	g.t.Helper()
	g.exchange(1<<20, 20)
	before, err := g.resources()
	must(g.t, err)
	return before
}
