package main

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

func TestBars(t *testing.T) {
	r := report{
		{System: "tender-hvt", Cores: 2, Metric: udp, Median: 400},
		{System: "tender-hvt", Cores: 2, Rules: 5000, Metric: udp, Median: 388},
		{System: "tender-spt-bare", Cores: 2, Metric: udp, Median: 800},
		{System: "linux-none", Cores: 1, Metric: udp, Median: 400},
		{System: "linux-nftset-ct", Cores: 1, Metric: udp, Median: 320},
		{System: "tender-hvt", Cores: 2, Metric: rr, Median: 40},
		{System: "linux-none", Cores: 1, Metric: rr, Median: 32},
	}
	want := map[string]string{
		"bare forward, kpps tender-spt 800":                          "yes",
		"bare forward, × linux-none/1 tender-spt 2":                  "yes",
		"0 rules, × linux-nftset-ct/1 tender-hvt 1.25":               "yes",
		"5000 rules, × own 0 rules tender-hvt 0.97":                  "no",
		"UDP request-response across CPUs, p50, × linux-none/1 tend": "yes",
	}
	lines := strings.Split(strings.TrimSpace(r.bars()), "\n")
	if len(lines) != 1+len(want) {
		t.Fatalf("%d lines:\n%s", len(lines), r.bars())
	}
	for begin, mark := range want {
		found := false
		for _, l := range lines {
			if words := strings.Join(strings.Fields(l), " "); strings.HasPrefix(words, begin) {
				found = strings.HasSuffix(words, " "+mark)
			}
		}
		if !found {
			t.Errorf("%q is not %s in\n%s", begin, mark, r.bars())
		}
	}
	if text := (report{}).bars(); text != "" {
		t.Errorf("bars of nothing: %s", text)
	}
}

func TestTable(t *testing.T) {
	r := report{
		{System: "tender-hvt", Cores: 2, Metric: udp, Median: 600},
		{System: "linux-none", Cores: 1, Metric: udp, Median: 400},
		{System: "tender-hvt", Cores: 2, Metric: calls, Median: 0.0123},
	}
	for _, want := range []string{udp, calls, "1.50", "0.0123"} {
		if !strings.Contains(r.table(), want) {
			t.Errorf("%q is not in\n%s", want, r.table())
		}
	}
	if strings.Contains(r.table(), tcp) {
		t.Errorf("a metric that was not measured is in\n%s", r.table())
	}
}

// The chart has a colour for every system, and is XML.
func TestChart(t *testing.T) {
	var r report
	for _, system := range []string{"tender-hvt", "tender-spt:split", "tender-spt-bare", "tender-hvt-bare:cpu1", "linux-none", "linux-legacy", "linux-nft", "linux-nftset-ct"} {
		if colour(system) == "" {
			t.Errorf("%s has no colour", system)
		}
		r = append(r, record{System: system, Cores: 2, Metric: udp, Median: 100, Kind: "saddr"}, record{System: system, Cores: 2, Metric: udp, Rules: 100, Median: 50, Kind: "saddr"})
	}
	for d := xml.NewDecoder(strings.NewReader(r.chart())); ; {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
