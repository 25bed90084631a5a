package tests

import (
	"strings"
	"testing"
)

// Heap, stacks and what is at the top of memory are elsewhere in each boot,
// whatever the memory.
func TestLayout(t *testing.T) {
	const boots = 40 // at most
	for _, mem := range []uint64{8, 64, 512} {
		var places [3]map[string]bool
		differ := func() bool { return len(places[0]) > 1 && len(places[1]) > 1 && len(places[2]) > 1 }
		for range boots {
			if differ() {
				break
			}
			e := run(t, guest{name: "layout", memMiB: mem, args: []string{"x"}})
			e.mustEnd(t, 0)
			words := strings.Fields(e.console)
			if len(words) != len(places) {
				t.Fatalf("console %q", e.console)
			}
			for i, word := range words {
				if places[i] == nil {
					places[i] = make(map[string]bool)
				}
				places[i][word] = true
			}
		}
		if !differ() {
			t.Errorf("%d MiB: heap, stack and arguments are at %v in %d boots", mem, places, boots)
		}
	}
}
