package toolchain

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The profile is for programs that use package net and bring none.
func TestProfile(t *testing.T) {
	without := t.TempDir()
	with := tree(t, map[string]string{"default.pgo": ""})
	for _, c := range []struct {
		name  string
		b     builder
		dir   string
		given bool
	}{
		{"package net", builder{net: true}, without, true},
		{"no network", builder{}, without, false},
		{"a profile beside the program", builder{net: true}, with, false},
		{"one in GOFLAGS", builder{net: true, tool: &goTool{Flags: "-v -pgo=off"}}, without, false},
		{"other GOFLAGS", builder{net: true, tool: &goTool{Flags: "-v"}}, without, true},
		{"tests", builder{net: true, opts: &Options{Tests: &TestPackage{}}}, without, false},
	} {
		if c.b.tmp = t.TempDir(); c.b.tool == nil {
			c.b.tool = &goTool{}
		}
		if c.b.opts == nil {
			c.b.opts = &Options{}
		}
		flags, err := c.b.pgo(&listed{Dir: c.dir})
		if err != nil || (len(flags) > 0) != c.given {
			t.Errorf("%s: %q, %v", c.name, flags, err)
			continue
		}
		if c.given {
			if _, err := os.Stat(strings.TrimPrefix(flags[0], "-pgo=")); err != nil {
				t.Error(err)
			}
		}
	}
}

// The profile names the TCP/IP stack as it is called in our own module, and in the
// standard library of others.
func TestProfileNames(t *testing.T) {
	name := filepath.Join(t.TempDir(), "network.pgo")
	if err := os.WriteFile(name, networkProfile, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "tool", "pprof", "-top", "-nodecount=100000", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	const send = "gvisor.dev/gvisor/pkg/tcpip/transport/tcp.(*Endpoint).sendTCP"
	for _, f := range []string{send, "vendor/" + send, "net/http.(*conn).serve", "tender/guest/stack.(*link).receive"} {
		if !strings.Contains(string(out), " "+f) {
			t.Errorf("%s is not in the profile", f)
		}
	}
}
