package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"tender/tests/rig"
)

// endpoints says where the two ends of a connection run, each pinned to a CPU.
// The tender, its guest and Linux as a router stay where they are.
type endpoints struct {
	name           string
	client, server int
}

var (
	// across has an end on each CPU: every answer takes a wake-up of the other one.
	across = endpoints{"across CPUs", loadCPU, routerCPU}
	// oneCPU has both on the first.
	oneCPU = endpoints{"one CPU", loadCPU, loadCPU}
)

// on is the beginning of a command that runs on a CPU.
func on(cpu int, command ...string) []string {
	return append([]string{"taskset", "-c", strconv.Itoa(cpu)}, command...)
}

// role is the beginning of a command that is this program in another role.
func role(name string, args ...string) ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("starting an end of a connection: %w", err)
	}
	// A signal of Go's scheduler would interrupt system calls that block.
	return append([]string{"env", "GODEBUG=asyncpreemptoff=1", roleVariable + "=" + name, self}, args...), nil
}

// requests are UDP requests and their answers, one at a time.
func (p *path) requests(ctx context.Context, e endpoints, seconds float64) (r roundTrips, err error) {
	serve, err := role(roleServer)
	if err != nil {
		return r, err
	}
	server, err := p.inside.Start(on(e.server, serve...)...)
	if err != nil {
		return r, err
	}
	defer func() {
		server.Process.Kill()
		server.Wait()
	}()
	if err := p.inside.AwaitPort(ctx, "udp", strconv.Itoa(echoPort)); err != nil {
		return r, err
	}
	ask, err := role(roleClient, fmt.Sprint(seconds))
	if err != nil {
		return r, err
	}
	out, err := p.outside.Run(ctx, time.Duration(seconds*float64(time.Second))+20*time.Second, on(e.client, ask...)...)
	if err == nil {
		err = json.Unmarshal([]byte(out), &r)
	}
	if err != nil {
		return r, fmt.Errorf("requests, %s: %w: %s", e.name, err, out)
	}
	return r, nil
}

// congestion is the congestion control of bulk, whatever the machine's is: BBR
// paces its sender by what it has measured, and hides what copies cost.
const congestion = "cubic"

// bulk is the throughput of one TCP connection in Gbit/s.
func (p *path) bulk(ctx context.Context, e endpoints, seconds float64) (float64, error) {
	server, err := p.inside.Start(on(e.server, "iperf3", "-s", "-p", strconv.Itoa(iperfPort))...)
	if err != nil {
		return 0, err
	}
	defer func() {
		server.Process.Kill()
		server.Wait()
	}()
	if err := p.inside.AwaitPort(ctx, "tcp", strconv.Itoa(iperfPort)); err != nil {
		return 0, err
	}
	out, err := p.outside.Run(ctx, 30*time.Second, on(e.client, "iperf3", "-J", "-c", rig.InsideHost, "-p", strconv.Itoa(iperfPort), "-C", congestion, "-t", fmt.Sprint(max(1, int(seconds))))...)
	var report struct {
		End struct {
			Received struct {
				BitsPerSecond float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		}
	}
	if jsonErr := json.Unmarshal([]byte(out), &report); err != nil || jsonErr != nil {
		return 0, fmt.Errorf("iperf3, %s: %v, %v: %s", e.name, err, jsonErr, out)
	}
	return report.End.Received.BitsPerSecond / 1e9, nil
}
