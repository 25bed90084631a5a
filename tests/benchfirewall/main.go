// Benchfirewall measures the data path and what rules cost: throughput, latency
// and losses of a NaCl firewall under hvt and spt, and of Linux as a router with
// the same rules, over their number. It writes a table, a chart and
// JSON files: bench-firewall.json with throughput and latency over the number of
// rules, and bench-path.json with the rest.
//
//	go run ./tests/benchfirewall [-rounds 3] [-rules 0,100,1000,5000] [-systems …] [-figures …] [-out build] bin/tender
//
// Connections are measured with an end on each CPU, and with both on the first;
// frames are sent from the first. With -breakdown it tells instead which threads
// a packet takes how much time of, and what they do:
//
//	go run ./tests/benchfirewall -breakdown [-rules 0] [-systems tender-spt] bin/tender
//
// Losses for a minute, where the tender's threads best run:
//
//	go run ./tests/benchfirewall -figures loss -loss-seconds 60 -rules 0 bin/tender
//	go run ./tests/benchfirewall -figures udp,rr -placement -rules 0 bin/tender
//
// All systems are built anew for each measurement and measured in turn, round by
// round; what is reported are medians. It needs root, two CPUs, nft and iperf3;
// iptables-legacy is left out where it is missing. System calls and exits are
// counted by tracepoints; what threads do is known from perf.
package main

import (
	"context"
	"errors"
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
	// lossSeconds is the length of the measurement of losses.
	lossSeconds float64
	rules       []int
	kinds       []string
	systems     []string
	figures     []string // names of groups
	placement   bool
	breakdown   bool
}

func main() {
	if role := os.Getenv(roleVariable); role != "" {
		fail(play(role, os.Args[1:]))
		return
	}
	o := &options{}
	var rules, kinds, systems, figures string
	flag.StringVar(&o.out, "out", "build", "folder for bench-firewall.json, bench-path.json and bench-firewall.svg")
	flag.IntVar(&o.rounds, "rounds", 3, "measurements of each figure")
	flag.Float64Var(&o.seconds, "seconds", 1, "length of a measurement of throughput")
	flag.StringVar(&rules, "rules", "0,100,1000,5000", "numbers of rules")
	flag.StringVar(&kinds, "kinds", "saddr,dport", "what rules look at")
	flag.StringVar(&systems, "systems", "", "systems to measure, with their CPUs as in linux-none/2 (default: all)")
	flag.StringVar(&figures, "figures", groupNames(), "what to measure; calls and loss are of tenders only, loss of the fewest rules")
	flag.Float64Var(&o.lossSeconds, "loss-seconds", 5, "length of the measurement of losses at 80 % of the peak")
	flag.BoolVar(&o.placement, "placement", false, "measure tenders also with all threads on one CPU (:cpu1), and with the guest on the load's CPU (:split)")
	flag.BoolVar(&o.breakdown, "breakdown", false, "measure nothing, but tell where the time goes that a packet takes")
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
	err := o.parse(flag.Arg(0), rules, kinds, systems, figures)
	if err == nil {
		err = run(ctx, o)
	}
	rig.Abandon() // namespaces of measurements that failed
	fail(err)
}

// fail ends the program if there is an error.
func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchfirewall:", err)
		os.Exit(1)
	}
}

// groupNames are all that -figures knows.
func groupNames() string {
	var names []string
	for _, g := range groups {
		names = append(names, g.name)
	}
	return strings.Join(names, ",")
}

func (o *options) parse(tender, rules, kinds, systems, figures string) (err error) {
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
	o.figures = strings.Split(figures, ",")
	for _, f := range o.figures {
		if !slices.Contains(strings.Split(groupNames(), ","), f) {
			return fmt.Errorf("-figures: %q is none of %s", f, groupNames())
		}
	}
	if !(o.rounds > 0 && o.seconds > 0 && o.lossSeconds > 0) {
		return fmt.Errorf("-rounds, -seconds and -loss-seconds: give numbers above 0")
	}
	if systems != "" {
		o.systems = strings.Split(systems, ",")
	}
	return nil
}

func run(ctx context.Context, o *options) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("network namespaces and TAPs need root")
	}
	dir, err := os.MkdirTemp("", "benchfirewall-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	warnBusy()
	plan, err := newPlan(o, dir)
	if err != nil {
		return err
	}
	if o.breakdown {
		return plan.breakdown(ctx)
	}
	failed := plan.measure(ctx)
	if ctx.Err() != nil {
		return failed
	}
	report := newReport(plan)
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	about, rest := report.firewalls()
	if err := about.writeJSON(filepath.Join(o.out, "bench-firewall.json")); err != nil {
		return err
	}
	if err := rest.writeJSON(filepath.Join(o.out, "bench-path.json")); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.out, "bench-firewall.svg"), []byte(report.chart()), 0o644); err != nil {
		return err
	}
	fmt.Print(report.table(), report.bars())
	return failed
}

// measure measures all candidates in turn, round by round. One that fails does not
// keep it from the others.
func (p *plan) measure(ctx context.Context) (failed error) {
	started := time.Now()
	for round := range p.options.rounds {
		for i, c := range p.candidates {
			if err := c.measure(ctx, p.options); err != nil {
				err = fmt.Errorf("round %d, %s: %w", round+1, c, err)
				if failed = errors.Join(failed, err); ctx.Err() != nil {
					return failed
				}
				progress("%v", err)
				continue
			}
			progress("round %d of %d, %d of %d, %s: %s", round+1, p.options.rounds, i+1, len(p.candidates), c, c.latest())
		}
	}
	progress("%d measurements in %v", p.options.rounds*len(p.candidates), time.Since(started).Round(time.Second))
	return failed
}

// latest is what was measured last, for a person who waits.
func (c *candidate) latest() string {
	var parts []string
	for _, g := range groups {
		for _, metric := range g.metrics {
			if runs := c.figures[metric]; len(runs) > 0 {
				parts = append(parts, fmt.Sprintf("%s %.4g", metric, runs[len(runs)-1]))
			}
		}
	}
	return strings.Join(parts, ", ")
}

// warnBusy says if others use the CPUs that all is measured on.
func warnBusy() {
	text, err := os.ReadFile("/proc/loadavg")
	load := 0.0
	if err == nil {
		_, err = fmt.Sscan(string(text), &load)
	}
	if err == nil && load > quietLoad {
		progress("the machine is busy, with a load of %.1f: figures will be of little use, above all those of latency and losses", load)
	}
}

// quietLoad is a load average at which a machine may be measured on.
const quietLoad = 0.5

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
