package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tender/toolchain"
)

// Files that an image carries are there, with their modes and times; what the
// guest writes over them is gone with it.
func TestCarriedFiles(t *testing.T) {
	dir := tree(t, map[string]string{
		"etc/motd":        "welcome\n",
		"etc/passwd":      "mine",
		"etc/group":       "",
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
	path := filepath.Join(t.TempDir(), "carried.hvt")
	if _, err := toolchain.Build(t.Context(), toolchain.Options{Package: "./guests/carried", Output: path, Root: dir, RootTimes: true}); err != nil {
		t.Fatal(err)
	}
	want := "/ drwxr-xr-x\n" +
		"/empty -rw------- 1600000000 \"\"\n" +
		"/etc drwxr-xr-x\n" +
		"/etc/group -rw-r--r-- 1600000000 \"\"\n" +
		"/etc/link -> ../srv/www/index\n" +
		"/etc/motd -rw-r--r-- 1600000000 \"welcome\\n\"\n" +
		"/etc/passwd -rw-r--r-- 1600000000 \"mine\"\n" +
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
