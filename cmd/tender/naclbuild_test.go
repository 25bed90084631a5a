package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tender/abi"
	"tender/image"
)

func TestNaclBuild(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f.nacl")
	check(t, os.WriteFile(path, []byte(naclProgram), 0o644))
	out, source := filepath.Join(dir, "f.hvt"), filepath.Join(dir, "source")
	if got := command("nacl", "build", path, "-o", out, "--source", source); got.status != 0 || !strings.HasPrefix(got.out, out) {
		t.Fatalf("%+v", got)
	}
	im, err := image.Open(out)
	check(t, err)
	defer im.Close()
	if m := im.Manifest; len(m) != 1 || m[0].Name != "outside" || m[0].Type != abi.DeviceNet {
		t.Errorf("%+v", m)
	}
	if text, err := os.ReadFile(filepath.Join(source, "rules.go")); err != nil || !strings.Contains(string(text), "func filter_guard(") {
		t.Errorf("%v\n%s", err, text)
	}
}

// A folder with nacl.txt is built as a package is.
func TestBuildFindsNacl(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gate")
	check(t, os.Mkdir(dir, 0o755))
	check(t, os.WriteFile(filepath.Join(dir, "nacl.txt"), []byte(naclProgram), 0o644))
	check(t, os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(`{"type": "solo5.manifest", "version": 1, "devices": [{"name": "wan", "type": "NET_BASIC"}]}`), 0o644))
	t.Chdir(dir)
	if got := command("build"); got.status != 0 {
		t.Fatalf("%+v", got)
	}
	im, err := image.Open("gate.hvt")
	check(t, err)
	defer im.Close()
	if m := im.Manifest; len(m) != 1 || m[0].Name != "wan" {
		t.Errorf("%+v", m)
	}
}

// The program's name has no suffix where it is one of Linux. Tests in Go may
// stand beside nacl.txt, and a folder of that name is none.
func TestBuildNaclFolders(t *testing.T) {
	t.Chdir(t.TempDir())
	const goProgram = "package main\n\nfunc main() {}\n"
	for path, text := range map[string]string{
		"linux/nacl.txt": naclProgram, "tested/nacl.txt": naclProgram, "tested/a_test.go": goProgram,
		"go/nacl.txt/text": naclProgram, "go/main.go": goProgram, "go/go.mod": "module program\n\ngo 1.26\n",
	} {
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		check(t, os.WriteFile(path, []byte(text), 0o644))
	}
	for _, c := range []struct {
		args []string
		dir  string
		want string
	}{
		{[]string{"build", "tested"}, ".", "tested.hvt"},
		{[]string{"build", "--target=linux"}, "linux", "linux"},
		{[]string{"build"}, "../go", "program.hvt"},
	} {
		t.Chdir(c.dir)
		if got := command(c.args...); got.status != 0 || !strings.HasPrefix(got.out, c.want+" ") {
			t.Errorf("%q: %+v", c.args, got)
		}
		if info, err := os.Stat(c.want); err != nil || info.IsDir() {
			t.Errorf("%q: %v", c.args, err)
		}
	}
}

// Whatever is wrong, nothing is written.
func TestNaclBuildRefuses(t *testing.T) {
	manifest := `{"type": "solo5.manifest", "version": 1, "devices": [{"name": "disk", "type": "BLOCK_BASIC"}, {"name": "wan", "type": "NET_BASIC"}]}`
	second := strings.Replace(naclProgram, "index: 0", "index: 1", 1)
	for _, c := range []struct {
		name, program string
		args          []string
		want          string
	}{
		{"no such interface", second, []string{"nacl", "build", "f.nacl", "--manifest", "manifest.json"}, "f.nacl:1: Iface outside is network device 1, and the manifest has 1 of them"},
		{"two files", naclProgram, []string{"nacl", "build", "f.nacl", "f.nacl"}, "takes one FILE, drop f.nacl"},
		{"two programs", naclProgram, []string{"build", "both"}, "both has two programs, nacl.txt and main.go"},
		{"an error", "Iface a { index: 0 } x: y", []string{"nacl", "build", "f.nacl"}, "y is not defined"},
		{"an error in nacl.txt", naclProgram, []string{"build", "wrong"}, "wrong/nacl.txt:1:11: error:"},
		{"nothing", "", []string{"nacl", "build", "f.nacl"}, "nothing is declared here"},
		{"no interface", "x: 5", []string{"nacl", "build", "f.nacl"}, "declares no Iface"},
		{"rubbish", "\x7fELF\x00\x01", []string{"nacl", "build", "f.nacl"}, "is no text"},
		{"long", strings.Repeat("#", 10<<20), []string{"nacl", "build", "f.nacl"}, "is longer than 4 MiB"},
		{"no file", naclProgram, []string{"nacl", "build", "g.nacl"}, "cannot read the program"},
		{"no manifest", naclProgram, []string{"nacl", "build", "f.nacl", "--manifest", "none.json"}, "none.json"},
	} {
		dir := t.TempDir()
		t.Chdir(dir)
		for path, text := range map[string]string{
			"f.nacl": c.program, "manifest.json": manifest, "both/main.go": "package main\n", "both/nacl.txt": naclProgram, "wrong/nacl.txt": "Iface a { idx: 0 }",
		} {
			check(t, os.MkdirAll(filepath.Dir(path), 0o755))
			check(t, os.WriteFile(path, []byte(text), 0o644))
		}
		got := command(c.args...)
		if got.status != 1 || got.out != "" || !strings.Contains(got.err, c.want) {
			t.Errorf("%s: %+v", c.name, got)
		}
		if images, _ := filepath.Glob("*.[hs]*t"); len(images) > 0 {
			t.Errorf("%s: %q is there", c.name, images)
		}
	}
}
