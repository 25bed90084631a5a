package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tender/tests/rig"
)

// serve starts the server inside.
func (p *peer) serve(ctx context.Context) error {
	if _, err := p.inside.Start("taskset", "-c", serverCPU, "iperf3", "-s", "-p", strconv.Itoa(iperfPort)); err != nil {
		return err
	}
	return p.inside.AwaitPort(ctx, "tcp", strconv.Itoa(iperfPort))
}

// measure does one round.
func (p *peer) measure(ctx context.Context) error {
	kpps, err := p.mostPackets(ctx)
	if err != nil {
		return err
	}
	r, err := p.iperf(ctx, "-t", "2")
	if err != nil {
		return err
	}
	p50, p99, err := p.pings(ctx)
	if err != nil {
		return err
	}
	p.kpps = append(p.kpps, kpps)
	p.megabits = append(p.megabits, r.SumReceived.BitsPerSecond/1e6)
	p.p50, p.p99 = append(p.p50, p50), append(p.p99, p99)
	return nil
}

// datagramBytes is the payload of a frame of 60 bytes.
const datagramBytes = 60 - 14 - 20 - 8

// mostPackets offers a load, and its double, and so on, each for a second, and
// returns the most packets that were delivered, in thousands per second. A load
// may be so much that iperf3's own connection fails: then it was the last.
func (p *peer) mostPackets(ctx context.Context) (kpps float64, err error) {
	for _, times := range []int{1, 2, 4, 8} {
		r, err := p.iperf(ctx, "-u", "-t", "1", "-l", strconv.Itoa(datagramBytes), "-b", strconv.Itoa(times*leastRate*datagramBytes*8))
		if err != nil && kpps == 0 {
			return 0, err
		}
		if err != nil {
			progress("    %d packets per second are too many: %v", times*leastRate, err)
			break
		}
		if r.Sum.Seconds > 0 {
			kpps = max(kpps, float64(r.Sum.Packets-r.Sum.Lost)/r.Sum.Seconds/1000)
		}
	}
	if kpps == 0 {
		return 0, fmt.Errorf("iperf3: no packets were delivered")
	}
	return kpps, ctx.Err()
}

// iperfEnd is the end of iperf3's report.
type iperfEnd struct {
	Sum struct {
		Packets int     `json:"packets"`
		Lost    int     `json:"lost_packets"`
		Seconds float64 `json:"seconds"`
	} `json:"sum"`
	SumReceived struct {
		BitsPerSecond float64 `json:"bits_per_second"`
	} `json:"sum_received"`
}

// iperf runs a client outside.
func (p *peer) iperf(ctx context.Context, args ...string) (iperfEnd, error) {
	words := append([]string{"taskset", "-c", clientCPU, "iperf3", "-J", "-c", rig.InsideHost, "-p", strconv.Itoa(iperfPort)}, args...)
	out, err := p.outside.Run(ctx, 20*time.Second, words...)
	var report struct {
		End iperfEnd `json:"end"`
	}
	if jsonErr := json.Unmarshal([]byte(out), &report); err != nil || jsonErr != nil {
		return report.End, fmt.Errorf("%s: %v, %v: %s", strings.Join(words, " "), err, jsonErr, out)
	}
	return report.End, nil
}

// pings returns percentiles of round trips in microseconds.
func (p *peer) pings(ctx context.Context) (p50, p99 float64, err error) {
	const count = 500
	out, err := p.outside.Run(ctx, 20*time.Second, "ping", "-n", "-c", strconv.Itoa(count), "-i", "0.002", rig.InsideHost)
	if err != nil {
		return 0, 0, fmt.Errorf("ping: %w: %s", err, out)
	}
	var micros []float64
	for line := range strings.Lines(out) {
		if _, text, ok := strings.Cut(line, " time="); ok {
			if millis, err := strconv.ParseFloat(strings.TrimSuffix(text, " ms\n"), 64); err == nil {
				micros = append(micros, millis*1000)
			}
		}
	}
	if len(micros) < count*9/10 {
		return 0, 0, fmt.Errorf("ping: %d answers of %d", len(micros), count)
	}
	slices.Sort(micros)
	return micros[len(micros)/2], micros[len(micros)*99/100], nil
}
