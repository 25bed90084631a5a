package toolchain

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
)

// shadowLayout changes when what is made of equal sources does.
const shadowLayout = "2"

// writeShadow makes a GOROOT below the cache directory whose standard library
// is the installed one with the files of l over it, and returns its path. All
// that is as installed is a symbolic link. links gives further files by their
// path below src, and where they are, and may add to l. An existing GOROOT of the same name is
// complete, and is used as it is; so several builds may write at once.
func writeShadow(cache, name, goroot string, l library, links func(library) (map[string]string, error)) (string, error) {
	dir := filepath.Join(cache, "goroot-"+name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	more, err := links(l)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("build cache: %w", err)
	}
	tmp, err := os.MkdirTemp(cache, "new-*")
	if err != nil {
		return "", fmt.Errorf("build cache: %w", err)
	}
	defer os.RemoveAll(tmp)
	s := shadow{dir: tmp, made: map[string]bool{}}
	for name, src := range l {
		s.do(name, func(file string) error { return os.WriteFile(file, src, 0o644) })
	}
	for name, target := range more {
		s.do(name, func(file string) error { return os.Symlink(target, file) })
	}
	s.linkRoot(goroot)
	s.linkLibrary(filepath.Join(goroot, "src"), l)
	if s.err == nil {
		s.err = os.Chmod(tmp, 0o755)
	}
	if s.err != nil {
		return "", fmt.Errorf("build cache: %w", s.err)
	}
	if err := os.Rename(tmp, dir); err != nil {
		if _, there := os.Stat(dir); there != nil {
			return "", fmt.Errorf("build cache: %w", err)
		}
	}
	return dir, nil
}

// shadow is a GOROOT in the making; err is the first error.
type shadow struct {
	dir  string
	made map[string]bool
	err  error
}

// do makes the file with a name below src.
func (s *shadow) do(name string, make func(file string) error) {
	file := filepath.Join(s.dir, "src", filepath.FromSlash(name))
	if parent := filepath.Dir(file); s.err == nil && !s.made[parent] {
		s.err = os.MkdirAll(parent, 0o755)
		s.made[parent] = true
	}
	if s.err == nil {
		s.err = make(file)
	}
}

// linkRoot links what is beside src.
func (s *shadow) linkRoot(goroot string) {
	entries, err := os.ReadDir(goroot)
	if s.err == nil {
		s.err = err
	}
	for _, e := range entries {
		if s.err == nil && e.Name() != "src" {
			s.err = os.Symlink(filepath.Join(goroot, e.Name()), filepath.Join(s.dir, e.Name()))
		}
	}
}

// linkLibrary links the sources that l does not replace. The go command does
// not look into linked folders, so only folders without packages are linked
// whole. cmd is not needed.
func (s *shadow) linkLibrary(src string, l library) {
	err := filepath.WalkDir(src, func(file string, d fs.DirEntry, err error) error {
		if err != nil || file == src {
			return err
		}
		rel, err := filepath.Rel(src, file)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() && rel == "cmd" {
			return fs.SkipDir
		}
		whole := d.IsDir() && path.Base(rel) == "testdata" && !embedsTestdata(filepath.Dir(file))
		if _, replaced := l[rel]; replaced || d.IsDir() && !whole {
			return s.err
		}
		s.do(rel, func(link string) error {
			if !d.IsDir() && hasEmbed(rel) {
				return copyPlain(file, link)
			}
			return os.Symlink(file, link)
		})
		if whole && s.err == nil {
			return fs.SkipDir
		}
		return s.err
	})
	if s.err == nil {
		s.err = err
	}
}

// testdataEmbedded is a line that embeds files of a folder testdata.
var testdataEmbedded = regexp.MustCompile(`(?m)^//go:embed .*\btestdata\b`)

// embedsTestdata says that the package in a folder, or its tests, embed what is
// in testdata there.
func embedsTestdata(dir string) bool {
	sources, _ := filepath.Glob(filepath.Join(dir, "*.go")) // the pattern is right
	for _, file := range sources {
		if src, err := os.ReadFile(file); err == nil && testdataEmbedded.Match(src) {
			return true
		}
	}
	return false
}

// hasEmbed says that a file may be embedded by the package it is in, which
// the go command allows for plain files only.
func hasEmbed(rel string) bool {
	ext := path.Ext(rel)
	return ext != ".go" && ext != ".s" && ext != ".h"
}

func copyPlain(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
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
