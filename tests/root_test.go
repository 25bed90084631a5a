package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tender/toolchain"
)

const reader = `package main

import (
	"fmt"
	"io/fs"
	"os"
)

func main() {
	err := fs.WalkDir(os.DirFS("/"), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "dev" || name == "proc" || name == "etc" {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if d.Type().IsRegular() && len(os.Args) > 1 {
			text, err := os.ReadFile("/" + name)
			if err != nil {
				return err
			}
			fmt.Printf("%s %s %d %q\n", name, info.Mode(), info.ModTime().Unix(), text)
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
}
`

// The files of --root are the program's, times only if they are wanted. What the
// guest kernel has put beside them is left out.
func TestBuildRoot(t *testing.T) {
	main := tree(t, map[string]string{"go.mod": "module example.com/reader\n", "main.go": reader})
	files := map[string]string{"index.html": "<p>", "a/deep/file": strings.Repeat("x", 5000), "empty": ""}
	root := tree(t, files)
	then := time.Unix(1_700_000_000, 0)
	for name := range files {
		if err := os.Chtimes(filepath.Join(root, name), then, then); err != nil {
			t.Fatal(err)
		}
	}
	for _, times := range []bool{false, true} {
		image := mustBuild(t, main, toolchain.Options{Package: main, Root: root, RootTimes: times})
		stamp := int64(0)
		if times {
			stamp = then.Unix()
		}
		want := ""
		for _, name := range []string{"a/deep/file", "empty", "index.html"} {
			want += fmt.Sprintf("%s -rw-r--r-- %d %q\n", name, stamp, files[name])
		}
		run(t, guest{name: image, args: []string{"show"}}).mustPrint(t, want)
	}
	// Without files, and with files in a guest that does not touch them.
	run(t, guest{name: mustBuild(t, main, toolchain.Options{Package: main})}).mustPrint(t, "")
	for _, bad := range []string{filepath.Join(root, "index.html"), filepath.Join(root, "gone")} {
		if _, err := build(t, main, toolchain.Options{Package: main, Root: bad}); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
