package toolchain

import (
	_ "embed"
	"os"
	"path/filepath"
	"strings"
)

// networkProfile is a CPU profile of a web server under load: scripts/profile.
//
//go:embed network.pgo
var networkProfile []byte

// pgo has the compiler optimise a program that uses package net for what its TCP/IP
// stack and net/http do all the time. Programs with a profile of their own, as
// default.pgo or in GOFLAGS, keep that, as do tests.
func (b *builder) pgo(main *listed) ([]string, error) {
	if !b.net || b.opts.Tests != nil || strings.Contains(b.tool.Flags, "-pgo") {
		return nil, nil
	}
	if _, err := os.Stat(filepath.Join(main.Dir, "default.pgo")); err == nil {
		return nil, nil
	}
	name := filepath.Join(b.tmp, "network.pgo")
	return []string{"-pgo=" + name}, os.WriteFile(name, networkProfile, 0o644)
}
