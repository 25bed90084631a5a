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
	"path"
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
	// document is a file of the module's docs folder that the tests read.
	document string
}

var suites = []suite{
	{name: "hvt", pkg: "tender/hvt"},
	{name: "spt", pkg: "tender/spt", document: "seccomp.md"},
	{name: "conformance", pkg: "tender/tests/conformance"},
	{name: "guests", pkg: "tender/tests/hardware/inside"},
}

// payload is what the machine is given.
type payload struct {
	busybox, tender string // paths
	kernel          kernel
	suites          []suite
	run             string // regular expression of tests
}

// makeInitrd builds tests and guests in a folder and packs everything, with
// init.sh as the first program.
func makeInitrd(ctx context.Context, dir string, p payload) (string, error) {
	fmt.Println("building tests and guests")
	initrd := filepath.Join(dir, "initrd")
	f, err := os.Create(initrd)
	if err != nil {
		return "", err
	}
	a := newArchive(f)
	a.file("init", initScript, 0o755)
	a.copy("bin/busybox", p.busybox, 0o755)
	a.copy("tender", p.tender, 0o755)
	for _, m := range p.kernel.modules {
		a.copy("modules/"+filepath.Base(m), m, 0o644)
	}
	a.file("modules/order", []byte(strings.Join(moduleNames, "\n")+"\n"), 0o644)
	var order bytes.Buffer
	for _, s := range p.suites {
		test := filepath.Join(dir, s.name+".test")
		if err := buildTest(ctx, test, s.pkg); err != nil {
			return "", err
		}
		a.copy("suites/"+s.name+"/test", test, 0o755)
		if s.document != "" {
			a.copy("suites/docs/"+s.document, filepath.Join("docs", s.document), 0o644)
		}
		fmt.Fprintln(&order, s.name)
	}
	a.file("suites/order", order.Bytes(), 0o644)
	a.file("suites/run", []byte(p.run), 0o644)
	for name, build := range map[string]func(ctx context.Context, dir string) error{
		"guests": buildGuests,
		"images": buildImages,
	} {
		d := filepath.Join(dir, name)
		if err := os.Mkdir(d, 0o755); err != nil {
			return "", err
		}
		if err := build(ctx, d); err != nil {
			return "", err
		}
		a.tree(name, d)
	}
	return initrd, errors.Join(a.close(), f.Close())
}

// buildTest makes a test program that needs no libraries.
func buildTest(ctx context.Context, path, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-tags", "netgo,osusergo",
		"-ldflags", "-linkmode=external -extldflags=-static", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1") // for libseccomp
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

// buildGuests makes the guests of the conformance tests.
func buildGuests(ctx context.Context, dir string) error {
	for _, tool := range []string{"as", "ld"} {
		if _, err := findProgram(tool, "binutils"); err != nil {
			return err
		}
	}
	return conformance.Build(ctx, dir)
}

// buildImages makes Go unikernels.
func buildImages(ctx context.Context, dir string) error {
	for _, g := range inside.Guests {
		image := filepath.Join(dir, path.Base(g)+".hvt")
		if _, err := toolchain.Build(ctx, toolchain.Options{Package: g, Output: image}); err != nil {
			return fmt.Errorf("building %s: %w", g, err)
		}
	}
	return nil
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
