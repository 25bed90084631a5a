package toolchain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tender/abi"
	"tender/image"
)

// tree makes files below a new folder, by their names.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLocate(t *testing.T) {
	base := tree(t, map[string]string{"cmd/x/main.go": "package main", "one.go": "package main", "notes.txt": ""})
	for _, c := range []struct{ arg, dir, pattern, err string }{
		{".", base, ".", ""},
		{"cmd/x", filepath.Join(base, "cmd/x"), ".", ""},
		{"./cmd/x/", filepath.Join(base, "cmd/x"), ".", ""},
		{filepath.Join(base, "cmd/x"), filepath.Join(base, "cmd/x"), ".", ""},
		{"one.go", base, "one.go", ""},
		{"cmd/x/main.go", filepath.Join(base, "cmd/x"), "main.go", ""},
		{"example.com/some/thing", base, "example.com/some/thing", ""},
		{"./...", "", "", "no package at ./..."},
		{"./nothing", "", "", "no package at ./nothing"},
		{"/nonexistent/x", "", "", "no package at /nonexistent/x"},
		{"notes.txt", "", "", "neither a folder with a main package nor a .go file"},
	} {
		dir, pattern, err := locate(base, c.arg)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: error %v, want %s", c.arg, err, c.err)
			}
			continue
		}
		if err != nil || dir != c.dir || pattern != c.pattern {
			t.Errorf("%s: %s, %s, %v; want %s, %s", c.arg, dir, pattern, err, c.dir, c.pattern)
		}
	}
	if dir, pattern, err := locate("", "some/import/path"); dir != "." || pattern != "some/import/path" || err != nil {
		t.Errorf("without a base: %s, %s, %v", dir, pattern, err)
	}
}

func TestSupportedVersion(t *testing.T) {
	for v, want := range map[string]bool{
		"go1.26": true, "go1.26.0": true, "go1.26.8": true, "go1.26.99": true,
		"go1.25.9": false, "go1.27": false, "go1.260": false, "go1.2": false, "devel go1.27-abc": false, "": false,
	} {
		if supportedVersion(v) != want {
			t.Errorf("%q: %t", v, !want)
		}
	}
}

func TestDevices(t *testing.T) {
	const manifest = `{"type":"solo5.manifest","version":1,"devices":[{"name":"nic","type":"NET_BASIC"}]}`
	empty := tree(t, map[string]string{"manifest.json": `{"type":"solo5.manifest","version":1,"devices":[]}`})
	with := tree(t, map[string]string{"manifest.json": manifest})
	without := t.TempDir()
	broken := tree(t, map[string]string{"manifest.json": "{\n\"type\": 7}"})
	disk := image.Manifest{{Name: "disk", Type: abi.DeviceBlock}}
	twice := image.Manifest{{Name: "nic", Type: abi.DeviceNet}}
	for _, c := range []struct {
		what string
		dir  string
		net  bool // the program uses package net
		opts Options
		want string // names, or part of the error
	}{
		{"beside the package", with, false, Options{}, "nic"},
		{"none", without, false, Options{}, ""},
		{"and more", with, false, Options{Devices: disk}, "nic disk"},
		{"only more", without, false, Options{Devices: disk}, "disk"},
		{"elsewhere", without, false, Options{Manifest: filepath.Join(with, "manifest.json")}, "nic"},
		{"declared twice", with, false, Options{Devices: twice}, "error: declared twice"},
		{"broken", broken, false, Options{}, "error: manifest.json:2"},
		{"not there", with, false, Options{Manifest: filepath.Join(without, "m.json")}, "error: m.json"},
		{"net, none", without, true, Options{}, "net0"},
		{"net, none wanted", without, true, Options{NoNet: true}, ""},
		{"net, others", without, true, Options{Devices: disk}, "disk"},
		{"net, a manifest", with, true, Options{}, "nic"},
		{"net, an empty manifest", empty, true, Options{}, ""},
		{"tests", with, true, Options{Tests: &TestPackage{}}, ""},
		{"tests with a device", with, true, Options{Tests: &TestPackage{}, Devices: disk}, "disk"},
	} {
		m, err := (&builder{opts: &c.opts, net: c.net}).devices(c.dir)
		if want, isError := strings.CutPrefix(c.want, "error: "); isError {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %s", c.what, err, want)
			}
			continue
		}
		var names []string
		for _, d := range m {
			names = append(names, d.Name)
		}
		if err != nil || strings.Join(names, " ") != c.want {
			t.Errorf("%s: %v, %v; want %s", c.what, names, err, c.want)
		}
	}
}

// A toolchain that we do not know is refused before anything is built.
func TestForeignGo(t *testing.T) {
	dir := tree(t, map[string]string{"go.mod": "module x\n", "main.go": "package main\nfunc main() {}\n"})
	fake := func(script string) {
		bin := t.TempDir()
		if err := os.WriteFile(filepath.Join(bin, "go"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", bin)
	}
	build := func(want ...string) {
		t.Helper()
		out := filepath.Join(dir, "x.hvt")
		_, err := Build(context.Background(), Options{Package: dir, Output: out, Cache: t.TempDir()})
		if err == nil {
			t.Fatal("no error")
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("error %q, want %q", err, w)
			}
		}
		if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("there is an output: %v", err)
		}
	}
	for _, version := range []string{"go1.25.3", "go1.27rc1", "devel go1.28-0123abc"} {
		fake(fmt.Sprintf(`echo '{"GOROOT":"/nonexistent","GOVERSION":"%s","GOWORK":""}'`, version))
		build(version, "go1.26")
	}
	fake("echo 'go: no such luck' >&2; exit 1")
	build("no such luck")
	fake("echo not json")
	build("go env")
	t.Setenv("PATH", t.TempDir())
	build("no go command in PATH", "go1.26")
}

// The module of the guest packages is complete, and does without its tests.
func TestWriteModule(t *testing.T) {
	dir, err := writeModule(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go.mod", "abi/hvt.go", "guest/nic.go", "guest/kernel/entry_amd64.s"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if strings.HasSuffix(path, "_test.go") || d.Name() == "testdata" {
			t.Errorf("%s is in the module", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
