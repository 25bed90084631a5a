package format

import (
	"fmt"
	"slices"
	"strings"
)

// context is how many lines that stay are shown around those that change.
const context = 3

// Diff is what makes the text b of the text a, in unified format.
func Diff(name, a, b string) string {
	x, y := slices.Collect(strings.Lines(a)), slices.Collect(strings.Lines(b))
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s (formatted)\n", name, name)
	for _, h := range hunks(edits(x, y)) {
		nx, ny := h.count(' ', '-'), h.count(' ', '+')
		fmt.Fprintf(&out, "@@ -%d,%d +%d,%d @@\n", h[0].x+min(nx, 1), nx, h[0].y+min(ny, 1), ny)
		for _, e := range h {
			line := ""
			if e.kind == '+' {
				line = y[e.y]
			} else {
				line = x[e.x]
			}
			out.WriteString(string(e.kind) + line)
			if !strings.HasSuffix(line, "\n") {
				out.WriteString("\n\\ No newline at end of file\n")
			}
		}
	}
	return out.String()
}

// edit is a line that stays (' '), goes ('-') or comes ('+'); x and y are where
// it is or would be.
type edit struct {
	kind byte
	x, y int
}

type hunk []edit

func (h hunk) count(a, b byte) int {
	n := 0
	for _, e := range h {
		if e.kind == a || e.kind == b {
			n++
		}
	}
	return n
}

// edits makes y of x. A line that formatting has only moved sideways goes and
// comes again; lines are paired by what they are without blanks, so that the
// work is in proportion to the length.
func edits(x, y []string) []edit {
	var all []edit
	i, j := 0, 0
	for i < len(x) || j < len(y) {
		switch {
		case i < len(x) && j < len(y) && x[i] == y[j]:
			all = append(all, edit{' ', i, j})
			i, j = i+1, j+1
		case i < len(x) && j < len(y) && bare(x[i]) == bare(y[j]):
			all = append(all, edit{'-', i, j}, edit{'+', i + 1, j})
			i, j = i+1, j+1
		default:
			ei, ej := resync(x, y, i, j)
			for ; i < ei; i++ {
				all = append(all, edit{'-', i, j})
			}
			for ; j < ej; j++ {
				all = append(all, edit{'+', i, j})
			}
		}
	}
	return all
}

// resync finds the next lines behind i and j that begin the same.
func resync(x, y []string, i, j int) (int, int) {
	const near = 64
	for d := 1; d < near; d++ {
		for k := 0; k <= d; k++ {
			if ei, ej := i+k, j+d-k; ei < len(x) && ej < len(y) && bare(x[ei]) == bare(y[ej]) && bare(x[ei]) != "" {
				return ei, ej
			}
		}
	}
	return min(i+near, len(x)), min(j+near, len(y))
}

// bare is a line without blanks.
func bare(line string) string { return strings.Join(strings.Fields(line), "") }

// hunks groups edits with some lines that stay around them.
func hunks(all []edit) []hunk {
	var out []hunk
	last := -1 // the last edit in out
	for i, e := range all {
		if e.kind == ' ' {
			continue
		}
		from, to := max(i-context, last+1), min(i+context+1, len(all))
		if from > last+1 || len(out) == 0 {
			out = append(out, nil)
		}
		for k := from; k < to; k++ {
			if k > last {
				out[len(out)-1] = append(out[len(out)-1], all[k])
				last = k
			}
		}
	}
	return out
}
