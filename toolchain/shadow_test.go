package toolchain

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// A GOROOT with one package, as installed.
func smallRoot(t *testing.T) string {
	return tree(t, map[string]string{
		"VERSION": "go1.26", "bin/go": "", "pkg/tool/x": "",
		"src/a/a.go": "package a", "src/a/b.go": "package a", "src/a/page.html": "embedded",
		"src/a/testdata/t": "data", "src/e/e_test.go": "package e\n\n//go:embed testdata/*\nvar x string\n", "src/e/testdata/t": "embedded too", "src/cmd/c/c.go": "package main",
	})
}

func TestShadow(t *testing.T) {
	root := smallRoot(t)
	other := tree(t, map[string]string{"v.s": "// assembly"})
	links := func(library) (map[string]string, error) {
		return map[string]string{"vendor/example.com/v/v.s": filepath.Join(other, "v.s")}, nil
	}
	dir, err := writeShadow(t.TempDir(), "x", root, library{"a/b.go": []byte("patched"), "new/n.go": []byte("new")}, links)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"VERSION": "go1.26", "src/a/a.go": "package a", "src/a/b.go": "patched", "src/new/n.go": "new",
		"src/a/page.html": "embedded", "src/a/testdata/t": "data", "src/vendor/example.com/v/v.s": "// assembly",
	} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	if got, err := os.ReadFile(filepath.Join(root, "src/a/b.go")); err != nil || string(got) != "package a" {
		t.Errorf("the installed library has changed: %q, %v", got, err)
	}
	if st, err := os.Lstat(filepath.Join(dir, "src/a/page.html")); err != nil || !st.Mode().IsRegular() {
		t.Errorf("a file to embed is %v, %v", st, err)
	}
	if st, err := os.Lstat(filepath.Join(dir, "src/e/testdata/t")); err != nil || !st.Mode().IsRegular() {
		t.Errorf("a file of tests to embed is %v, %v", st, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "src/cmd")); !os.IsNotExist(err) {
		t.Errorf("cmd is there: %v", err)
	}
}

// Several builds may make the same GOROOT at once; nothing is left behind.
func TestShadowAtOnce(t *testing.T) {
	root, cache := smallRoot(t), t.TempDir()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := writeShadow(cache, "x", root, library{"a/b.go": []byte("patched")}, noLinks); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	left, err := os.ReadDir(cache)
	if err != nil || len(left) != 1 || left[0].Name() != "goroot-x" {
		t.Errorf("cache holds %v, %v", left, err)
	}
}

// A GOROOT is complete, or it is not there.
func TestShadowFails(t *testing.T) {
	cache := t.TempDir()
	links := func(library) (map[string]string, error) { return nil, errors.New("no network") }
	if _, err := writeShadow(cache, "x", smallRoot(t), nil, links); err == nil {
		t.Error("no error")
	}
	if _, err := writeShadow(cache, "y", filepath.Join(cache, "missing"), nil, noLinks); err == nil {
		t.Error("no error for a missing GOROOT")
	}
	left, err := os.ReadDir(cache)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestLibrarySum(t *testing.T) {
	l := library{"a/b.go": []byte("x")}
	if l.sum("/go") != l.sum("/go") {
		t.Error("equal libraries have different sums")
	}
	for _, sum := range []string{l.sum("/other"), library{"a/b.go": []byte("y")}.sum("/go"), library{"a/c.go": []byte("x")}.sum("/go"), library{}.sum("/go")} {
		if sum == l.sum("/go") {
			t.Error("different libraries share a sum")
		}
	}
}
