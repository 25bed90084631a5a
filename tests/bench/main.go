// Bench measures what docs/SPECIFICATION.md promises, on this machine, with
// public tools, peers interleaved in one run, and prints medians:
//
//	go run ./tests/bench [-json] [-only startup,cpu,calls,block,firewall,web,soak] bin/tender
//
// The last three need root, iperf3, wrk, ncat and ethtool. With -only soak
// -soak 10m, servers are loaded for ten minutes.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// result is one figure. Ratio compares with the first peer of its group, 0
// if it is that peer itself or nothing compares.
type result struct {
	Group string  `json:"group"`
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Ratio float64 `json:"ratio,omitempty"`
	Note  string  `json:"note,omitempty"`
}

// bench holds what all parts need.
type bench struct {
	tender  string // path of the command
	dir     string // scratch folder
	load    time.Duration
	soak    time.Duration
	results []result
}

func (b *bench) add(r result) { b.results = append(b.results, r) }

// progress tells a waiting person what is going on.
func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func main() {
	asJSON := flag.Bool("json", false, "print JSON")
	only := flag.String("only", "startup,cpu,calls,block,firewall,web,soak", "parts to run")
	load := flag.Duration("load", 2*time.Second, "the time of each measurement of the web part")
	soak := flag.Duration("soak", 30*time.Second, "the time of the soak part")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: bench [-json] [-only PARTS] TENDER")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(1)
	}
	b := &bench{load: *load, soak: *soak}
	if err := b.run(flag.Arg(0), strings.Split(*only, ","), *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run prints what could be measured, even if a part fails.
func (b *bench) run(tender string, only []string, asJSON bool) (err error) {
	if b.tender, err = filepath.Abs(tender); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "tender-bench-*"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	var failed error
	for _, part := range []struct {
		name string
		run  func(*bench) error
	}{
		{"startup", startup},
		{"cpu", cpuBound},
		{"calls", calls},
		{"block", blockIO},
		{"firewall", firewall},
		{"web", web},
		{"soak", soak},
	} {
		if !slices.Contains(only, part.name) {
			continue
		}
		progress("%s …", part.name)
		if err := part.run(b); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", part.name, err))
		}
	}
	machine, err := describeMachine(b)
	if err != nil {
		return err
	}
	if asJSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		return errors.Join(failed, enc.Encode(map[string]any{"machine": machine, "results": b.results}))
	}
	printTable(machine, b.results)
	return failed
}

// median of at least one value.
func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
