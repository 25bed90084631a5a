package tests

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tender/toolchain"
)

// release is a version of a module that a proxy has.
type release struct {
	path, version string
	files         map[string]string
}

// proxy makes a module proxy of files, and gives the go command nothing else.
func proxy(t *testing.T, releases ...release) {
	t.Helper()
	files := map[string]string{}
	for _, r := range releases {
		base := r.path + "/@v/"
		mod, ok := r.files["go.mod"]
		if !ok {
			mod = "module " + r.path + "\n"
		}
		var archive bytes.Buffer
		w := zip.NewWriter(&archive)
		for name, text := range r.files {
			f, err := w.Create(r.path + "@" + r.version + "/" + name)
			if err == nil {
				_, err = f.Write([]byte(text))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		files[base+"list"] += r.version + "\n"
		files[base+r.version+".info"] = fmt.Sprintf(`{"Version":%q,"Time":"2026-01-02T03:04:05Z"}`, r.version)
		files[base+r.version+".mod"] = mod
		files[base+r.version+".zip"] = archive.String()
	}
	cache := t.TempDir()
	t.Cleanup(func() { // it is read-only
		filepath.WalkDir(cache, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				os.Chmod(path, 0o755)
			}
			return nil
		})
	})
	t.Setenv("GOPROXY", "file://"+tree(t, files))
	t.Setenv("GOMODCACHE", cache)
	t.Setenv("GOSUMDB", "off")
}

// Programs of released modules become images without a module of one's own.
func TestBuildRelease(t *testing.T) {
	lib := func(text string) map[string]string {
		return map[string]string{"go.mod": "module example.com/lib\n", "lib.go": "package lib\n\nconst Text = \"" + text + "\"\n"}
	}
	program := func(text string) string {
		return "package main\n\nimport (\n\t\"os\"\n\n\t\"example.com/lib\"\n)\n\nfunc main() { println(os.Args[0], lib.Text, \"" + text + "\") }\n"
	}
	const old = "package main\n\nfunc main() { println(\"from before modules\") }\n"
	const nets = "package main\n\nimport \"net\"\n\nfunc main() { println(net.IPv4len) }\n"
	// The libraries of programs with a network are no business of this proxy.
	here := tree(t, map[string]string{"go.mod": "module example.com/nets\n", "main.go": nets})
	mustBuild(t, here, toolchain.Options{Package: here})
	proxy(t,
		release{"example.com/lib", "v1.0.0", lib("lib 1")},
		release{"example.com/lib", "v1.1.0", lib("lib 1.1")},
		release{"example.com/tool", "v1.2.0", map[string]string{
			"go.mod":  "module example.com/tool\n\ngo 1.26\n\nrequire example.com/lib v1.0.0\n",
			"main.go": program("tool 1.2"), "cmd/sub/main.go": program("sub 1.2"), "cmd/nets/main.go": nets,
		}},
		release{"example.com/tool", "v1.3.0", map[string]string{
			"go.mod": "module example.com/tool\n\ngo 1.26\n\nrequire example.com/lib v1.1.0\n", "main.go": program("tool 1.3"), "lib/lib.go": "package lib\n",
		}},
		release{"example.com/tool/v2", "v2.0.0", map[string]string{
			"go.mod": "module example.com/tool/v2\n\ngo 1.26\n\nrequire example.com/lib v1.1.0\n", "main.go": program("tool 2"),
		}},
		release{"example.com/old", "v0.1.0", map[string]string{"main.go": old}},
	)
	for _, c := range []struct{ pkg, want string }{
		{"example.com/tool@v1.2.0", "tool lib 1 tool 1.2\n"},
		{"example.com/tool@latest", "tool lib 1.1 tool 1.3\n"},
		{"example.com/tool/cmd/sub@v1.2.0", "sub lib 1 sub 1.2\n"},
		{"example.com/tool/v2@v2.0.0", "tool lib 1.1 tool 2\n"},
		{"example.com/old@latest", "from before modules\n"},
		{"example.com/tool/cmd/nets@v1.2.0", "4\n"},
	} {
		t.Run(c.pkg, func(t *testing.T) {
			dir := tree(t, map[string]string{"go.mod": "module example.com/here\n"}) // has no say
			run(t, guest{name: mustBuild(t, dir, toolchain.Options{Package: c.pkg, Dir: dir, NoNet: true})}).mustPrint(t, c.want)
		})
	}
	for _, c := range []struct{ pkg, want string }{
		{"example.com/tool@v9.0.0", "v9.0.0"},
		{"example.com/none@latest", "example.com/none@latest"},
		{"example.com/tool/lib@v1.3.0", "is package lib: only a main package"},
		{"example.com/tool/gone@v1.3.0", "does not contain package example.com/tool/gone"},
		{"fmt@latest", "standard library"},
	} {
		_, err := build(t, t.TempDir(), toolchain.Options{Package: c.pkg})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.pkg, err, c.want)
		}
	}
}
