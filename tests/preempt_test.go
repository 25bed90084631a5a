package tests

import (
	"strings"
	"testing"
)

// A goroutine that computes without end keeps nothing else from running, and
// what is interrupted loses no register.
func TestPreemption(t *testing.T) {
	for _, name := range []string{"spin", "vectors"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := run(t, guest{name: name})
			e.mustEnd(t, 0, "ok\n")
			t.Log(strings.TrimSpace(e.console))
		})
	}
}
