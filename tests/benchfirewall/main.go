// Benchfirewall measures what rules cost: the throughput of a NaCl firewall
// under hvt and spt, and of Linux as a router with the same rules, over their
// number. It writes a table, a chart and a JSON file.
//
//	go run ./tests/benchfirewall [-rounds 3] [-rules 0,100,1000,5000] [-systems …] [-out build] bin/tender
//
// All systems are built anew for each measurement and measured in turn, round by
// round; what is reported are medians. It needs root, nft and iperf3;
// iptables-legacy is left out where it is missing.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tender/tests/rig"
)

// options are the flags.
type options struct {
	tender  string
	out     string
	rounds  int
	seconds float64
	rules   []int
	kinds   []string
	systems []string
}

func main() {
	o := options{}
	var rules, kinds, systems string
	flag.StringVar(&o.out, "out", "build", "folder for bench-firewall.json and .svg")
	flag.IntVar(&o.rounds, "rounds", 3, "measurements of each figure")
	flag.Float64Var(&o.seconds, "seconds", 1, "length of a measurement of throughput")
	flag.StringVar(&rules, "rules", "0,100,1000,5000", "numbers of rules")
	flag.StringVar(&kinds, "kinds", "saddr,dport", "what rules look at")
	flag.StringVar(&systems, "systems", "", "systems to measure, with their CPUs as in linux-none/2 (default: all)")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: benchfirewall [flags] TENDER")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := o.parse(flag.Arg(0), rules, kinds, systems)
	if err == nil {
		err = run(ctx, o)
	}
	rig.Abandon() // namespaces of measurements that failed
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchfirewall:", err)
		os.Exit(1)
	}
}

func (o *options) parse(tender, rules, kinds, systems string) (err error) {
	if o.tender, err = filepath.Abs(tender); err != nil {
		return err
	}
	for text := range strings.SplitSeq(rules, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 20000 {
			return fmt.Errorf("-rules: %q is no number from 0 to 20000", text)
		}
		o.rules = append(o.rules, n)
	}
	o.kinds = strings.Split(kinds, ",")
	for _, k := range o.kinds {
		if k != "saddr" && k != "dport" {
			return fmt.Errorf("-kinds: %q is neither saddr nor dport", k)
		}
	}
	if systems != "" {
		o.systems = strings.Split(systems, ",")
	}
	return nil
}

func run(ctx context.Context, o options) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("network namespaces and TAPs need root")
	}
	dir, err := os.MkdirTemp("", "benchfirewall-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	plan, err := newPlan(o, dir)
	if err != nil {
		return err
	}
	started := time.Now()
	for round := range o.rounds {
		for i, c := range plan {
			if err := c.measure(ctx, o.seconds); err != nil {
				return fmt.Errorf("%s: %w", c, err)
			}
			progress("round %d of %d, %d of %d, %s: %.0f kpps, %.2f Gbit/s, %.0f µs", round+1, o.rounds, i+1, len(plan), c,
				last(c.figures[udp]), last(c.figures[tcp]), last(c.figures[rr]))
		}
	}
	progress("%d measurements in %v", o.rounds*len(plan), time.Since(started).Round(time.Second))
	report := newReport(plan)
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	if err := report.writeJSON(filepath.Join(o.out, "bench-firewall.json")); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.out, "bench-firewall.svg"), []byte(report.chart()), 0o644); err != nil {
		return err
	}
	fmt.Print(report.table())
	return nil
}

func last(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	return values[len(values)-1]
}

// progress tells a waiting person what is going on.
func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	switch n := len(s); {
	case n == 0:
		return 0
	case n%2 == 1:
		return s[n/2]
	default:
		return (s[n/2-1] + s[n/2]) / 2
	}
}
