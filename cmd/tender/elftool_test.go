package main

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tender/abi"
	"tender/image"
)

func elftoolCommand(in string, args ...string) outcome {
	var out, err bytes.Buffer
	status := as("solo5-elftool", args, stdio{in: strings.NewReader(in), out: &out, err: &err})
	return outcome{status, out.String(), err.String()}
}

const goodManifest = `{
  "type": "solo5.manifest",
  "version": 1,
  "devices": [
    { "name": "net0", "type": "NET_BASIC" },
    { "name": "disk", "type": "BLOCK_BASIC" }
  ]
}
`

func TestElftoolQueries(t *testing.T) {
	hvt := withDevices(netDevice("net0"), blockDevice("disk")).file(t)
	spt := new(process).file(t)
	for _, c := range []struct {
		args []string
		out  string
	}{
		{[]string{"query-abi", hvt}, "{\n  \"type\": \"solo5.abi\",\n  \"target\": \"hvt\",\n  \"version\": 2\n}\n"},
		{[]string{"query-abi", spt}, "{\n  \"type\": \"solo5.abi\",\n  \"target\": \"spt\",\n  \"version\": 2\n}\n"},
		{[]string{"query-manifest", hvt}, goodManifest},
		{[]string{"query-manifest", spt}, "{\n  \"type\": \"solo5.manifest\",\n  \"version\": 1,\n  \"devices\": [\n  ]\n}\n"},
	} {
		if got := elftoolCommand("", c.args...); got != (outcome{0, c.out, ""}) {
			t.Errorf("%q: %+v", c.args, got)
		}
	}
	text := writeFile(t, "text", []byte("no image"))
	for _, args := range [][]string{{"query-abi", text}, {"query-manifest", text}, {"query-abi", text + "?"}} {
		got := elftoolCommand("", args...)
		if got.status != 1 || got.out != "" || !strings.HasPrefix(got.err, "solo5-elftool: ") || strings.Count(got.err, "\n") != 1 {
			t.Errorf("%q: %+v", args, got)
		}
	}
	for _, args := range [][]string{nil, {"--help"}, {"query-abi"}, {"query-abi", hvt, hvt}, {"gen-manifest", "-"}, {"gen-manifest", "-", "-", "-"}, {"query"}, {""}} {
		got := elftoolCommand("", args...)
		if got.status != 1 || got.out != "" || !strings.HasPrefix(got.err, "usage: solo5-elftool ") {
			t.Errorf("%q: %+v", args, got)
		}
	}
}

// mftHeader stands for Solo5's mft_abi.h: as much of it as a manifest needs.
const mftHeader = `#include <stdint.h>
enum { MFT_DEV_BLOCK_BASIC = 1, MFT_DEV_NET_BASIC = 2, MFT_RESERVED_FIRST = 1 << 30 };
#define MFT_VERSION 1
struct mft_entry {
	char name[68];
	uint32_t type;
	union { struct { uint64_t capacity; uint16_t block_size; } block; } u;
	union { int fd; uint64_t pad; } b;
	uint8_t attached;
};
struct mft { uint32_t version, entries; struct mft_entry e[MFT_ENTRIES]; };
#define MFT1_NOTE_DECLARE_BEGIN const struct mft declared __attribute__((section("manifest"))) =
#define MFT1_NOTE_DECLARE_END ;
`

// The C source that is made declares the manifest.
func TestElftoolGenerates(t *testing.T) {
	dir := openDir(t)
	source, output := filepath.Join(dir, "m.json"), filepath.Join(dir, "m.c")
	check(t, os.WriteFile(source, []byte(goodManifest), 0o644))
	if got := elftoolCommand("", "gen-manifest", source, output); got != (outcome{}) {
		t.Fatalf("%+v", got)
	}
	text, err := os.ReadFile(output)
	check(t, err)
	for _, args := range [][]string{{"gen-manifest", source, "-"}, {"gen-manifest", "-", "-"}} {
		if got := elftoolCommand(goodManifest, args...); got != (outcome{0, string(text), ""}) {
			t.Errorf("%q: %+v", args, got)
		}
	}
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("needs gcc to compile what is made")
	}
	check(t, os.WriteFile(filepath.Join(dir, "mft_abi.h"), []byte(mftHeader), 0o644))
	object := filepath.Join(dir, "m.o")
	if out, err := exec.Command(gcc, "-std=c99", "-Wall", "-Werror", "-c", "-o", object, output).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, text)
	}
	file, err := elf.Open(object)
	check(t, err)
	defer file.Close()
	data, err := file.Section("manifest").Data()
	check(t, err)
	m, err := image.ParseManifest(data)
	want := image.Manifest{netDevice("net0"), blockDevice("disk")}
	if err != nil || !slices.Equal(m, want) {
		t.Errorf("%v, %v", m, err)
	}
}

// A manifest that is not right makes no file and leaves an old one alone.
func TestElftoolBadManifest(t *testing.T) {
	device := func(name, typ string) string { return `{"name": "` + name + `", "type": "` + typ + `"}` }
	manifest := func(devices ...string) string {
		return `{"type": "solo5.manifest", "version": 1, "devices": [` + "\n" + strings.Join(devices, ",\n") + `]}`
	}
	many := make([]string, abi.MaxDevices+1)
	for i := range many {
		many[i] = device("n"+string(rune('A'+i/26))+string(rune('a'+i%26)), "NET_BASIC")
	}
	for _, c := range []struct{ what, text, says string }{
		{"device type", manifest(device("a", "NET_FAST")), ":2: .devices[0].type: "},
		{"duplicate", manifest(device("a", "NET_BASIC"), device("a", "BLOCK_BASIC")), ":3: .devices[1].name: "},
		{"name", manifest(device("a-b", "NET_BASIC")), ".devices[0].name: "},
		{"too many", manifest(many...), "too many entries, maximum 63"},
		{"version", strings.Replace(manifest(), ": 1", ": 1.0", 1), ".version: "},
		{"no JSON", "{", ":1: "},
		{"empty", "", ":1: "},
	} {
		dir := openDir(t)
		source, output := filepath.Join(dir, "m.json"), filepath.Join(dir, "m.c")
		check(t, os.WriteFile(source, []byte(c.text), 0o644))
		for _, from := range []string{source, "-"} {
			got := elftoolCommand(c.text, "gen-manifest", from, output)
			if from == "-" {
				from = "stdin"
			}
			if got.status != 1 || got.out != "" || !strings.HasPrefix(got.err, "solo5-elftool: "+from+":") || !strings.Contains(got.err, c.says) {
				t.Errorf("%s: %+v", c.what, got)
			}
			if left := listing(t, dir); strings.Count(left, " ") != 1 {
				t.Errorf("%s: %s", c.what, left)
			}
		}
		check(t, os.WriteFile(output, []byte("old"), 0o644))
		elftoolCommand("", "gen-manifest", source, output)
		if text, err := os.ReadFile(output); err != nil || string(text) != "old" {
			t.Errorf("%s: the old file became %q, %v", c.what, text, err)
		}
	}
	for _, output := range []string{"/nowhere/m.c", "/dev/full"} {
		if got := elftoolCommand(goodManifest, "gen-manifest", "-", output); got.status != 1 || !strings.HasPrefix(got.err, "solo5-elftool: ") {
			t.Errorf("%s: %+v", output, got)
		}
	}
	if got := elftoolCommand(goodManifest, "gen-manifest", "-", "/dev/null"); got != (outcome{}) {
		t.Errorf("a device: %+v", got)
	}
}
