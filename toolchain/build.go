package toolchain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"tender/abi"
	"tender/image"
)

// Options say what to build.
type Options struct {
	// Package is a folder, a .go file or an import path of a main package.
	Package string
	// Dir is where Package is relative to; "" is the current directory.
	Dir string
	// Target is what the image's ABI note says; 0 is abi.TargetHVT. Our own
	// tender runs either image either way.
	Target abi.Target
	// Process makes an ordinary Linux program instead of an image, with the
	// devices of package guest taken from its environment: for debuggers,
	// profilers and, with Race, the race detector. It has its symbols in it, and
	// no Root.
	Process, Race bool
	// Output is the path of the image; "" is the package's name and ".hvt",
	// ".spt" or, of a program, nothing in the current directory.
	Output string
	// Manifest is the path of the manifest; "" is manifest.json beside the
	// package, if there is one.
	Manifest string
	// Devices come after those of the manifest.
	Devices image.Manifest
	// NoNet leaves out the network device that programs which use package net
	// get when nothing declares devices.
	NoNet bool
	// Root is a folder that becomes the image's file system, read-only as far
	// as the image is concerned; "" is none. Times of its files are kept with
	// RootTimes only, so that equal files make equal images.
	Root      string
	RootTimes bool
	// Tests, if not nil, is the package whose test binary becomes the image;
	// Package is not used then, manifests of packages are not read, and Output
	// must be given. Tests find the package's folder where it is on the host,
	// and Files, which are paths of the host.
	Tests *TestPackage
	Files []string
	// Tags are additional build tags.
	Tags []string
	// Debug, if not "", is where to keep the linked ELF file with its symbols
	// and debugging information, for gdb and go tool pprof. Symbols is the same
	// with the name of the image and ".debug". The image is no different for it.
	Debug   string
	Symbols bool
	// Cache is the folder for generated sources; "" is tender's folder in the
	// user's cache directory. The Go build cache is used besides.
	Cache string
	// Stderr gets warnings of the Go toolchain; nil discards them.
	Stderr io.Writer
}

// Result describes a finished build.
type Result struct {
	Output    string
	SizeBytes int64
	Manifest  image.Manifest
	GoVersion string
}

// Build compiles a main package with the Go toolchain in PATH and writes the
// image. The package's module is not changed. On error there is no output, and
// an older one is left as it was; compile errors are those of the go command.
func Build(ctx context.Context, o Options) (*Result, error) {
	if o.Package == "" {
		o.Package = "."
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	version, err := abiVersion(&o.Target)
	if err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp("", "tender-build-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	b := &builder{tmp: tmp, opts: &o}
	if o.Tests != nil {
		b.dir, b.pattern = o.Tests.from(o.Dir, tmp)
	} else if b.dir, b.pattern, err = locate(o.Dir, o.Package); err != nil {
		return nil, err
	}
	if b.tool, err = findGo(ctx, b.dir); err != nil {
		return nil, err
	}
	if b.cache, err = cacheDir(o.Cache); err != nil {
		return nil, err
	}
	if err := b.fetch(ctx); err != nil {
		return nil, err
	}
	pkg, err := b.prepare(ctx)
	if err != nil {
		return nil, err
	}
	devices, err := b.devices(pkg.Dir)
	if err != nil {
		return nil, err
	}
	name := b.name(pkg)
	if o.Process {
		return b.buildProcess(ctx, name, devices)
	}
	if o.Output == "" {
		o.Output = filepath.Join(o.Dir, name+"."+image.TargetName(o.Target))
	}
	if o.Symbols && o.Debug == "" {
		o.Debug = o.Output + ".debug"
	}
	spec := image.Spec{Target: o.Target, Version: version, Manifest: devices}
	return b.build(ctx, pkg, name, spec)
}

// check refuses options that exclude each other.
func (o *Options) check() error {
	switch {
	case o.Race && !o.Process:
		return errors.New("the race detector is for Linux programs, not for images")
	case o.Process && (o.Root != "" || o.Debug != "" || o.Symbols || o.Tests != nil):
		return errors.New("a Linux program has its symbols in it and finds its files where they are: no files, symbols or tests are made beside it")
	}
	return nil
}

// majorVersion is the last element of import paths of a module's later major
// versions.
var majorVersion = regexp.MustCompile(`/v[0-9]+$`)

// name is what the program is called, as the go command calls it.
func (b *builder) name(main *listed) string {
	switch {
	case b.opts.Tests != nil:
		return b.opts.Tests.Name() + ".test"
	case main.ImportPath == "command-line-arguments":
		return strings.TrimSuffix(filepath.Base(b.pattern), ".go")
	}
	return programName(main.ImportPath)
}

// programName is the last element of an import path that says something.
func programName(importPath string) string {
	return path.Base(majorVersion.ReplaceAllString(importPath, ""))
}

// abiVersion is the ABI version of a target that images can be made for; no
// target becomes hvt.
func abiVersion(t *abi.Target) (uint32, error) {
	switch *t {
	case 0:
		*t = abi.TargetHVT
		return abi.VersionHVT, nil
	case abi.TargetHVT:
		return abi.VersionHVT, nil
	case abi.TargetSPT:
		return abi.VersionSPT, nil
	}
	return 0, fmt.Errorf("images are made for the targets hvt and spt, not for %s", image.TargetName(*t))
}

// locate turns the package argument into a directory to run the go command in
// and a pattern there, so that packages of any module can be named by path.
func locate(base, arg string) (dir, pattern string, err error) {
	p := arg
	if !filepath.IsAbs(p) {
		p = filepath.Join(base, p)
	}
	st, err := os.Stat(p)
	switch {
	case err == nil && st.IsDir():
		return p, ".", nil
	case err == nil && strings.HasSuffix(p, ".go"):
		return filepath.Dir(p), filepath.Base(p), nil
	case err == nil:
		return "", "", fmt.Errorf("%s is neither a folder with a main package nor a .go file", arg)
	case strings.HasPrefix(arg, ".") || filepath.IsAbs(arg):
		return "", "", fmt.Errorf("no package at %s: %w", arg, err)
	}
	if base == "" {
		base = "."
	}
	return base, arg, nil
}

func cacheDir(dir string) (string, error) {
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no cache folder (%w): set XDG_CACHE_HOME or HOME", err)
		}
		dir = filepath.Join(user, "tender")
	}
	return filepath.Abs(dir)
}

// defaultNIC is the network device of a program that uses package net, when
// nothing declares devices.
const defaultNIC = "net0"

// devices reads the manifest and adds the devices of the options.
func (b *builder) devices(pkgDir string) (image.Manifest, error) {
	o, file := b.opts, b.opts.Manifest
	if file == "" && o.Tests == nil {
		file = filepath.Join(pkgDir, "manifest.json")
		if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
			file = ""
		}
	}
	var m image.Manifest
	if file != "" {
		var err error
		if m, err = image.ReadManifestJSON(file); err != nil {
			return nil, err
		}
	}
	m = append(m, o.Devices...)
	if file == "" && len(m) == 0 && b.net && !o.NoNet && o.Tests == nil {
		m = image.Manifest{{Name: defaultNIC, Type: abi.DeviceNet}}
	}
	if err := m.Check(); err != nil {
		return nil, err
	}
	return m, nil
}

// build links the program and turns it into an image.
// It completes spec.
func (b *builder) build(ctx context.Context, main *listed, name string, spec image.Spec) (*Result, error) {
	linked := filepath.Join(b.tmp, "linked")
	profile, err := b.pgo(main)
	if err != nil {
		return nil, err
	}
	ldflags := fmt.Sprintf("-T %#x -E %s.start -X %s.Program=%s", textAddr, kernelPath, kernelPath, name)
	if b.opts.Debug == "" {
		ldflags += " -w"
	}
	verb := []string{"build"}
	if b.opts.Tests != nil {
		verb = []string{"test", "-c"}
		ldflags += fmt.Sprintf(" -X runtime.defaultGOROOT=%s -X testing.tenderDirectory=%s", b.tool.Root, b.opts.Tests.Dir)
	}
	verb = append(append(verb, profile...), "-buildvcs=false", "-buildmode=exe", "-ldflags="+ldflags, "-o", linked)
	args := b.with(verb...)
	var stderr bytes.Buffer
	if _, err := b.tool.run(ctx, b.dir, b.env(), &stderr, args...); err != nil {
		return nil, goFailed("go "+verb[0], &stderr, err)
	}
	if b.opts.Stderr != nil {
		b.opts.Stderr.Write(stderr.Bytes())
	}
	archive, err := readLinked(linked, &spec)
	if err != nil {
		return nil, err
	}
	if err := b.embed(&spec, archive); err != nil {
		return nil, err
	}
	size, err := writeImage(b.opts.Output, &spec)
	if err != nil {
		return nil, err
	}
	if b.opts.Debug != "" {
		if err := copyFile(linked, b.opts.Debug); err != nil {
			return nil, err
		}
	}
	return &Result{Output: b.opts.Output, SizeBytes: size, Manifest: spec.Manifest, GoVersion: b.tool.Version}, nil
}

// goFailed prefers the go command's own words.
func goFailed(what string, stderr *bytes.Buffer, err error) error {
	if text := strings.TrimSpace(stderr.String()); text != "" {
		return errors.New(text)
	}
	return fmt.Errorf("%s: %w", what, err)
}
