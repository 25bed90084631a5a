package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// bar is what a system with a tender has to reach. value is of a system, with
// peers from the report; ok is false where something was not measured.
type bar struct {
	figure string
	least  bool // or most
	limit  float64
	value  func(r report, system string) (v float64, ok bool)
}

// bars are those of the data path.
var bars = []bar{
	{"bare forward, kpps", true, 700, func(r report, system string) (float64, bool) { return r.value(system+"-bare", 2, 0, udp) }},
	{"bare forward, × linux-none/1", true, 1.5, func(r report, system string) (float64, bool) {
		return quotient(r, system+"-bare", 0, "linux-none", 1, 0, udp)
	}},
	{"0 rules, × linux-nftset-ct/1", true, 1.15, against("linux-nftset-ct", 1, udp)},
	{"0 rules, × linux-nftset-ct/2", true, 1, against("linux-nftset-ct", 2, udp)},
	{"5000 rules, × own 0 rules", true, 0.98, func(r report, system string) (float64, bool) {
		return quotient(r, system, 5000, system, 2, 0, udp)
	}},
	{"TCP bulk across CPUs, × linux-none/1", true, 0.9, against("linux-none", 1, tcp)},
	{"UDP request-response across CPUs, p50, × linux-none/1", false, 1.3, against("linux-none", 1, rr)},
	{"system calls per packet", false, 0.05, func(r report, system string) (float64, bool) { return r.value(system, 2, 0, calls) }},
	{"exits per packet", false, 0.05, func(r report, system string) (float64, bool) { return r.value(system, 2, 0, exits) }},
	{"frames lost at 80 % of the peak", false, 0, func(r report, system string) (float64, bool) { return r.value(system, 2, 0, lost) }},
}

// against compares a system without rules with a peer.
func against(peer string, cores int, metric string) func(report, string) (float64, bool) {
	return func(r report, system string) (float64, bool) { return quotient(r, system, 0, peer, cores, 0, metric) }
}

// quotient is a figure of a system over that of a peer.
func quotient(r report, system string, rules int, peer string, cores, peerRules int, metric string) (float64, bool) {
	a, measured := r.value(system, 2, rules, metric)
	b, peerMeasured := r.value(peer, cores, peerRules, metric)
	return a / b, measured && peerMeasured && b != 0
}

// bars compares tenders with what they have to reach, "" if nothing was
// measured that it takes.
func (r report) bars() string {
	var s strings.Builder
	w := tabwriter.NewWriter(&s, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nBAR\tSYSTEM\tFIGURE\tLIMIT\t")
	measured := false
	for _, b := range bars {
		for _, s := range tenderSystems {
			v, ok := b.value(r, s.name)
			if !ok {
				continue
			}
			measured = true
			sign, reached := "≤", v <= b.limit
			if b.least {
				sign, reached = "≥", v >= b.limit
			}
			mark := "no"
			if reached {
				mark = "yes"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s %.4g\t%s\n", b.figure, s.name, number(v), sign, b.limit, mark)
		}
	}
	w.Flush()
	if !measured {
		return ""
	}
	return s.String()
}
