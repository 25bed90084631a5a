package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tender/image"
)

var update = flag.Bool("update", false, "write the expected files anew")

// expect compares with a file; -update writes it.
func expect(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		check(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	check(t, err)
	if got != string(want) {
		t.Errorf("%s is not what the command writes; after a look at the difference, go test ./cmd/tender -update\n%s", path, got)
	}
}

func TestInspect(t *testing.T) {
	plain := patch(hello().bytes(t), findNotes(t, hello().bytes(t)).tenderType, 0)
	for _, c := range []struct {
		name string
		file []byte
	}{
		{"hello", hello().bytes(t)},
		{"devices", withDevices(netDevice("outside"), netDevice("inside"), blockDevice("data")).bytes(t)},
		{"plain", plain},
	} {
		dir := t.TempDir()
		t.Chdir(dir)
		check(t, os.WriteFile("image.hvt", c.file, 0o644))
		for _, flag := range []string{"", "--json", "--abi", "--manifest"} {
			args := []string{"inspect", "image.hvt"}
			if flag != "" {
				args = append(args, flag)
			}
			got := command(args...)
			if got.status != 0 || got.err != "" {
				t.Fatalf("%s %s: %+v", c.name, flag, got)
			}
			expect(t, filepath.Join(sourceDir, "testdata", "inspect", c.name+strings.TrimLeft(flag, "-")+".txt"), got.out)
			if flag != "" && !json.Valid([]byte(got.out)) {
				t.Errorf("%s %s: no JSON", c.name, flag)
			}
		}
		t.Chdir(sourceDir)
	}
}

// The option that inspect names attaches the device.
func TestInspectAttaches(t *testing.T) {
	m := image.Manifest{netDevice("outside"), blockDevice("data"), netDevice("inside")}
	var words []string
	for _, d := range m {
		named, _, _ := strings.Cut(attachWith(d), " ")
		words = append(words, named)
	}
	opts, err := parseRun(append(words, "x"))
	check(t, err)
	opts.nets.byName["inside"] = "other"
	if _, err := opts.assign(m); err != nil {
		t.Errorf("%q: %v", words, err)
	}
}
