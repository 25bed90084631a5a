package main

import (
	"cmp"
	"fmt"
	"runtime/debug"

	"tender/abi"
)

// version is set with -ldflags "-X main.version=…"; if it is not, it comes
// from what the Go toolchain knows of the sources.
var version string

// versionText has the two lines that programs look for. The first is of the
// tender called name, which is "" for our own.
func versionText(name string) string {
	v := version
	if info, ok := debug.ReadBuildInfo(); ok && v == "" {
		v = info.Main.Version
	}
	if name != "" {
		name += " "
	}
	return fmt.Sprintf("%stender, version %s\nABI version %d\n", name, cmp.Or(v, "(devel)"), abi.VersionHVT)
}
