package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestWrongArguments(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "--zones=DIR is needed"},
		{[]string{"--zones=a", "b"}, `unexpected argument "b"`},
		{[]string{"--zones=a", "--transfer=all"}, "neither an address nor a network"},
		{[]string{"--zones=a", "--transfer=fe80::1%eth0"}, "neither an address nor a network"},
		{[]string{"--zones=a", "--transfer=10.0.0.1/24"}, "write 10.0.0.0/24"},
		{[]string{"--port=53"}, "not defined"},
	} {
		var stdout, stderr bytes.Buffer
		if status := run(t.Context(), c.args, &stdout, &stderr); status != exitUsage {
			t.Errorf("%q: status %d, want %d", c.args, status, exitUsage)
		}
		if !strings.Contains(stderr.String(), c.want) || strings.Count(stderr.String(), "\n") != 1 || stdout.Len() != 0 {
			t.Errorf("%q: printed %q and %q, want a line with %q", c.args, &stdout, &stderr, c.want)
		}
	}
}

func TestCannotServe(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--zones=testdata"}, // without zones
		{"--zones=testdata/zones", "--listen=nohost:99999"},
	} {
		var stdout, stderr bytes.Buffer
		if status := run(t.Context(), args, &stdout, &stderr); status != exitFailure || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%q: status %d, %q", args, status, &stderr)
		}
	}
}

// TestHelp wants the help to name every flag there is, and nothing else to
// be printed.
func TestHelp(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), []string{"--help"}, &stdout, &stderr); status != exitOK || stdout.String() != help || stderr.Len() != 0 {
		t.Errorf("status %d, %q, %q", status, &stdout, &stderr)
	}
	for _, name := range []string{"zones", "listen", "transfer"} {
		if !strings.Contains(help, "--"+name) {
			t.Errorf("the help lacks --%s", name)
		}
	}
}
