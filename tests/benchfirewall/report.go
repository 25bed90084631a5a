package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// record is one figure in the JSON file.
type record struct {
	System string    `json:"system"`
	Cores  int       `json:"cores"`
	Rules  int       `json:"rules"`
	Kind   string    `json:"kind"`
	Metric string    `json:"metric"`
	Median float64   `json:"median"`
	Runs   []float64 `json:"runs"`
}

type report []record

func newReport(p *plan) (r report) {
	for _, g := range groups {
		for _, metric := range g.metrics {
			for _, c := range p.candidates {
				if runs := c.figures[metric]; len(runs) > 0 {
					r = append(r, record{c.system, c.cores, c.rules, c.kind, metric, median(runs), runs})
				}
			}
		}
	}
	return r
}

func (r report) writeJSON(path string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// firewalls are the figures of firewalls by their rules, which have had a file of
// their own from the start: others read it. The rest is about the data path.
func (r report) firewalls() (about, rest report) {
	for _, f := range r {
		known := slices.Contains([]string{"tender-hvt", "tender-spt"}, f.System) ||
			slices.ContainsFunc(linuxSystems, func(s linuxSystem) bool { return s.name == f.System })
		if known && slices.Contains([]string{udp, tcp, rr}, f.Metric) {
			about = append(about, f)
		} else {
			rest = append(rest, f)
		}
	}
	return about, rest
}

// value is the median of a figure, of the first kind of rules.
func (r report) value(system string, cores, rules int, metric string) (v float64, ok bool) {
	for _, f := range r {
		if f.System == system && f.Cores == cores && f.Rules == rules && f.Metric == metric {
			return f.Median, true
		}
	}
	return 0, false
}

// find is value, or 0 if it was not measured.
func (r report) find(system string, cores, rules int, metric string) float64 {
	v, _ := r.value(system, cores, rules, metric)
	return v
}

// metrics are those that were measured.
func (r report) metrics() (names []string) {
	for _, f := range r {
		if !slices.Contains(names, f.Metric) {
			names = append(names, f.Metric)
		}
	}
	return names
}

// table compares all with what Linux does without rules, and with an nft set and
// connection tracking.
func (r report) table() string {
	var s strings.Builder
	for _, metric := range r.metrics() {
		none, set := r.find("linux-none", 1, 0, metric), r.find("linux-nftset-ct", 1, 0, metric)
		fmt.Fprintf(&s, "\n%s\n", metric)
		w := tabwriter.NewWriter(&s, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "SYSTEM\tCPUS\tRULES\tKIND\tMEDIAN\t× LINUX-NONE/1\t× NFTSET-CT/1\t× OWN 0 RULES")
		for _, f := range r {
			if f.Metric == metric {
				fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\n", f.System, f.Cores, f.Rules, f.Kind, number(f.Median),
					ratio(f.Median, none), ratio(f.Median, set), ratio(f.Median, r.find(f.System, f.Cores, 0, metric)))
			}
		}
		w.Flush()
	}
	return s.String()
}

func ratio(a, b float64) string {
	if b == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", a/b)
}

// number has four digits, or all that are before the point.
func number(v float64) string {
	if v >= 1000 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.4g", v)
}
