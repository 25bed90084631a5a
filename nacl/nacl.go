// Package nacl reads programs in NaCl, the language of firewalls, routers and
// load balancers that tender compiles into images. docs/nacl.md describes it.
//
// A text goes through syntax (tokens and a tree), check (names, kinds and values;
// the result is a program) and then to gen, which makes Go of it, or interp,
// which executes it.
package nacl

import (
	"fmt"
	"io"
	"os"
	"strings"

	"tender/nacl/check"
	"tender/nacl/diag"
	"tender/nacl/program"
	"tender/nacl/syntax"
)

// MaxBytes is the longest program that is read.
const MaxBytes = 4 << 20

// Read returns the text in a file; "-" is what stdin has. It refuses what is no
// text.
func Read(path string, stdin io.Reader) (*diag.Source, error) {
	if path == "-" {
		return read("stdin", stdin)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the program: %w", err)
	}
	defer f.Close()
	return read(path, f)
}

func read(name string, from io.Reader) (*diag.Source, error) {
	text, err := io.ReadAll(io.LimitReader(from, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the program: %w", err)
	}
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("%s is longer than %d MiB: a program is not", name, MaxBytes>>20)
	}
	if at := strings.IndexByte(string(text), 0); at >= 0 {
		return nil, fmt.Errorf("%s is no text: there is a zero byte at offset %d", name, at)
	}
	return diag.NewSource(name, string(text)), nil
}

// Load reads and checks a program. It must not be used if there are errors in the
// list.
func Load(src *diag.Source) (*program.Program, *diag.List) {
	errs := diag.NewList(src)
	f := syntax.Parse(src, errs)
	p := check.Check(f, errs)
	if len(f.Decls) == 0 && errs.Errors() == 0 {
		errs.Errorf(diag.Span{}, "nothing is declared here: a program has at least one Iface, constant or function")
	}
	return p, errs
}
