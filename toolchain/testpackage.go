package toolchain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// TestPackage is a package that may have tests.
type TestPackage struct {
	ImportPath string
	// Dir is the package's folder.
	Dir string
	// Standard is true for packages of the standard library.
	Standard bool
	// TestGoFiles and XTestGoFiles are the files of the package's tests, the
	// latter of those in a package of their own; without any there is nothing
	// to build.
	TestGoFiles, XTestGoFiles []string
	// Error says why the go command cannot make sense of the package.
	Error *struct{ Pos, Err string }
}

// HasTests says whether there is a test binary to build.
func (p *TestPackage) HasTests() bool { return len(p.TestGoFiles)+len(p.XTestGoFiles) > 0 }

// Name is what programs made of the package are called.
func (p *TestPackage) Name() string { return programName(p.ImportPath) }

// Problem is the text of Error, "" if there is none.
func (p *TestPackage) Problem() string {
	switch {
	case p.Error == nil:
		return ""
	case p.Error.Pos == "":
		return p.Error.Err
	}
	return p.Error.Pos + ": " + p.Error.Err
}

// from is where to run the go command for the package, and what to call it
// there. Packages of the standard library are built outside of any module: one
// of ours would shadow the guest packages.
func (p *TestPackage) from(dir, outside string) (from, pattern string) {
	switch {
	case p.Standard:
		dir = outside
	case dir == "":
		dir = "."
	}
	return dir, p.ImportPath
}

// TestPackages are the packages that patterns of the go command name in the
// folder dir ("" is the current one), as they are for an image with the
// additional build tags. A package that is broken has an Error; patterns that
// match nothing give no packages.
func TestPackages(ctx context.Context, dir string, tags, patterns []string) ([]*TestPackage, error) {
	tool, err := findGo(ctx, dir)
	if err != nil {
		return nil, err
	}
	args := []string{"list", "-e", "-json=ImportPath,Dir,Standard,TestGoFiles,XTestGoFiles,Error",
		"-tags=" + strings.Join(append(append([]string{}, imageTags...), tags...), ","), "--"}
	var stderr bytes.Buffer
	out, err := tool.run(ctx, dir, nil, &stderr, append(args, patterns...)...)
	if err != nil {
		return nil, goFailed("go list", &stderr, err)
	}
	var pkgs []*TestPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(TestPackage)
		if err := dec.Decode(p); errors.Is(err, io.EOF) {
			return pkgs, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		pkgs = append(pkgs, p)
	}
}
