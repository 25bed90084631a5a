package machine

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tender/abi"
)

func TestCmdline(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
		says string
	}{
		{nil, "", ""},
		{[]string{"one"}, "one", ""},
		{[]string{"a", "", "b c"}, "a  b c", ""},
		{[]string{strings.Repeat("x", abi.CmdlineSize-1)}, strings.Repeat("x", abi.CmdlineSize-1), ""},
		{[]string{strings.Repeat("x", abi.CmdlineSize)}, "", "Guest command line too long: 8192 characters, at most 8191"},
		{[]string{strings.Repeat("x", abi.CmdlineSize-2), ""}, strings.Repeat("x", abi.CmdlineSize-2) + " ", ""},
		{[]string{"a\x00b"}, "", "NUL"},
	} {
		config := Config{Args: c.args}
		got, err := config.Cmdline()
		if got != c.want || (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.20q: %.20q, %v", c.args, got, err)
		}
	}
}

// A life is begun at most once, and never closed while it runs, whoever asks.
func TestLife(t *testing.T) {
	var l Life
	if err := l.Begin(); err != nil || !l.Running() {
		t.Error(err)
	}
	if l.Begin() == nil || l.Close() == nil {
		t.Error("two runs, or closed while running")
	}
	l.End()
	if l.Begin() == nil || l.Running() || l.Close() != nil || l.Close() == nil {
		t.Error("after the end")
	}
	for range 100 {
		var l Life
		var begun, closed, both atomic.Int32
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if l.Begin() == nil {
					begun.Add(1)
					both.Add(1)
					both.Add(-1)
					l.End()
				}
			})
			wg.Go(func() {
				if l.Close() == nil {
					closed.Add(1)
					if both.Load() != 0 {
						t.Error("closed while running")
					}
				}
			})
		}
		wg.Wait()
		if begun.Load() > 1 || closed.Load() > 1 {
			t.Errorf("begun %d times, closed %d times", begun.Load(), closed.Load())
		}
	}
}
