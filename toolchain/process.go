package toolchain

import (
	"bytes"
	"context"
	"os"
	"path/filepath"

	"tender/image"
)

// prepareProcess is prepare for a Linux program: its standard library is the
// installed one, with the guest packages in it if its module has none.
func (b *builder) prepareProcess(ctx context.Context) (*listed, error) {
	b.goroot = b.tool.Root
	pkgs, err := b.list(ctx)
	if err != nil {
		return nil, err
	}
	if b.lacksGuest(ctx, pkgs) {
		l := library{}
		if err := l.addGuest(); err != nil {
			return nil, err
		}
		name := l.sum(shadowLayout, b.tool.Root, b.tool.Version)
		if b.goroot, err = writeShadow(b.cache, name, b.tool.Root, l, noLinks); err != nil {
			return nil, err
		}
		if pkgs, err = b.list(ctx); err != nil {
			return nil, err
		}
	}
	return b.main(pkgs)
}

// buildProcess makes a Linux program, whose devices are only told.
func (b *builder) buildProcess(ctx context.Context, name string, devices image.Manifest) (*Result, error) {
	o := b.opts
	if o.Output == "" {
		o.Output = filepath.Join(o.Dir, name)
	}
	linked := filepath.Join(b.tmp, "linked")
	args, env := []string{"build", "-buildvcs=false", "-o", linked}, b.env()
	if o.Race {
		args, env = append(args, "-race"), append(env, "CGO_ENABLED=1")
	}
	var stderr bytes.Buffer
	if _, err := b.tool.run(ctx, b.dir, env, &stderr, b.with(args...)...); err != nil {
		return nil, goFailed("go build", &stderr, err)
	}
	if o.Stderr != nil {
		o.Stderr.Write(stderr.Bytes())
	}
	if err := copyFile(linked, o.Output); err != nil {
		return nil, err
	}
	info, err := os.Stat(o.Output)
	if err != nil {
		return nil, err
	}
	return &Result{Output: o.Output, SizeBytes: info.Size(), Manifest: devices, GoVersion: b.tool.Version}, nil
}
