package format

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// apply does what a diff says.
func apply(t *testing.T, a, diff string) string {
	t.Helper()
	lines := slices.Collect(strings.Lines(a))
	var out strings.Builder
	at := 0
	for line := range strings.Lines(diff) {
		var x, nx, y, ny int
		switch {
		case strings.HasPrefix(line, "---"), strings.HasPrefix(line, "+++"), line[0] == '\\':
		case line[0] == '@':
			if _, err := fmt.Sscanf(line, "@@ -%d,%d +%d,%d @@", &x, &nx, &y, &ny); err != nil {
				t.Fatal(err)
			}
			for ; at < x-min(nx, 1); at++ {
				out.WriteString(lines[at])
			}
		case line[0] == '+':
			out.WriteString(line[1:])
		default:
			if strings.TrimSuffix(lines[at], "\n") != strings.TrimSuffix(line[1:], "\n") {
				t.Fatalf("line %d is %q and not %q", at+1, lines[at], line)
			}
			if line[0] == ' ' {
				out.WriteString(lines[at])
			}
			at++
		}
	}
	for ; at < len(lines); at++ {
		out.WriteString(lines[at])
	}
	return out.String()
}

func TestDiff(t *testing.T) {
	got := Diff("f", "a\nb\nc\nd\ne\nf\n", "a\nb\nc\nd\n\te\nf\n")
	if want := "--- f\n+++ f (formatted)\n@@ -2,5 +2,5 @@\n b\n c\n d\n-e\n+\te\n f\n"; got != want {
		t.Errorf("%q", got)
	}
	r := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		var b strings.Builder
		for range r.IntN(30) {
			b.WriteString([]string{"a", "b", " a", "c ", "", "d"}[r.IntN(6)] + "\n")
		}
		return b.String()
	}
	for range 5000 {
		a, b := text(), text()
		if got := apply(t, a, Diff("f", a, b)); got != b {
			t.Fatalf("%q becomes %q and not %q by\n%s", a, got, b, Diff("f", a, b))
		}
	}
}
