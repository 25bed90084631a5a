package toolchain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"tender"
)

// imageTags are the build tags of every image.
var imageTags = []string{"tender", "netgo", "osusergo"}

// builder runs the go command for one program.
type builder struct {
	tool    *goTool
	dir     string // where the go command runs
	pattern string
	cache   string
	tmp     string
	opts    *Options

	modules []string          // environment of the go command about modules
	goroot  string            // the image's standard library
	net     bool              // the program uses package net
	overlay map[string]string // files of the program that differ in the image
	extra   []string          // files besides pattern, if that is a file
	calling []string          // packages whose assembly makes system calls
}

// listed is what we need of go list.
type listed struct {
	ImportPath, Name, Dir string
	Standard, DepOnly     bool
	SFiles                []string
	Error                 *struct{ Pos, Err string }
}

// prepare finds the main package and decides what it is linked with.
func (b *builder) prepare(ctx context.Context) (*listed, error) {
	if b.opts.Process {
		return b.prepareProcess(ctx)
	}
	if err := b.home(ctx, false, false); err != nil {
		return nil, err
	}
	pkgs, err := b.list(ctx)
	if err != nil {
		return nil, err
	}
	b.net = uses(pkgs, "net")
	if guest := b.lacksGuest(ctx, pkgs); b.net || guest {
		if err := b.home(ctx, b.net, guest); err != nil {
			return nil, err
		}
		if pkgs, err = b.list(ctx); err != nil {
			return nil, err
		}
	}
	main, err := b.main(pkgs)
	if err != nil {
		return nil, err
	}
	b.overlay = map[string]string{}
	if b.net {
		if err := b.linkNetwork(ctx, main); err != nil {
			return nil, err
		}
	}
	if err := b.findCalling(pkgs); err != nil {
		return nil, err
	}
	return main, b.writeOverlay()
}

// linkNetwork adds a file to the program that imports networkPackage. Tests get
// it in the package under test, whose variables may need the network; if that
// is one that networkPackage depends on, in its external tests.
func (b *builder) linkNetwork(ctx context.Context, main *listed) error {
	name, pkg := "zz_tender.go", main.Name
	if b.opts.Tests != nil {
		name = "zz_tender_test.go"
		under, err := b.underNetwork(ctx, main)
		if err != nil {
			return err
		}
		if under {
			pkg += "_test"
		}
	}
	source := fmt.Sprintf("package %s\n\nimport _ %q\n", pkg, networkPackage)
	if strings.HasSuffix(b.pattern, ".go") {
		b.extra = append(b.extra, name)
	}
	return b.replace(filepath.Join(main.Dir, name), []byte(source))
}

// underNetwork says whether networkPackage depends on a package.
func (b *builder) underNetwork(ctx context.Context, p *listed) (bool, error) {
	var stderr bytes.Buffer
	out, err := b.tool.run(ctx, b.dir, b.env(), &stderr, "list", "-deps", "-tags="+strings.Join(imageTags, ","), networkPackage)
	if err != nil {
		return false, goFailed("go list", &stderr, err)
	}
	return slices.Contains(strings.Fields(string(out)), p.ImportPath), nil
}

// home makes the standard library to build with: with the socket layer for
// programs that use package net, and with the guest packages in it for
// programs whose module has none.
func (b *builder) home(ctx context.Context, net, guest bool) error {
	l, err := homeLibrary(b.tool.Root, patches())
	if err == nil && net {
		l["syscall/ztender.go"] = []byte(socketHook)
		err = l.patch(b.tool.Root, socketPatches())
	}
	if err == nil && guest {
		err = l.addGuest()
	}
	if err != nil {
		return err
	}
	links, more := noLinks, ""
	if net && guest {
		links, more = func(l library) (map[string]string, error) { return l.vendor(ctx, b.tool, b.cache) }, string(tender.GoSum)
	}
	b.goroot, err = writeShadow(b.cache, l.sum(shadowLayout, b.tool.Root, b.tool.Version, more), b.tool.Root, l, links)
	return err
}

func noLinks(library) (map[string]string, error) { return nil, nil }

// lacksGuest says that the program needs guest packages that its module does
// not provide: most do not, tender's own module does.
func (b *builder) lacksGuest(ctx context.Context, pkgs []*listed) bool {
	need := uses(pkgs, "net") && !b.opts.Process
	for _, p := range pkgs {
		need = need || strings.HasPrefix(p.ImportPath, "tender/") && p.Error != nil
	}
	if !need {
		return false
	}
	var stderr bytes.Buffer
	_, err := b.tool.run(ctx, b.dir, b.env(), &stderr, "list", "-m", "tender")
	return err != nil
}

// list is go list of the program and all it depends on.
func (b *builder) list(ctx context.Context) ([]*listed, error) {
	var stderr bytes.Buffer
	verb := []string{"list", "-e", "-deps", "-json=ImportPath,Name,Dir,Standard,DepOnly,SFiles,Error"}
	if b.opts.Tests != nil {
		verb = append(verb, "-test")
	}
	args := b.with(verb...)
	out, err := b.tool.run(ctx, b.dir, b.env(), &stderr, args...)
	if err != nil {
		return nil, goFailed("go list", &stderr, err)
	}
	var pkgs []*listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(listed)
		if err := dec.Decode(p); errors.Is(err, io.EOF) {
			return pkgs, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		pkgs = append(pkgs, p)
	}
}

// main is the package that was asked for, if it can become an image.
func (b *builder) main(pkgs []*listed) (main *listed, err error) {
	tests := b.opts.Tests != nil
	for _, p := range pkgs {
		switch {
		case p.Error != nil && strings.HasPrefix(p.ImportPath, "tender/"):
			return nil, fmt.Errorf("%s imports a package that this tender does not have: %s", b.opts.Package, p.ImportPath)
		case p.Error != nil && p.Error.Pos != "":
			return nil, fmt.Errorf("%s: %s", p.Error.Pos, p.Error.Err)
		case p.Error != nil:
			return nil, errors.New(p.Error.Err)
		case p.DepOnly, tests && p.ImportPath != b.pattern:
		case main != nil:
			return nil, fmt.Errorf("%s names several packages: name one main package", b.opts.Package)
		default:
			main = p
		}
	}
	switch {
	case main == nil:
		return nil, fmt.Errorf("%s names no package", b.opts.Package)
	case main.Name != "main" && !tests:
		return nil, fmt.Errorf("%s is package %s: only a main package can become an image", b.opts.Package, main.Name)
	}
	return main, nil
}

func uses(pkgs []*listed, path string) bool {
	for _, p := range pkgs {
		// Packages are compiled again for a test: "net [os.test]".
		if plain, _, _ := strings.Cut(p.ImportPath, " "); plain == path {
			return true
		}
	}
	return false
}

// syscallInstruction is how the standard library writes it, syscallMnemonic is
// what any assembly has in it that makes system calls.
var (
	syscallInstruction = regexp.MustCompile(`(?m)^\tSYSCALL$`)
	syscallMnemonic    = regexp.MustCompile(`\bSYSCALL\b`)
)

// findCalling notes packages of modules with assembly that makes system calls
// of its own, such as golang.org/x/sys/unix.
func (b *builder) findCalling(pkgs []*listed) error {
	for _, p := range pkgs {
		if p.Standard {
			continue
		}
		for _, f := range p.SFiles {
			src, err := os.ReadFile(filepath.Join(p.Dir, f))
			if err != nil {
				return err
			}
			plain, _, _ := strings.Cut(p.ImportPath, " ")
			if syscallMnemonic.Match(src) && !slices.Contains(b.calling, plain) {
				b.calling = append(b.calling, plain)
			}
		}
	}
	return nil
}

// asmFlags make SYSCALL a macro of the assembler in the packages that
// findCalling has found: the go command lets no overlay change files of its
// module cache.
func (b *builder) asmFlags() []string {
	var flags []string
	for _, path := range b.calling {
		flags = append(flags, fmt.Sprintf("-asmflags=%s='-D=SYSCALL=%s'", path, strings.ReplaceAll(strings.TrimSpace(kernelCall), "\t", " ")))
	}
	return flags
}

// replace gives a file of the program other contents in the image.
func (b *builder) replace(file string, contents []byte) error {
	name := filepath.Join(b.tmp, fmt.Sprintf("replaced-%d%s", len(b.overlay), filepath.Ext(file)))
	b.overlay[file] = name
	return os.WriteFile(name, contents, 0o644)
}

// with completes the arguments of go list and go build.
func (b *builder) with(args ...string) []string {
	if b.opts.Process {
		args = append(args, "-tags="+strings.Join(b.opts.Tags, ","))
	} else {
		tags := append(append([]string{}, imageTags...), b.opts.Tags...)
		args = append(append(args, "-tags="+strings.Join(tags, ","), "-trimpath"), b.asmFlags()...)
	}
	if b.overlay != nil {
		args = append(args, "-overlay="+filepath.Join(b.tmp, "overlay.json"))
	}
	if b.opts.Tests == nil {
		args = append(args, "--") // go test has no such word, and an import path is none
	}
	return append(append(args, b.pattern), b.extra...)
}

// writeOverlay stores what replace was told.
func (b *builder) writeOverlay() error {
	text, err := json.Marshal(map[string]any{"Replace": b.overlay})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.tmp, "overlay.json"), text, 0o644)
}

func (b *builder) env() []string { return append(b.modules, "GOROOT="+b.goroot) }
