package toolchain

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
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

// overlay is what -overlay gives to the go command: contents of files by
// their path below GOROOT/src.
type overlay map[string][]byte

// hook makes package runtime depend on the kernel.
const hook = "package runtime\n\nimport _ \"" + kernelPath + "\"\n"

// makeOverlay reads GOROOT and applies all patches.
func makeOverlay(goroot string) (overlay, error) {
	o := overlay{"runtime/ztender.go": []byte(hook)}
	for _, p := range patches() {
		src, ok := o[p.file]
		if !ok {
			var err error
			if src, err = os.ReadFile(filepath.Join(goroot, "src", filepath.FromSlash(p.file))); err != nil {
				return nil, fmt.Errorf("reading the standard library: %w", err)
			}
		}
		patched, err := p.apply(src)
		if err != nil {
			return nil, err
		}
		o[p.file] = patched
	}
	for dir, dest := range map[string]string{"guest/kernel": kernelPath, "abi": kernelPath + "/abi"} {
		err := eachSource(dir, func(name string, src []byte) error {
			src = bytes.ReplaceAll(src, []byte(`"tender/abi"`), []byte(`"`+kernelPath+`/abi"`))
			o[dest+"/"+path.Base(name)] = src
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return o, nil
}

// eachSource calls f for the embedded files below dir, tests left out.
func eachSource(dir string, f func(name string, src []byte) error) error {
	return fs.WalkDir(tender.Sources, dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, "_test.go") || strings.Contains(name, "/testdata/") {
			return err
		}
		src, err := tender.Sources.ReadFile(name)
		if err != nil {
			return err
		}
		return f(name, src)
	})
}

// write stores the overlay below the cache directory, in a folder named by
// its content, and returns the path of the JSON file for -overlay. Equal
// overlays share a folder, so that the build cache stays warm.
func (o overlay) write(cache, goroot string) (string, error) {
	replace := map[string]string{}
	dir := filepath.Join(cache, "overlay-"+o.sum(goroot))
	list := filepath.Join(dir, "overlay.json")
	files := map[string][]byte{}
	for name, src := range o {
		flat := strings.ReplaceAll(name, "/", "__")
		replace[filepath.Join(goroot, "src", filepath.FromSlash(name))] = filepath.Join(dir, flat)
		files[flat] = src
	}
	text, err := json.MarshalIndent(map[string]any{"Replace": replace}, "", "\t")
	if err != nil {
		return "", err
	}
	files["overlay.json"] = text
	return list, writeFolder(dir, files)
}

func (o overlay) sum(goroot string) string {
	h := sha256.New()
	fmt.Fprintln(h, goroot)
	for _, name := range slices.Sorted(maps.Keys(o)) {
		fmt.Fprintln(h, name, len(o[name]))
		h.Write(o[name])
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// writeModule stores the guest packages as a module of their own, for
// programs that import them, and returns its folder.
func writeModule(cache string) (string, error) {
	files := map[string][]byte{"go.mod": []byte("module tender\n\ngo 1.26\n")}
	h := sha256.New()
	for _, dir := range []string{"abi", "guest"} {
		err := eachSource(dir, func(name string, src []byte) error {
			fmt.Fprintln(h, name, len(src))
			h.Write(src)
			files[name] = src
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	dir := filepath.Join(cache, "guest-"+hex.EncodeToString(h.Sum(nil))[:16])
	return dir, writeFolder(dir, files)
}

// writeFolder makes a folder with the files, at once: it is complete, or it
// is not there. An existing one is left as it is.
func writeFolder(dir string, files map[string][]byte) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("build cache: %w", err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "new-*")
	if err != nil {
		return fmt.Errorf("build cache: %w", err)
	}
	defer os.RemoveAll(tmp)
	for name, data := range files {
		file := filepath.Join(tmp, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return fmt.Errorf("build cache: %w", err)
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return fmt.Errorf("build cache: %w", err)
		}
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(dir); there != nil {
			return fmt.Errorf("build cache: %w", err)
		}
	}
	return nil
}
