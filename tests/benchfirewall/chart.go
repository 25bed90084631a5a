package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// colours of the systems, which a colour-blind reader can tell.
var colours = map[string]string{
	"tender-hvt": "#0072b2", "tender-spt": "#56b4e9", "linux-none": "#999999",
	"linux-legacy": "#d55e00", "linux-nft": "#e69f00", "linux-nftset-ct": "#009e73",
}

// colour of a system; one that is placed or bare has that of its kind.
func colour(system string) string {
	system, _, _ = strings.Cut(system, ":")
	return colours[strings.TrimSuffix(system, "-bare")]
}

// Sizes of the chart in pixels.
const (
	chartWidth, chartHeight = 760, 420
	chartLeft, chartBottom  = 60, 40
	chartRight, chartTop    = 190, 30
)

// chart is packets per second over the number of rules, both logarithmic, in SVG.
func (r report) chart() string {
	type series struct {
		system string
		cores  int
		kind   string
	}
	lines := map[series][]record{}
	top, most := 1.0, 1
	for _, f := range r {
		if f.Metric != udp || f.Median <= 0 {
			continue
		}
		k := series{f.System, f.Cores, f.Kind}
		lines[k] = append(lines[k], f)
		top, most = max(top, f.Median), max(most, f.Rules)
	}
	x := func(rules int) float64 {
		return chartLeft + (chartWidth-chartLeft-chartRight)*math.Log10(float64(rules)+1)/math.Log10(float64(most)+1)
	}
	y := func(kpps float64) float64 {
		return chartHeight - chartBottom - (chartHeight-chartBottom-chartTop)*math.Log10(max(kpps, 1))/math.Log10(top*1.2)
	}
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", chartWidth, chartHeight)
	fmt.Fprintf(&s, "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n<text x=\"%d\" y=\"18\">UDP, 60-byte frames, thousands per second, over the number of rules</text>\n", chartLeft)
	for v := 1.0; v <= top*1.2; v *= 10 {
		fmt.Fprintf(&s, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%.0f</text>`+"\n",
			chartLeft, chartWidth-chartRight, y(v), y(v), chartLeft-6, y(v)+4, v)
	}
	for _, n := range []int{0, 10, 100, 1000, 5000} {
		if n <= most {
			fmt.Fprintf(&s, `<text x="%.1f" y="%d" text-anchor="middle">%d</text>`+"\n", x(n), chartHeight-chartBottom+18, n)
		}
	}
	keys := slices.SortedFunc(maps.Keys(lines), func(a, b series) int {
		return cmp.Or(cmp.Compare(b.system, a.system), a.cores-b.cores, cmp.Compare(a.kind, b.kind))
	})
	for i, k := range keys {
		points := slices.SortedFunc(slices.Values(lines[k]), func(a, b record) int { return a.Rules - b.Rules })
		var path []string
		for _, f := range points {
			path = append(path, fmt.Sprintf("%.1f,%.1f", x(f.Rules), y(f.Median)))
			fmt.Fprintf(&s, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, x(f.Rules), y(f.Median), colour(k.system))
		}
		dash := ""
		if k.cores == 2 && strings.HasPrefix(k.system, "linux") {
			dash = ` stroke-dasharray="5 3"`
		}
		fmt.Fprintf(&s, `<polyline fill="none" stroke="%s"%s points="%s"/>`+"\n", colour(k.system), dash, strings.Join(path, " "))
		at := chartTop + 16*i
		fmt.Fprintf(&s, `<line x1="%d" x2="%d" y1="%d" y2="%d" stroke="%s"%s/><text x="%d" y="%d">%s/%d %s</text>`+"\n",
			chartWidth-chartRight+10, chartWidth-chartRight+35, at, at, colour(k.system), dash, chartWidth-chartRight+40, at+4, k.system, k.cores, k.kind)
	}
	s.WriteString("</svg>\n")
	return s.String()
}
