package tests

import (
	"context"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tender/image"
	"tender/image/rootfs"
	"tender/toolchain"
)

// withFiles builds a guest program and puts a tree of files into its image.
func withFiles(t *testing.T, pkg, dir string) string {
	t.Helper()
	plain, linked := filepath.Join(t.TempDir(), "plain.hvt"), filepath.Join(t.TempDir(), "linked")
	if _, err := toolchain.Build(context.Background(), toolchain.Options{Package: pkg, Output: plain, Debug: linked}); err != nil {
		t.Fatal(err)
	}
	im, err := image.Open(plain)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	spec := image.Spec{Target: im.Target, Version: im.Version, Entry: im.Entry, Tender: im.Tender, Manifest: im.Manifest}
	f, err := elf.Open(plain)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type != elf.PT_LOAD || p.Filesz == 0 {
			continue
		}
		seg := image.SegmentData{Vaddr: p.Vaddr, Memsz: p.Memsz, Align: p.Align, Flags: p.Flags, Data: make([]byte, p.Filesz)}
		if _, err := io.ReadFull(p.Open(), seg.Data); err != nil {
			t.Fatal(err)
		}
		spec.Segments = append(spec.Segments, seg)
	}
	archive, err := rootfs.Archive(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := rootfs.Embed(&spec, kernelVariable(t, linked, rootfs.Variable), archive); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "carried.hvt")
	w, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := image.Write(w, spec); err != nil {
		t.Fatal(err)
	}
	return out
}

// kernelVariable is the address of a variable of the guest kernel.
func kernelVariable(t *testing.T, linked, name string) uint64 {
	t.Helper()
	f, err := elf.Open(linked)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		if s.Name == "internal/syscall."+name {
			return s.Value
		}
	}
	t.Fatalf("the linked program has no variable %s", name)
	return 0
}

// Files that an image carries are there, with their modes and times; what the
// guest writes over them is gone with it.
func TestCarriedFiles(t *testing.T) {
	dir := tree(t, map[string]string{
		"etc/motd":        "welcome\n",
		"srv/www/index":   strings.Repeat("<html>", 20000),
		"srv/www/a/b/c/d": "deep",
		"empty":           "",
	})
	stamp := time.Unix(1_600_000_000, 0)
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			err = os.Chtimes(path, stamp, stamp)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../srv/www/index", filepath.Join(dir, "etc", "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "empty"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := withFiles(t, "./guests/carried", dir)
	want := "/ drwxr-xr-x\n" +
		"/empty -rw------- 1600000000 \"\"\n" +
		"/etc drwxr-xr-x\n" +
		"/etc/link -> ../srv/www/index\n" +
		"/etc/motd -rw-r--r-- 1600000000 \"welcome\\n\"\n" +
		"/srv drwxr-xr-x\n" +
		"/srv/www drwxr-xr-x\n" +
		"/srv/www/a drwxr-xr-x\n" +
		"/srv/www/a/b drwxr-xr-x\n" +
		"/srv/www/a/b/c drwxr-xr-x\n" +
		"/srv/www/a/b/c/d -rw-r--r-- 1600000000 \"deep\"\n" +
		"/srv/www/index -rw-r--r-- 1600000000 \"<html><htm\"\n" +
		"/tmp dtrwxrwxrwx\n"
	for range 2 {
		e := run(t, guest{name: path, args: []string{"/etc/motd", "/etc/link", "/srv/www/a/new"}})
		written := ""
		for _, name := range []string{"/etc/motd", "/etc/link", "/srv/www/a/new"} {
			written += fmt.Sprintf("%s \"written\" <nil>\n", name)
		}
		e.mustPrint(t, want+written)
	}

	// The archive is the image's: damaged, every path is an error and the guest
	// says so.
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	where := regexp.MustCompile("tarchive\x01\x00\x00\x00").FindIndex(data)
	if where == nil {
		t.Fatal("the image has no archive")
	}
	data[where[0]+12] = 0xff
	data[where[0]+13] = 0xff
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, guest{name: path}).mustEnd(t, 1, "input/output error")
}
