package tests

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A CPU profile taken in a guest says where its time went.
func TestCPUProfile(t *testing.T) {
	e := run(t, guest{name: "hotspot"})
	e.mustEnd(t, 0)
	profile, err := base64.StdEncoding.DecodeString(strings.TrimSpace(e.console))
	if err != nil {
		t.Fatalf("%v; console:\n%s", err, short(e.console))
	}
	path := filepath.Join(t.TempDir(), "profile")
	if err := os.WriteFile(path, profile, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "tool", "pprof", "-top", path).CombinedOutput()
	if err != nil {
		t.Fatalf("go tool pprof: %v\n%s", err, out)
	}
	top := regexp.MustCompile(`(?m)flat%.*\n +\S+ +([0-9.]+)% .* (\S+)$`).FindStringSubmatch(string(out))
	if top == nil || top[2] != "main.hot" {
		t.Fatalf("main.hot is not first:\n%s", out)
	}
	if share, err := strconv.ParseFloat(top[1], 64); err != nil || share < 80 {
		t.Errorf("main.hot has %s %% of the samples:\n%s", top[1], out)
	}
	t.Logf("%s", out)
}
