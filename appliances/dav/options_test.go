package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWrongArguments(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"shared"}, `unexpected argument "shared"`},
		{[]string{"--cert=a.pem"}, "go together"},
		{[]string{"--login=me"}, "NAME:PASSWORD"},
		{[]string{"--login="}, "NAME:PASSWORD"}, // not everybody
		{[]string{"--login=:a"}, "NAME:PASSWORD"},
		{[]string{"--login=me:"}, "NAME:PASSWORD"},
		{[]string{"--login-file=/dev/null"}, "NAME:PASSWORD"},
		{[]string{"--login-file=/nowhere"}, "--login-file"},
		{[]string{"--login=me:a", "--login-file=b"}, "one of them"},
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

func TestLoginFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "login")
	if err := os.WriteFile(file, []byte("me:with:colon \r\nsecond line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := parse([]string{"--login-file=" + file}, io.Discard)
	if err != nil || o.login != "me:with:colon " {
		t.Errorf("%q, %v", o.login, err)
	}
}

func TestCannotServe(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"--files=/nowhere"},
		{"--files=" + file},
		{"--calendars=/nowhere"},
		{"--calendars=" + file},
		{"--listen=nohost:99999"},
		{"--listen=127.0.0.1:0", "--cert=/nowhere", "--key=/nowhere"},
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
	for _, name := range []string{"files", "calendars", "login", "login-file", "listen", "cert", "key"} {
		if !strings.Contains(help, "--"+name+"=") {
			t.Errorf("the help lacks --%s", name)
		}
	}
}
