package toolchain

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// source reads a file of the standard library.
func source(t *testing.T, file string) []byte {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(runtime.GOROOT(), "src", filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestHomeLibrary(t *testing.T) {
	o, err := homeLibrary(runtime.GOROOT(), patches())
	if err != nil {
		t.Fatal(err)
	}
	if err := o.addGuest(); err != nil {
		t.Fatal(err)
	}
	instruction := regexp.MustCompile(`(?m)^\s*SYSCALL\b`)
	for name, src := range o {
		// One is the guest kernel's own, for spt.
		own := 0
		if name == kernelPath+"/entry_amd64.s" {
			own = 1
		}
		if n := len(instruction.FindAll(src, -1)); n != own {
			t.Errorf("%s has %d SYSCALL instructions, want %d", name, n, own)
		}
		if strings.HasSuffix(name, "_test.go") || !strings.HasPrefix(name, "tender/") && bytes.Contains(src, []byte(`"tender/`)) {
			t.Errorf("%s does not belong into the standard library", name)
		}
	}
	for _, p := range patches() {
		if bytes.Equal(o[p.file], source(t, p.file)) {
			t.Errorf("%s is as it was", p.file)
		}
	}
	for _, name := range []string{"runtime/ztender.go", kernelPath + "/boot.go", kernelPath + "/entry_amd64.s", kernelPath + "/abi/hvt.go", "tender/abi/hvt.go", "tender/guest/nic.go"} {
		if len(o[name]) == 0 {
			t.Errorf("no %s", name)
		}
	}
}

// A spot that is missing, or there too often, is an error that names it.
func TestPatchSpots(t *testing.T) {
	for _, p := range append(patches(), socketPatches()...) {
		src := source(t, p.file)
		gone := p.old.ReplaceAll(src, []byte("// gone"))
		altered := map[string][]byte{"none": gone, "nothing": nil}
		if p.count != 0 {
			altered["twice"] = append(bytes.Clone(src), append([]byte("\n"), p.old.Find(src)...)...)
		}
		for what, text := range altered {
			_, err := p.apply(text)
			if err == nil {
				t.Errorf("%s: %s: %s: no error", p.file, p.what, what)
				continue
			}
			for _, want := range []string{p.file, p.what, "go1.26"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v: does not name %s", what, err, want)
				}
			}
		}
		if _, err := p.apply(src); err != nil {
			t.Error(err)
		}
	}
}

// A whole GOROOT in which one spot differs, or one file is missing.
func TestHomeLibraryOfOther(t *testing.T) {
	root := t.TempDir()
	write := func(file string, text []byte) {
		path := filepath.Join(root, "src", filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range patches() {
		write(p.file, source(t, p.file))
	}
	if _, err := homeLibrary(root, patches()); err != nil {
		t.Fatal(err)
	}
	malloc := source(t, "runtime/malloc.go")
	write("runtime/malloc.go", bytes.Replace(malloc, []byte("\theapAddrBits ="), []byte("\theapAddressBits ="), 1))
	if _, err := homeLibrary(root, patches()); err == nil || !strings.Contains(err.Error(), "runtime/malloc.go: constant heapAddrBits") {
		t.Errorf("a renamed constant: %v", err)
	}
	if err := os.Remove(filepath.Join(root, "src/runtime/malloc.go")); err != nil {
		t.Fatal(err)
	}
	if _, err := homeLibrary(root, patches()); err == nil || !strings.Contains(err.Error(), "malloc.go") {
		t.Errorf("a missing file: %v", err)
	}
}
