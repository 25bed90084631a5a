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

// versionText has the two lines that programs look for.
func versionText() string {
	v := version
	if info, ok := debug.ReadBuildInfo(); ok && v == "" {
		v = info.Main.Version
	}
	return fmt.Sprintf("tender, version %s\nABI version %d\n", cmp.Or(v, "(devel)"), abi.VersionHVT)
}
