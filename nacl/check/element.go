package check

import (
	"slices"
	"strings"

	"tender/nacl/diag"
	"tender/nacl/program"
	"tender/nacl/syntax"
)

// element is what a name of the top level stands for: a constant, an element
// with a type, or a function.
type element struct {
	name syntax.Word
	// typ is the type in its usual spelling, "" for constants and functions.
	typ  string
	root *node
	// function, and what it becomes once it has been checked.
	function *syntax.Function
	checked  *program.Function
	// broken says that a part of it could not be read: what is missing is no
	// further error.
	broken bool
	// steps bounds what a call of the function executes.
	steps int
	state state
}

// state is how far a function or constant has been looked at.
type state uint8

const (
	untouched state = iota
	busy
	done
)

// types are the types of elements. Keys of some are compared whatever their
// case; of some there can be only one.
var types = []struct {
	name       string
	fold, only bool
}{
	{"Iface", true, false}, {"Gateway", true, true}, {"Conntrack", false, true},
	{"Load_balancer", false, false}, {"Syslog", false, true}, {"Timer", true, false},
}

// reservedFirst are names that mean protocols where a name begins with them.
var reservedFirst = []string{"tcp", "udp", "icmp", "ct", "ip"}

// collect fills elements, then applies assignments, those to shorter names
// first, since they may make what the longer ones add to.
func (c *checker) collect() {
	var assignments []*syntax.Untyped
	for _, d := range c.file.Decls {
		switch d := d.(type) {
		case *syntax.Broken:
			if e := c.elements[d.Name.Text]; e != nil {
				e.broken = true
			} else if d.Name.Text != "" {
				c.elements[d.Name.Text] = &element{name: d.Name, broken: true, root: c.object(d.Name, false)}
			}
		case *syntax.Typed:
			c.typed(d)
		case *syntax.Function:
			if d.Name.Text == "" {
				c.errorf(d.Head, "the name is missing: a function outside of functions has one")
				continue
			}
			c.add(&element{name: d.Name, function: d})
		case *syntax.Untyped:
			if len(d.Name.Words) > 1 {
				assignments = append(assignments, d)
				continue
			}
			e := &element{name: d.Name.Words[0]}
			e.root = c.tree(d.Name.Words[0], d.Value, false)
			c.add(e)
		}
	}
	slices.SortStableFunc(assignments, func(a, b *syntax.Untyped) int { return len(a.Name.Words) - len(b.Name.Words) })
	for _, a := range assignments {
		c.assign(a)
	}
}

func (c *checker) typed(d *syntax.Typed) {
	for _, t := range types {
		if !strings.EqualFold(t.name, d.Type.Text) {
			continue
		}
		e := &element{name: d.Name, typ: t.name}
		if t.only {
			for _, o := range c.ordered {
				if o.typ == t.name {
					c.errorf(d.Type.Span, "a second %s: there is one already, %s on line %d", t.name, o.name.Text, c.line(o.name.Span))
					return
				}
			}
		}
		e.root = c.typedTree(t.name, d, t.fold)
		c.add(e)
		return
	}
	if strings.EqualFold(d.Type.Text, "Vlan") {
		c.errorf(d.Type.Span, "there is no type Vlan: write Iface %s { vlan: …, index: … }", d.Name.Text)
		return
	}
	c.errorf(d.Type.Span, "there is no type %s: Iface, Gateway, Conntrack, Load_balancer, Syslog or Timer", d.Type.Text)
}

// typedTree is tree for the short forms that some types have too.
func (c *checker) typedTree(typ string, d *syntax.Typed, fold bool) *node {
	n := c.object(d.Name, fold)
	switch v := d.Value.(type) {
	case *syntax.Name:
		if typ == "Iface" { // Iface eth0 dhcp is Iface eth0 { config: dhcp }
			n.add(&node{key: syntax.Word{Span: v.Place(), Text: "config"}, value: v, fold: fold})
			return n
		}
	case *syntax.List:
		if typ == "Gateway" { // routes without names
			for _, item := range v.Items {
				n.add(c.tree(syntax.Word{Span: item.Place()}, item, fold))
			}
			return n
		}
	}
	return c.tree(d.Name, d.Value, fold)
}

// add makes an element known, unless its name is bad or taken.
func (c *checker) add(e *element) {
	name := e.name.Text
	if strings.Contains(name, "-") {
		c.errorf(e.name.Span, "the name %s has a -: only members of objects may have one", name)
	}
	if slices.Contains(reservedFirst, strings.ToLower(name)) {
		c.errorf(e.name.Span, "no element can be called %s: that is a protocol", name)
		return
	}
	if other := c.elements[name]; other != nil && other.broken && other.typ == "" && other.function == nil {
		e.broken = true
	} else if other != nil {
		c.errorf(e.name.Span, "%s is defined twice: first on line %d", name, c.line(other.name.Span))
		return
	}
	c.elements[name] = e
	c.ordered = append(c.ordered, e)
}

// assign adds a value to an element: NAME.MEMBER: VALUE.
func (c *checker) assign(d *syntax.Untyped) {
	words := d.Name.Words
	e := c.elements[words[0].Text]
	switch {
	case slices.Contains(reservedFirst, strings.ToLower(words[0].Text)):
		c.errorf(words[0].Span, "no element can be called %s: that is a protocol", words[0].Text)
		return
	case e == nil:
		c.undefined(words[0])
		return
	case e.function != nil:
		c.errorf(d.Name.Place(), "%s is a function: it has no members", words[0].Text)
		return
	}
	n := e.root
	for i, w := range words[1:] {
		if n.kind == leaf {
			c.errorf(d.Name.Place(), "%s is no object: nothing can be added to it", joined(words[:i+1]))
			return
		}
		last := i == len(words)-2
		next := n.member(w.Text)
		switch {
		case last && next != nil:
			c.errorf(d.Name.Place(), "%s is defined twice: first on line %d", d.Name, c.line(next.key.Span))
			return
		case last:
			next = c.tree(w, d.Value, n.fold)
			next.key.Span = d.Name.Place()
			n.add(next)
		case next == nil && e.broken:
			return
		case next == nil:
			c.errorf(w.Span, "%s has no member %s to which something could be added", joined(words[:i+1]), w.Text)
			return
		}
		n = next
	}
}

func joined(words []syntax.Word) string { return (&syntax.Name{Words: words}).String() }

// undefined reports a name that stands for nothing, and one like it if there
// is one.
func (c *checker) undefined(w syntax.Word) {
	for _, e := range c.ordered {
		if strings.EqualFold(e.name.Text, w.Text) {
			c.errorf(w.Span, "%s is not defined; there is %s, and case matters", w.Text, e.name.Text)
			return
		}
	}
	c.errorf(w.Span, "%s is not defined", w.Text)
}

// place is where a whole element is spoken of.
func (e *element) place() diag.Span { return e.name.Span }
