package main

import (
	"strings"
	"testing"
)

func TestCounters(t *testing.T) {
	const metrics = `# HELP tender_net_drops_total Frames not moved, and why.
# TYPE tender_net_drops_total counter
tender_net_frames_total{guest="g",device="inside",direction="send"} 7
tender_net_drops_total{guest="g",device="inside",direction="receive",reason="no_room"} 0
tender_net_drops_total{guest="g",device="inside",direction="send",reason="full"} 5
`
	c, err := parseCounters(strings.NewReader(metrics))
	if err != nil || len(c[movedFrames]) != 1 || len(c[droppedFrames]) != 2 {
		t.Fatalf("%v, %v", c, err)
	}
	const full = `device="inside",direction="send",reason="full"`
	before := counters{droppedFrames: {full: 2}}
	if got := c.since(before, droppedFrames); got != "3 with "+full {
		t.Errorf("%q", got)
	}
	if got := c.since(c, movedFrames); got != "none" {
		t.Errorf("%q", got)
	}
	if _, err := parseCounters(strings.NewReader(droppedFrames + "{guest=\"g\"} many\n")); err == nil {
		t.Error("many is a number")
	}
}
