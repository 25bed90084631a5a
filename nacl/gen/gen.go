// Package gen makes Go of a checked NaCl program: a main package that declares
// the appliance and has a function for each function of the program.
//
// A rule set is compiled, not interpreted. Runs of conditions that compare one
// field with constants become tables (see package ruleset): from the field's
// value to what the rules do for it, as if they were tried one after the
// other. What the rules ask about other fields is treated the same way in the
// cases of the table, so that long lists become trees.
package gen

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"slices"
	"strings"

	"tender/nacl/diag"
	"tender/nacl/program"
)

// generator is the work on one program.
type generator struct {
	program *program.Program
	// code are functions, helpers parts of them, data are tables.
	code, helpers, data strings.Builder
	// tables are the names of tables by what they are.
	tables map[string]string
	// logs is how many log statements there are, shapes the functions that they
	// share.
	logs   int
	shapes map[string]string
	// name is the Go function under way, parts counts its helpers.
	name  string
	parts int
}

// Files is the text of the Go files of the package, by their names.
type Files map[string][]byte

// Package makes the main package of a program. NICs are the names of its
// network devices, as Devices returns them or as a manifest has them. The text
// is formatted as gofmt does.
func Package(p *program.Program, nics []string) (Files, error) {
	files, err := Rules(p, "main")
	if err != nil {
		return nil, err
	}
	g := &generator{program: p}
	text, err := g.declaration(nics)
	if err != nil {
		return nil, err
	}
	files["main.go"], err = source(p, "main", text)
	return files, err
}

// Rules makes only the functions, chains and tables of a program, in a package
// that is to have a variable log of type *journal.Journal.
func Rules(p *program.Program, pkg string) (Files, error) {
	g := &generator{program: p, tables: map[string]string{}, shapes: map[string]string{}}
	for _, f := range p.Functions {
		if f.Used {
			g.logs += countLogs(f.Body)
		}
	}
	for _, f := range p.Functions {
		if f.Used {
			g.function(f)
			g.code.WriteString(g.helpers.String())
			g.helpers.Reset()
		}
	}
	g.chains()
	files := Files{}
	for name, text := range map[string]string{"rules.go": sparse(g.code.String()), "tables.go": g.data.String()} {
		if text == "" {
			continue
		}
		var err error
		if files[name], err = source(p, pkg, text); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// sparse leaves out a comment that says where code is from if the one before it
// said the same.
func sparse(code string) string {
	var b strings.Builder
	last := ""
	for line := range strings.Lines(code) {
		if strings.HasPrefix(line, "// ") || strings.HasPrefix(line, "func ") {
			if line == last {
				continue
			}
			last = line
		}
		b.WriteString(line)
	}
	return b.String()
}

// imports are the packages that generated files use, by name.
var imports = map[string]string{
	"time": "time", "appliance": "tender/guest/net/appliance", "flow": "tender/guest/net/flow",
	"journal": "tender/guest/net/journal", "packet": "tender/guest/net/packet",
	"ruleset": "tender/guest/net/ruleset", "wire": "tender/guest/net/wire",
}

// source is a whole file: its head, the imports it needs, and the text.
func source(p *program.Program, pkg, text string) ([]byte, error) {
	head := fmt.Sprintf("// Code generated from %s by tender nacl; DO NOT EDIT.\n\npackage %s\n\n", path.Base(p.Source.Name), pkg)
	wrong := func(err error) ([]byte, error) {
		return nil, fmt.Errorf("%s: the Go made of it is wrong, please report this: %w", p.Source.Name, err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), "", head+text, parser.SkipObjectResolution)
	if err != nil {
		return wrong(err)
	}
	used := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok {
				used[x.Name] = true
			}
		}
		return true
	})
	var b strings.Builder
	b.WriteString(head + "import (\n")
	for _, name := range slices.Sorted(maps.Keys(imports)) {
		if used[name] {
			fmt.Fprintf(&b, "%q\n", imports[name])
		}
	}
	out, err := format.Source([]byte(b.String() + ")\n\n" + text))
	if err != nil {
		return wrong(err)
	}
	return out, nil
}

// where is a place in the source, for comments.
func (g *generator) where(at diag.Span) string {
	line, _ := g.program.Source.Position(at.Start)
	return fmt.Sprintf("%s:%d", path.Base(g.program.Source.Name), line)
}
