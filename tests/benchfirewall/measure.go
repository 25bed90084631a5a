package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Ports of the measurements, all allowed.
const (
	floodPort = 9
	echoPort  = 7
	iperfPort = 5201
)

// Metrics, as they are called in the JSON file. Latency and throughput of TCP
// are across CPUs where they do not say otherwise.
const (
	udp       = "udp60_kpps"
	tcp       = "tcp_gbps"
	tcpOneCPU = "tcp_gbps_one_cpu"
	rr        = "rr_p50_us"
	rr99      = "rr_p99_us"
	rrOneCPU  = "rr_p50_us_one_cpu"
	calls     = "syscalls_per_packet"
	exits     = "exits_per_packet"
	peak      = "peak_kpps"
	lost      = "loss80_frames"
	lostOf    = "loss80_sent_frames"
)

// groups are the metrics that are measured together, by the name that -figures
// gives them, in the order of a measurement. Some are of systems with a tender
// only.
var groups = []struct {
	name    string
	tenders bool
	metrics []string
	of      func(ctx context.Context, c *candidate, p *path, o *options) error
}{
	{"rr", false, []string{rr, rr99, rrOneCPU}, measureRequests},
	{"tcp", false, []string{tcp, tcpOneCPU}, measureBulk},
	{"udp", false, []string{udp}, measureFlood},
	{"calls", true, []string{calls, exits}, measureCosts},
	{"loss", true, []string{peak, lost, lostOf}, measureLoss},
}

// ofTenders says that a group is of systems with a tender only.
func ofTenders(name string) bool {
	for _, g := range groups {
		if g.name == name {
			return g.tenders
		}
	}
	return false
}

// measure builds the system and takes one value of each metric.
func (c *candidate) measure(ctx context.Context, o *options) (err error) {
	p, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	for _, g := range groups {
		if !slices.Contains(o.figures, g.name) || g.tenders && p.tender == 0 {
			continue
		}
		if err := g.of(ctx, c, p, o); err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
		if err := p.alive(); err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
	}
	return ctx.Err()
}

// add adds a value of a metric.
func (c *candidate) add(metric string, value float64) {
	c.figures[metric] = append(c.figures[metric], value)
}

func measureRequests(ctx context.Context, c *candidate, p *path, o *options) error {
	r, err := p.requests(ctx, across, o.seconds)
	if err != nil {
		return err
	}
	c.add(rr, r.P50)
	c.add(rr99, r.P99)
	if r, err = p.requests(ctx, oneCPU, o.seconds); err != nil {
		return err
	}
	c.add(rrOneCPU, r.P50)
	return nil
}

func measureBulk(ctx context.Context, c *candidate, p *path, o *options) error {
	gbps, err := p.bulk(ctx, across, o.seconds)
	if err != nil {
		return err
	}
	c.add(tcp, gbps)
	if gbps, err = p.bulk(ctx, oneCPU, o.seconds); err != nil {
		return err
	}
	c.add(tcpOneCPU, gbps)
	return nil
}

func measureFlood(_ context.Context, c *candidate, p *path, o *options) error {
	return p.flooded(func(f *flood) error {
		kpps, err := f.most(o.seconds)
		c.add(udp, kpps)
		return err
	})
}

func measureCosts(_ context.Context, c *candidate, p *path, o *options) error {
	return p.flooded(func(f *flood) error {
		per, err := f.costs(o.seconds)
		if err != nil {
			return err
		}
		c.add(calls, per.systemCalls)
		if !p.spt {
			c.add(exits, per.exits)
		}
		return nil
	})
}

// measureLoss is for the fewest rules: it takes long.
func measureLoss(_ context.Context, c *candidate, p *path, o *options) error {
	if c.rules > slices.Min(o.rules) {
		return nil
	}
	return p.flooded(func(f *flood) error {
		most, err := f.most(peakSeconds)
		if err != nil {
			return err
		}
		for _, kpps := range c.figures[udp] {
			most = max(most, kpps)
		}
		l, err := f.loss(most*aboveMost, o.lossSeconds)
		if err != nil {
			return err
		}
		c.add(peak, l.peakKpps)
		if l.sent == 0 {
			progress("%s: frames are lost at any rate, so losses at %.0f %% of the peak are not measured", c, lossShare*100)
			return nil
		}
		progress("%s: at %.0f %% of the peak, %d of %d frames were lost; for %d there was no room in the first queue", c, lossShare*100, l.lost, l.sent, l.refused)
		progress("  the tender moved %s; it dropped %s", l.moved, l.drops)
		c.add(lost, float64(l.lost))
		c.add(lostOf, float64(l.sent))
		return nil
	})
}
