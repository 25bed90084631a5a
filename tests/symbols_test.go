package tests

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tender/toolchain"
)

const profiled = `package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"runtime"
	"runtime/pprof"
)

var kept [][]byte

//go:noinline
func hoard() {
	for range 64 {
		kept = append(kept, make([]byte, 64<<10))
	}
}

func main() {
	runtime.MemProfileRate = 1 << 10
	hoard()
	runtime.GC()
	var out bytes.Buffer
	if err := pprof.WriteHeapProfile(&out); err != nil {
		panic(err)
	}
	fmt.Println(base64.StdEncoding.EncodeToString(out.Bytes()))
}
`

// The file of --symbols lets pprof show functions and their machine code; the
// image is as it is without.
func TestSymbols(t *testing.T) {
	main := tree(t, map[string]string{"go.mod": "module example.com/profiled\n\ngo 1.26\n", "main.go": profiled})
	out := t.TempDir()
	plain := mustBuild(t, main, toolchain.Options{Package: main, Output: filepath.Join(out, "plain.hvt")})
	image := mustBuild(t, main, toolchain.Options{Package: main, Output: filepath.Join(out, "full.hvt"), Symbols: true})
	a, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(image); err != nil || !bytes.Equal(a, b) {
		t.Errorf("the image is another one with symbols: %v", err)
	}
	if _, err := os.Stat(plain + ".debug"); err == nil {
		t.Error("there are symbols that nobody asked for")
	}
	e := run(t, guest{name: image})
	e.mustEnd(t, 0)
	profile, err := base64.StdEncoding.DecodeString(strings.TrimSpace(e.console))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(out, "heap.pprof")
	if err := os.WriteFile(path, profile, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		flag string
		want []string
	}{
		{"-top", []string{"main.hoard"}},
		{"-disasm=main.hoard", []string{"ROUTINE", "main.hoard", "CALL runtime.makeslice"}},
	} {
		text, err := exec.Command("go", "tool", "pprof", "-sample_index=inuse_space", c.flag, image+".debug", path).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		for _, want := range c.want {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s: no %q in\n%s", c.flag, want, short(string(text)))
			}
		}
	}
}
