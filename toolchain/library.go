package toolchain

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"tender"
)

// library is the standard library of an image, as far as it differs from the
// installed one: contents of files by their path below GOROOT/src.
type library map[string][]byte

// hook makes package runtime depend on the kernel.
const hook = "package runtime\n\nimport _ \"" + kernelPath + "\"\n"

// testHook lets test binaries begin in the folder of their package, as go test
// does. The linker sets the variable.
const testHook = `package testing

import "os"

var tenderDirectory string

func init() {
	if tenderDirectory != "" {
		if err := os.Chdir(tenderDirectory); err != nil {
			panic(err)
		}
	}
}
`

// homeLibrary reads GOROOT, applies the patches and adds the kernel.
func homeLibrary(goroot string, patches []patch) (library, error) {
	l := library{"runtime/ztender.go": []byte(hook), "testing/ztender.go": []byte(testHook)}
	if err := l.patch(goroot, patches); err != nil {
		return nil, err
	}
	for dir, dest := range map[string]string{"guest/kernel": kernelPath, "abi": kernelPath + "/abi"} {
		err := eachSource(dir, func(name string, src []byte) {
			l[dest+strings.TrimPrefix(name, dir)] = bytes.ReplaceAll(src, []byte(`"tender/abi"`), []byte(`"`+kernelPath+`/abi"`))
		})
		if err != nil {
			return nil, err
		}
	}
	return l, nil
}

// patch applies patches to the files of GOROOT, or to what they are here by now.
func (l library) patch(goroot string, patches []patch) error {
	for _, p := range patches {
		src, ok := l[p.file]
		if !ok {
			var err error
			if src, err = os.ReadFile(filepath.Join(goroot, "src", filepath.FromSlash(p.file))); err != nil {
				return fmt.Errorf("reading the standard library: %w", err)
			}
		}
		patched, err := p.apply(src)
		if err != nil {
			return err
		}
		l[p.file] = patched
	}
	return nil
}

// addGuest makes the packages below guest/ and abi/ part of the standard
// library, under their own import paths: a program that imports them needs no
// module for them.
func (l library) addGuest() error {
	for _, dir := range []string{"abi", "guest"} {
		err := eachSource(dir, func(name string, src []byte) {
			if path.Dir(name) != "guest/kernel" {
				l["tender/"+name] = src
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachSource calls f for the embedded Go and assembly files below dir, tests
// left out.
func eachSource(dir string, f func(name string, src []byte)) error {
	return fs.WalkDir(tender.Sources, dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, "_test.go") {
			return err
		}
		if ext := path.Ext(name); ext != ".go" && ext != ".s" {
			return nil
		}
		src, err := tender.Sources.ReadFile(name)
		if err == nil {
			f(name, src)
		}
		return err
	})
}

// sum names the library's content, and all that goes into a GOROOT with it.
func (l library) sum(more ...string) string {
	h := sha256.New()
	for _, s := range more {
		fmt.Fprintln(h, len(s), s)
	}
	for _, name := range slices.Sorted(maps.Keys(l)) {
		fmt.Fprintln(h, name, len(l[name]))
		h.Write(l[name])
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}
