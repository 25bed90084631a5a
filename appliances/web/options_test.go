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
		{[]string{"public"}, `unexpected argument "public"`},
		{[]string{"--listen=", "--listen-tls="}, "nothing to serve on"},
		{[]string{"--cert=a.pem"}, "go together"},
		{[]string{"--key=a.pem"}, "go together"},
		{[]string{"--cert=a.pem", "--key=b.pem", "--host=a"}, "drop it"},
		{[]string{"--grace=-1s"}, "negative"},
		{[]string{"--grace=soon"}, "grace"},
		{[]string{"--port=80"}, "not defined"},
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
		{"--root=/nowhere"},
		{"--listen=nohost:99999"},
		{"--listen=", "--listen-tls=127.0.0.1:0", "--cert=/nowhere", "--key=/nowhere"},
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
	for _, name := range []string{"listen", "listen-tls", "root", "cert", "key", "host", "pprof", "grace"} {
		if !strings.Contains(help, "--"+name) {
			t.Errorf("the help lacks --%s", name)
		}
	}
}
