// Package check finds what a NaCl program means, and refuses what means nothing.
package check

import (
	"tender/nacl/diag"
	"tender/nacl/program"
	"tender/nacl/syntax"
)

// checker is the work on one program.
type checker struct {
	file *syntax.File
	errs *diag.List
	// elements are the names of the top level, in the order of the source too.
	elements map[string]*element
	ordered  []*element
	ifaces   map[*element]*program.Iface
	// scalars counts what was put into sets, to bound it.
	scalars int
	// lists are the sets of lists, nil while they are made; sets are the
	// ranges of sets.
	lists map[*syntax.List][]member
	sets  map[setKey][]program.Range
	// calls are the functions that are being checked, the callers first.
	calls []*element
	out   *program.Program
}

// Check returns the program in a file. If errs has errors afterwards, those of
// the parser included, the program is not complete and must not be used.
func Check(file *syntax.File, errs *diag.List) *program.Program {
	c := &checker{
		file: file, errs: errs,
		elements: map[string]*element{}, ifaces: map[*element]*program.Iface{},
		lists: map[*syntax.List][]member{}, sets: map[setKey][]program.Range{},
		out: &program.Program{Source: file.Source},
	}
	c.collect()
	c.constants()
	for _, e := range c.ordered {
		if e.function != nil {
			c.function(e)
		}
	}
	// Routes and balancers refer to interfaces.
	for _, e := range c.ordered {
		if e.typ == "Iface" {
			c.iface(e)
		}
	}
	for _, e := range c.ordered {
		switch e.typ {
		case "Gateway":
			c.gateway(e)
		case "Conntrack":
			c.conntrack(e)
		case "Load_balancer":
			c.balancer(e)
		case "Syslog":
			c.syslog(e)
		case "Timer":
			c.timer(e)
		}
	}
	c.together()
	return c.out
}

func (c *checker) errorf(at diag.Span, format string, args ...any) {
	c.errs.Errorf(at, format, args...)
}

// line is where a place is, for messages about another place.
func (c *checker) line(at diag.Span) int {
	line, _ := c.file.Source.Position(at.Start)
	return line
}

// source is the text of a value, shortened, for messages.
func (c *checker) source(at diag.Span) string {
	const most = 40
	text := c.file.Source.Slice(at)
	for i, r := range text {
		if r < ' ' || i > most {
			return text[:i] + "…"
		}
	}
	return text
}
