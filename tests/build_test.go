package tests

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tender/abi"
	"tender/image"
	"tender/netback"
	"tender/toolchain"
)

// tree makes files below a new folder, by their names.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// contents reads all files below a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// build builds, and wants nothing but the output to change below the folder.
func build(t *testing.T, tree string, o toolchain.Options) (image string, err error) {
	t.Helper()
	before := contents(t, tree)
	if o.Output == "" {
		o.Output = filepath.Join(t.TempDir(), "out.hvt")
	}
	result, err := toolchain.Build(context.Background(), o)
	after := contents(t, tree)
	for name := range after {
		if after[name] != before[name] {
			t.Errorf("the build has changed %s:\n%s", name, after[name])
		}
	}
	if len(after) != len(before) {
		t.Errorf("there were %d files, there are %d", len(before), len(after))
	}
	if err == nil && result.Output != o.Output {
		t.Errorf("output is %s, want %s", result.Output, o.Output)
	}
	return o.Output, err
}

func mustBuild(t *testing.T, tree string, o toolchain.Options) string {
	t.Helper()
	path, err := build(t, tree, o)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

const printer = "package main\n\nfunc main() { println(\"hello from here\") }\n"

// xSys are the lines of our own go.mod and go.sum about a module that is in
// the module cache.
func xSys(t *testing.T) (require, sums string) {
	t.Helper()
	for _, file := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if path, version, _ := strings.Cut(strings.TrimSpace(line), " "); path == "golang.org/x/sys" {
				if file == "go.sum" {
					sums += line
				} else {
					require = "require " + path + " " + strings.Fields(version)[0] + "\n"
				}
			}
		}
	}
	return require, sums
}

// Any module builds as it is, whatever it knows of us.
func TestBuildAnyModule(t *testing.T) {
	require, sums := xSys(t)
	const importer = `package main

import (
	"errors"
	"fmt"
	"io/fs"

	"tender/guest"
)

func main() {
	_, err := guest.OpenNIC("none")
	fmt.Println(errors.Is(err, fs.ErrNotExist))
}
`
	const user = `package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// The second is a system call of the module's own assembly.
func main() { fmt.Println(unix.ENOENT, unix.Getpid()) }
`
	for _, c := range []struct {
		name  string
		files map[string]string
		dir   string // of the package
		opts  toolchain.Options
		want  string
	}{
		{"stranger", map[string]string{"go.mod": "module example.com/stranger\n", "main.go": printer}, "", toolchain.Options{}, "hello from here\n"},
		{"nested package", map[string]string{
			"go.mod":            "module example.com/stranger\n\ngo 1.21\n",
			"lib/lib.go":        "package lib\n\nconst Text = \"from lib\"\n",
			"cmd/thing/main.go": "package main\n\nimport (\n\t\"fmt\"\n\n\t\"example.com/stranger/lib\"\n)\n\nfunc main() { fmt.Println(lib.Text) }\n",
		}, "cmd/thing", toolchain.Options{}, "from lib\n"},
		{"build tags", map[string]string{
			"go.mod":    "module example.com/tags\n\ngo 1.26\n",
			"main.go":   "package main\n\nfunc main() { println(here, extra) }\n",
			"here.go":   "//go:build tender\n\npackage main\n\nconst here = \"unikernel\"\n",
			"there.go":  "//go:build !tender\n\npackage main\n\nconst here = \"elsewhere\"\n",
			"extra.go":  "//go:build special\n\npackage main\n\nconst extra = \"special\"\n",
			"normal.go": "//go:build !special\n\npackage main\n\nconst extra = \"normal\"\n",
		}, "", toolchain.Options{Tags: []string{"special"}}, "unikernel special\n"},
		{"embedded files", map[string]string{
			"go.mod":   "module example.com/embed\n\ngo 1.26\n",
			"main.go":  "package main\n\nimport _ \"embed\"\n\n//go:embed text.txt\nvar text string\n\nfunc main() { print(text) }\n",
			"text.txt": "embedded\n",
		}, "", toolchain.Options{}, "embedded\n"},
		{"imports tender", map[string]string{"go.mod": "module example.com/friend\n\ngo 1.24\n", "main.go": importer}, "", toolchain.Options{}, "true\n"},
		{"in a workspace", map[string]string{
			"go.work":      "go 1.26\n\nuse (\n\t./app\n\t./lib\n)\n",
			"app/go.mod":   "module example.com/app\n\ngo 1.26\n",
			"app/main.go":  "package main\n\nimport \"example.com/lib\"\n\nfunc main() { println(lib.Text()) }\n",
			"lib/go.mod":   "module example.com/lib\n\ngo 1.26\n",
			"lib/lib.go":   "package lib\n\nfunc Text() string { return \"from the workspace\" }\n",
			"other/go.mod": "module example.com/other\n",
		}, "app", toolchain.Options{}, "from the workspace\n"},
		{"in a workspace, imports tender", map[string]string{
			"go.work":     "go 1.26\n\nuse (\n\t./app\n\t./lib\n)\n\nreplace example.com/gone => ./replaced\n",
			"app/go.mod":  "module example.com/app\n\ngo 1.26\n\nrequire example.com/gone v1.0.0\n",
			"app/main.go": strings.Replace(strings.Replace(importer, "\t\"tender/guest\"", "\t\"example.com/gone\"\n\t\"example.com/lib\"\n\t\"tender/guest\"", 1), "fmt.Println(", "fmt.Println(lib.Text, gone.Text, ", 1),
			"lib/go.mod":  "module example.com/lib\n\ngo 1.26\n", "lib/lib.go": "package lib\n\nconst Text = \"lib\"\n",
			"replaced/go.mod": "module example.com/gone\n", "replaced/gone.go": "package gone\n\nconst Text = \"gone\"\n",
		}, "app", toolchain.Options{}, "lib gone true\n"},
		{"has a dependency", map[string]string{"go.mod": "module example.com/user\n\ngo 1.26.0\n\n" + require, "go.sum": sums, "main.go": user},
			"", toolchain.Options{}, "no such file or directory 1\n"},
		{"has a dependency, imports tender", map[string]string{
			"go.mod": "module example.com/user\n\ngo 1.26.0\n\n" + require, "go.sum": sums, "main.go": user,
			"more.go": "package main\n\nimport \"tender/guest\"\n\nvar _ = guest.OpenNIC\n",
		}, "", toolchain.Options{}, "no such file or directory 1\n"},
		{"has a vendor folder", map[string]string{
			"go.mod":                         "module example.com/vendored\n\ngo 1.26\n\nrequire example.com/dep v1.0.0\n",
			"main.go":                        "package main\n\nimport \"example.com/dep\"\n\nfunc main() { println(dep.Text) }\n",
			"vendor/modules.txt":             "# example.com/dep v1.0.0\n## explicit\nexample.com/dep\n",
			"vendor/example.com/dep/dep.go":  "package dep\n\nconst Text = \"vendored\"\n",
			"vendor/example.com/dep/LICENSE": "none\n",
		}, "", toolchain.Options{}, "vendored\n"},
		{"assembly with SYSCALL", map[string]string{
			"go.mod":       "module example.com/calls\n\ngo 1.26\n",
			"main.go":      "package main\n\nfunc pid() int\n\nfunc main() { println(pid()) }\n",
			"call_amd64.s": "#include \"textflag.h\"\n\nTEXT ·pid(SB),NOSPLIT,$0-8\n\tMOVL $39, AX\n\tSYSCALL // getpid\n\tMOVQ AX, ret+0(FP)\n\tRET\n",
		}, "", toolchain.Options{}, "1\n"},
		{"only a file that imports tender", map[string]string{"friend.go": importer}, "friend.go", toolchain.Options{}, "true\n"},
		{"only a file", map[string]string{"hello.go": printer}, "hello.go", toolchain.Options{}, "hello from here\n"},
		{"a file of two", map[string]string{"go.mod": "module example.com/two\n", "a.go": printer, "b.go": "package main\n\nfunc main() {}\n"}, "a.go", toolchain.Options{}, "hello from here\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("GOPROXY", "off") // everything is here
			dir := tree(t, c.files)
			c.opts.Package = filepath.Join(dir, c.dir)
			path := mustBuild(t, dir, c.opts)
			run(t, guest{name: path}).mustPrint(t, c.want)
		})
	}
}

// What cannot become an image is an error that says why, and an older output
// stays as it was.
func TestBuildErrors(t *testing.T) {
	const mod = "module example.com/bad\n\ngo 1.26\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		pkg   string // below the folder, or as it is with a leading =
		want  []string
	}{
		{"no main package", map[string]string{"go.mod": mod, "lib.go": "package lib\n"}, "", []string{"is package lib: only a main package"}},
		{"empty folder", map[string]string{"go.mod": mod, "x/readme": ""}, "x", []string{"no Go files"}},
		{"only tests", map[string]string{"go.mod": mod, "a_test.go": "package main\n"}, "", []string{"no non-test Go files"}},
		{"no module", map[string]string{"main.go": printer}, "", []string{"go.mod"}},
		{"two packages", map[string]string{"go.mod": mod, "a/a.go": printer, "b/b.go": printer}, "=./...", []string{"several packages"}},
		{"nothing there", map[string]string{"go.mod": mod}, "nothing", []string{"no package at", "nothing"}},
		{"syntax error", map[string]string{"go.mod": mod, "main.go": "package main\n\nfunc main() {\n\tx :=\n}\n"}, "", []string{"main.go:", "syntax error"}},
		{"type error", map[string]string{"go.mod": mod, "main.go": "package main\n\nfunc main() {\n\tvar s string = 7\n}\n"}, "", []string{"main.go:4:", "cannot use 7"}},
		{"error in a dependency", map[string]string{"go.mod": mod, "main.go": "package main\n\nimport _ \"example.com/bad/lib\"\n\nfunc main() {}\n",
			"lib/lib.go": "package lib\n\nvar x int = \"\"\n"}, "", []string{"lib.go:3:"}},
		{"unknown import", map[string]string{"go.mod": mod, "main.go": "package main\n\nimport _ \"example.com/unknown/lib\"\n\nfunc main() {}\n"}, "", []string{"main.go:3:", "example.com/unknown/lib"}},
		{"unknown package of ours", map[string]string{"go.mod": mod, "main.go": "package main\n\nimport _ \"tender/guest/nothing\"\n\nfunc main() {}\n"}, "", []string{"imports a package that this tender does not have"}},
		{"C", map[string]string{"go.mod": mod, "main.go": "package main\n\nimport \"C\"\n\nfunc main() {}\n"}, "", []string{"build constraints exclude all Go files"}},
		{"a newer Go", map[string]string{"go.mod": "module example.com/new\n\ngo 1.99\n", "main.go": printer}, "", []string{"1.99"}},
		{"broken go.mod", map[string]string{"go.mod": "modul x\n", "main.go": printer}, "", []string{"go.mod:1:"}},
		{"broken manifest", map[string]string{"go.mod": mod, "main.go": printer, "manifest.json": "{}"}, "", []string{"manifest.json:1"}},
		{"SYSCALL in bytes", map[string]string{"go.mod": mod, "main.go": "package main\n\nfunc call()\n\nfunc main() { call() }\n",
			"call_amd64.s": "#include \"textflag.h\"\n\nTEXT ·call(SB),NOSPLIT,$0\n\tVZEROUPPER\n\tBYTE $0x0f; BYTE $0x05\n\tRET\n"}, "", []string{"main.call", "SYSCALL"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("GOPROXY", "off")
			t.Setenv("GOTOOLCHAIN", "local")
			dir := tree(t, c.files)
			o := toolchain.Options{Package: filepath.Join(dir, c.pkg), Output: filepath.Join(t.TempDir(), "out.hvt")}
			if pkg, ok := strings.CutPrefix(c.pkg, "="); ok {
				o.Package, o.Dir = strings.Replace(pkg, "./...", "example.com/bad/...", 1), dir
			}
			mustFail := func() {
				t.Helper()
				_, err := build(t, dir, o)
				if err == nil {
					t.Fatal("no error")
				}
				for _, want := range c.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("error %q, want %q", err, want)
					}
				}
			}
			mustFail()
			if left, err := os.ReadDir(filepath.Dir(o.Output)); err != nil || len(left) != 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
			if err := os.WriteFile(o.Output, []byte("older"), 0o600); err != nil {
				t.Fatal(err)
			}
			mustFail()
			if data, err := os.ReadFile(o.Output); err != nil || string(data) != "older" {
				t.Errorf("the older output is %q, %v", data, err)
			}
		})
	}
}

// The same source gives the same bytes, wherever it is, and a small image.
func TestBuildReproducible(t *testing.T) {
	hello := imageOf(t, "../appliances/hello")
	first, err := os.ReadFile(hello)
	if err != nil {
		t.Fatal(err)
	}
	if len(first) > 2_000_000 {
		t.Errorf("hello has %d bytes, more than 2.0 MB", len(first))
	}
	t.Logf("hello has %d bytes", len(first))
	again := mustBuild(t, "guests", toolchain.Options{Package: "../appliances/hello", Cache: t.TempDir()})
	if second, err := os.ReadFile(again); err != nil || !bytes.Equal(first, second) {
		t.Errorf("a second build with a cache folder of its own differs: %v", err)
	}

	files := map[string]string{"go.mod": "module example.com/same\n\ngo 1.26\n", "main.go": printer}
	var images [][]byte
	for range 2 {
		dir := tree(t, files)
		data, err := os.ReadFile(mustBuild(t, dir, toolchain.Options{Package: dir}))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(dir)) {
			t.Error("the image names the folder it was built in")
		}
		images = append(images, data)
	}
	if !bytes.Equal(images[0], images[1]) {
		t.Error("builds of one module in two folders differ")
	}
}

// A change of the source is in the next image.
func TestRebuild(t *testing.T) {
	dir := tree(t, map[string]string{"go.mod": "module example.com/change\n\ngo 1.26\n"})
	out := filepath.Join(t.TempDir(), "out.hvt")
	for _, text := range []string{"first", "second", "first"} {
		source := strings.Replace(printer, "hello from here", text, 1)
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o644); err != nil {
			t.Fatal(err)
		}
		mustBuild(t, dir, toolchain.Options{Package: dir, Output: out})
		run(t, guest{name: out}).mustPrint(t, text+"\n")
	}
}

// Devices come from the manifest and the options; the debugging file has
// what a debugger needs; the default output is named for the package.
func TestBuildOptions(t *testing.T) {
	const manifest = `{"type":"solo5.manifest","version":1,"devices":[{"name":"net0","type":"NET_BASIC"}]}`
	dir := tree(t, map[string]string{"go.mod": "module example.com/group/named\n\ngo 1.26\n", "main.go": printer, "manifest.json": manifest})
	t.Chdir(t.TempDir())
	var warnings bytes.Buffer
	result, err := toolchain.Build(context.Background(), toolchain.Options{
		Package: dir, Debug: "debug.elf", Stderr: &warnings,
		Devices: image.Manifest{{Name: "net1", Type: abi.DeviceNet}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if result.Output != "named.hvt" || len(result.Manifest) != 2 || !strings.HasPrefix(result.GoVersion, "go1.26") || warnings.Len() != 0 {
		t.Errorf("result %+v, warnings %q", result, &warnings)
	}
	info, err := os.Stat("named.hvt")
	if err != nil || info.Size() != result.SizeBytes || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info, err)
	}
	f, err := elf.Open("debug.elf")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.DWARF(); err != nil {
		t.Errorf("debug.elf: %v", err)
	}
	left, _ := cable(t)
	right, _ := cable(t)
	path, err := filepath.Abs("named.hvt")
	if err != nil {
		t.Fatal(err)
	}
	run(t, guest{name: path, net: map[string]netback.Device{"net0": left, "net1": right}}).mustPrint(t, "hello from here\n")

	for _, o := range []toolchain.Options{
		{Package: dir, Output: "/nonexistent/out.hvt"},
		{Package: dir, Output: "."},
		{Package: dir, Manifest: "none.json"},
	} {
		if _, err := toolchain.Build(context.Background(), o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
	stopped, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("no time"))
	if _, err := toolchain.Build(stopped, toolchain.Options{Package: dir, Output: "late.hvt"}); err == nil {
		t.Error("a cancelled build succeeds")
	}
	if _, err := os.Stat("late.hvt"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a cancelled build has an output: %v", err)
	}
}
