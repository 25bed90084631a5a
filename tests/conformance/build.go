// Package conformance has guests of one behaviour each, in assembly, and tests
// that run them on the tender command: what the Solo5 contract promises, seen
// from outside. The guests follow the contract's own layout and calls and use
// nothing of tender's.
package conformance

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

//go:embed guests runtime
var sources embed.FS

// Targets are what a guest can be linked for; they are also the suffixes of
// image files.
var Targets = []string{"hvt", "spt"}

// Build makes an image of every guest in a folder that exists, NAME.hvt and
// NAME.spt, or one of them for those in a folder of their target. It needs
// GNU as and ld.
func Build(ctx context.Context, dir string) error {
	objects, err := os.MkdirTemp("", "conformance-*")
	if err != nil {
		return fmt.Errorf("cannot build the guests: %w", err)
	}
	defer os.RemoveAll(objects)
	if err := os.CopyFS(objects, sources); err != nil {
		return fmt.Errorf("cannot build the guests: %w", err)
	}
	for _, target := range Targets {
		b := builder{ctx: ctx, dir: objects, target: target}
		b.write("runtime/abi.inc", constants(target))
		b.assemble("runtime/" + target)
		b.assemble("runtime/text")
		for _, guest := range append(list("guests"), list("guests/"+target)...) {
			b.assemble(guest)
			b.run("ld", "-static", "-z", "max-page-size=4096", "-T", "runtime/"+target+".lds",
				"-o", filepath.Join(dir, path.Base(guest)+"."+target),
				"runtime/"+target+".o", "runtime/text.o", guest+".o")
		}
		if b.err != nil {
			return fmt.Errorf("cannot build the guests: %w", b.err)
		}
	}
	return nil
}

// list is the sources in an embedded folder, without their suffix.
func list(dir string) (names []string) {
	found, err := fs.Glob(sources, dir+"/*.s")
	if err != nil {
		panic(err) // the pattern is ours
	}
	for _, name := range found {
		names = append(names, strings.TrimSuffix(name, ".s"))
	}
	return names
}

// builder runs the tools for one target, until the first error.
type builder struct {
	ctx         context.Context
	dir, target string
	err         error
}

func (b *builder) write(name, text string) {
	if b.err == nil {
		b.err = os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o644)
	}
}

func (b *builder) assemble(name string) {
	b.run("as", "--64", "-I", "runtime", "-o", name+".o", name+".s")
}

func (b *builder) run(args ...string) {
	if b.err != nil {
		return
	}
	cmd := exec.CommandContext(b.ctx, args[0], args[1:]...)
	cmd.Dir = b.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		b.err = fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
}
