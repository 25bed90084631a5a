package toolchain

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tender/image/rootfs"
)

// walk lists a tree's files, folders with a slash.
func walk(t *testing.T, fsys fs.FS) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			name += "/"
		}
		names = append(names, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names[1:]
}

func TestKeepBelow(t *testing.T) {
	dir := tree(t, map[string]string{
		"m/go.mod": "", "m/main.go": "", "m/testdata/shared": "", "m/other/x.go": "",
		"m/p/p.go": "", "m/p/testdata/a/b": "", "m/p/.hidden/x": "", "m/p/.file": "", "m/pq/q.go": "", "n/n.go": "",
	})
	if err := os.Symlink("/nowhere", filepath.Join(dir, "m/p/link")); err != nil {
		t.Fatal(err)
	}
	f := &fileTree{FS: os.DirFS(dir), keep: keepBelow([]string{"m/p", "m/testdata", "m/go.mod", "m/missing", "missing"})}
	want := "m/ m/go.mod m/p/ m/p/.file m/p/link m/p/p.go m/p/testdata/ m/p/testdata/a/ m/p/testdata/a/b m/testdata/ m/testdata/shared"
	if got := strings.Join(walk(t, f), " "); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// A test of a package finds what go test lets it find, and what is asked for.
func TestTestFiles(t *testing.T) {
	dir := tree(t, map[string]string{
		"m/go.mod": "", "m/testdata/shared": "", "m/a/testdata/of-a": "", "m/a/p/p_test.go": "", "m/a/p/testdata/own": "", "m/b/b.go": "",
		"testdata/outside": "", "go/lib/time/zoneinfo.zip": "", "go/lib/other": "", "extra/x": "",
	})
	p := &TestPackage{Dir: filepath.Join(dir, "m/a/p")}
	f, err := p.files(filepath.Join(dir, "go"), []string{filepath.Join(dir, "extra")})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, name := range walk(t, f) {
		if rest, ok := strings.CutPrefix("/"+name, dir+"/"); ok && rest != "" && !strings.HasSuffix(rest, "/") {
			got = append(got, rest)
		}
	}
	want := []string{"extra/x", "go/lib/time/zoneinfo.zip", "m/a/p/p_test.go", "m/a/p/testdata/own", "m/a/testdata/of-a", "m/go.mod", "m/testdata/shared"}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if _, err := p.files(dir, []string{filepath.Join(dir, "gone")}); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("a missing file: %v", err)
	}
}

// Equal files make equal archives, unless their times are wanted.
func TestFileTimes(t *testing.T) {
	archive := func(at time.Time, times bool) string {
		dir := tree(t, map[string]string{"a/b": "text", "c": ""})
		for _, name := range []string{"a/b", "a", "c", "."} {
			if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
				t.Fatal(err)
			}
		}
		data, err := rootfs.Archive(&fileTree{FS: os.DirFS(dir), times: times})
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	then, now := time.Unix(1e9, 0), time.Now()
	if archive(then, false) != archive(now, false) {
		t.Error("times are in the archive")
	}
	if archive(then, true) == archive(now, true) {
		t.Error("times are not in the archive")
	}
	if archive(time.Unix(0, 0), true) != archive(now, false) {
		t.Error("no time is not the epoch")
	}
}

func TestFilesTooLarge(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hole"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "hole"), maxFilesBytes); err != nil {
		t.Fatal(err)
	}
	f := &fileTree{FS: os.DirFS(dir)}
	if err := f.checkSize("x"); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "one"), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.checkSize("the site"); err == nil || !strings.Contains(err.Error(), "the site: more than 1024 MB") {
		t.Errorf("%v", err)
	}
}

func TestFilesOfRoot(t *testing.T) {
	file := filepath.Join(tree(t, map[string]string{"file": ""}), "file")
	for root, want := range map[string]string{file: "no folder", file + ".gone": "no such file"} {
		if _, _, err := (&builder{opts: &Options{Root: root}}).files(); err == nil || !strings.Contains(err.Error(), root) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", root, err)
		}
	}
	if f, _, err := (&builder{opts: &Options{}}).files(); f != nil || err != nil {
		t.Errorf("no root: %v, %v", f, err)
	}
}
