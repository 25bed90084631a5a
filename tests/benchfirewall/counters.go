package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Metrics of a tender.
const (
	movedFrames   = "tender_net_frames_total"
	droppedFrames = "tender_net_drops_total"
)

// counters are what a tender counts, by metric and then by labels, without the
// guest's name.
type counters map[string]map[string]int

// counters asks the tender; there are none of Linux.
func (p *path) counters() (counters, error) {
	if p.tender == 0 {
		return nil, nil
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return net.Dial("unix", p.stats)
		},
	}}
	answer, err := client.Get("http://tender/metrics")
	if err != nil {
		return nil, fmt.Errorf("the tender's counters: %w", err)
	}
	defer answer.Body.Close()
	return parseCounters(answer.Body)
}

// parseCounters reads metrics of frames.
func parseCounters(r io.Reader) (counters, error) {
	c := counters{movedFrames: {}, droppedFrames: {}}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		name, rest, _ := strings.Cut(lines.Text(), "{")
		if c[name] == nil {
			continue
		}
		labels, value, _ := strings.Cut(rest, "} ")
		n, err := strconv.Atoi(value)
		if err != nil {
			return nil, fmt.Errorf("the tender's counters have the line %q: %w", lines.Text(), err)
		}
		_, labels, _ = strings.Cut(labels, ",") // the guest's name
		c[name][labels] = n
	}
	return c, lines.Err()
}

// since says how many more of a metric there are than before.
func (c counters) since(before counters, name string) string {
	var parts []string
	for _, labels := range slices.Sorted(maps.Keys(c[name])) {
		if n := c[name][labels] - before[name][labels]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d with %s", n, labels))
		}
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, "; ")
}
