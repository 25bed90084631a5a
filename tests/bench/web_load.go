package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// webConnections is how many wrk keeps open.
const webConnections = 32

// wrkScript makes wrk ask in a way, and print figures and nothing else that
// begins with "figures". Ways are "keep", "close" and "mixed".
const wrkScript = `
local way, count = "keep", 0
function init(args) way = args[1] end
function request()
	count = count + 1
	local close = way == "close" or (way == "mixed" and count % 50 == 0)
	local path = (way == "mixed" and count % 20 == 0) and "/body" or "/hello"
	return wrk.format("GET", path, close and { ["Connection"] = "close" } or nil)
end
function done(summary, latency)
	local e = summary.errors
	print(string.format("figures %d %d %d %d %d", summary.requests, summary.duration,
		latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
`

// wrkFigures are those of one run.
type wrkFigures struct {
	requests, failed     int
	perSecond            float64
	p50Millis, p99Millis float64
}

// wrk loads the server for a time. A request without an answer within ten
// seconds has failed.
func (p *webPeer) wrk(ctx context.Context, w *webPrograms, way string, connections int, d time.Duration) (f wrkFigures, err error) {
	out, err := p.client.Run(ctx, d+30*time.Second, "wrk", "-t", "1", "-c", strconv.Itoa(connections), "-d", fmt.Sprintf("%ds", max(1, int(d.Seconds()))),
		"--timeout", "10s", "-s", w.script, "http://"+webServer+"/", way)
	if err != nil {
		return f, fmt.Errorf("wrk: %w: %s", err, out)
	}
	_, line, _ := strings.Cut(out, "figures ")
	var micros, p50, p99 float64
	if _, err := fmt.Sscan(line, &f.requests, &micros, &p50, &p99, &f.failed); err != nil || micros == 0 {
		return f, fmt.Errorf("wrk printed %q: %v", out, err)
	}
	f.perSecond, f.p50Millis, f.p99Millis = float64(f.requests)/micros*1e6, p50/1000, p99/1000
	return f, nil
}

// measure does one round.
func (p *webPeer) measure(ctx context.Context, w *webPrograms) error {
	add := func(name string, value float64) { p.figures[name] = append(p.figures[name], value) }
	kept, err := p.wrk(ctx, w, "keep", webConnections, w.load)
	if err != nil {
		return err
	}
	closed, err := p.wrk(ctx, w, "close", webConnections, w.load)
	if err != nil {
		return err
	}
	if n := kept.failed + closed.failed; n > 0 {
		return fmt.Errorf("%d requests failed", n)
	}
	add("requests", kept.perSecond)
	add("p50", kept.p50Millis)
	add("p99", kept.p99Millis)
	add("connections", closed.perSecond)
	for _, f := range []struct {
		name  string
		scale float64
	}{{"receive", 8e-6}, {"send", 8e-6}, {"handshakes", 1}} {
		out, err := p.client.Run(ctx, w.load+30*time.Second, w.client, f.name, webServer, w.load.String())
		value, bad := strconv.ParseFloat(strings.TrimSpace(out), 64)
		if err != nil || bad != nil {
			return fmt.Errorf("webclient %s: %v: %s", f.name, err, out)
		}
		add(f.name, value*f.scale)
	}
	return nil
}
