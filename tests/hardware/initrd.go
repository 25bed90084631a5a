package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"tender/tests/conformance"
	"tender/tests/hardware/inside"
	"tender/toolchain"
)

//go:embed init.sh
var initScript []byte

// suite is a test package that runs in the machine.
type suite struct {
	name string
	pkg  string
}

var suites = []suite{
	{"hvt", "tender/hvt"},
	{"conformance", "tender/tests/conformance"},
	{"guests", "tender/tests/hardware/inside"},
}

// makeInitrd builds everything and packs it, with init.sh as the first
// program.
func makeInitrd(ctx context.Context, dir, busybox string, k kernel, chosen []suite, run string) (string, error) {
	fmt.Println("building tests, guests and the tender")
	var tests []string
	for _, s := range chosen {
		path := filepath.Join(dir, s.name+".test")
		if err := goTool(ctx, "test", "-c", "-o", path, s.pkg); err != nil {
			return "", err
		}
		tests = append(tests, path)
	}
	tender := filepath.Join(dir, "tender")
	if err := goTool(ctx, "build", "-tags", "netgo,osusergo", "-o", tender, "tender/cmd/tender"); err != nil {
		return "", err
	}
	guests, images := filepath.Join(dir, "guests"), filepath.Join(dir, "images")
	for _, d := range []string{guests, images} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return "", err
		}
	}
	for _, tool := range []string{"as", "ld"} {
		if _, err := findProgram(tool, "binutils"); err != nil {
			return "", err
		}
	}
	if err := conformance.Build(ctx, guests); err != nil {
		return "", err
	}
	for _, g := range inside.Guests {
		if _, err := toolchain.Build(ctx, toolchain.Options{Package: g, Output: filepath.Join(images, filepath.Base(g)+".hvt")}); err != nil {
			return "", fmt.Errorf("building %s: %w", g, err)
		}
	}
	path := filepath.Join(dir, "initrd")
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	a := newArchive(f)
	a.copy("bin/busybox", busybox, 0o755)
	a.file("init", initScript, 0o755)
	for _, m := range k.modules {
		a.copy("modules/"+filepath.Base(m), m, 0o644)
	}
	a.file("modules/order", []byte(strings.Join(moduleNames, "\n")+"\n"), 0o644)
	a.copy("tender", tender, 0o755)
	var order bytes.Buffer
	for i, s := range chosen {
		a.copy("suites/"+s.name+"/test", tests[i], 0o755)
		fmt.Fprintln(&order, s.name)
	}
	a.file("suites/order", order.Bytes(), 0o644)
	a.file("suites/run", []byte(run), 0o644)
	for name, d := range map[string]string{"guests": guests, "images": images} {
		a.tree(name, d)
	}
	return path, errors.Join(a.close(), f.Close())
}

// tree adds a folder of programs.
func (a *archive) tree(name, dir string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		a.copy(name+"/"+d.Name(), path, 0o755)
		return nil
	})
	if a.err == nil {
		a.err = err
	}
}

// goTool runs the go command for programs that need no libraries.
func goTool(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
