package check

import (
	"strings"

	"tender/nacl/diag"
	"tender/nacl/program"
	"tender/nacl/syntax"
)

// meaning is what a value stands for, names followed to their end. One of the
// fields is set: node for objects, or literal, element for a whole element
// with a type and functions, word for predefined names, field for properties.
type meaning struct {
	at      diag.Span
	node    *node
	literal syntax.Value
	element *element
	word    *predefined
	field   program.Field
}

// maxHops bounds how many names are followed, one leading to the next.
const maxHops = 64

// meaning finds what a value stands for; false if that was reported.
func (c *checker) meaning(v syntax.Value) (meaning, bool) {
	at := v.Place()
	for range maxHops {
		name, ok := v.(*syntax.Name)
		if !ok {
			return meaning{at: at, literal: v}, true
		}
		m, n, ok := c.resolve(name)
		if n == nil || !ok {
			m.at = at
			return m, ok
		}
		if n.kind == object {
			return meaning{at: at, node: n}, true
		}
		v = n.value
	}
	c.errorf(at, "%s leads to itself, or to more than %d names, one after the other", c.source(at), maxHops)
	return meaning{}, false
}

// resolve finds what a name stands for: a node of a constant or of a member,
// or another meaning.
func (c *checker) resolve(name *syntax.Name) (meaning, *node, bool) {
	words := name.Words
	e := c.elements[words[0].Text]
	if e == nil {
		return c.builtin(name)
	}
	if e.broken && len(words) == 1 && e.function == nil {
		return meaning{}, nil, false
	}
	if len(words) == 1 && (e.function != nil || e.typ != "") {
		return meaning{element: e}, nil, true
	}
	if e.function != nil {
		c.errorf(name.Place(), "%s is a function: it has no members", words[0].Text)
		return meaning{}, nil, false
	}
	n := e.root
	for i, w := range words[1:] {
		n = c.behind(n)
		var next *node
		if n != nil && n.kind == object {
			next = n.member(w.Text)
		}
		if next == nil && e.broken {
			return meaning{}, nil, false
		}
		if next == nil {
			c.errorf(w.Span, "%s has no member %s", joined(words[:i+1]), w.Text)
			return meaning{}, nil, false
		}
		n = next
	}
	return meaning{}, n, true
}

// behind follows a leaf that is the name of an object, so that its members can
// be reached; nil if there is none.
func (c *checker) behind(n *node) *node {
	for range maxHops {
		if n.kind == object {
			return n
		}
		name, ok := n.value.(*syntax.Name)
		if !ok {
			return nil
		}
		e := c.elements[name.Words[0].Text]
		if e == nil || e.root == nil {
			return nil
		}
		n = e.root
		for _, w := range name.Words[1:] {
			if n = n.member(w.Text); n == nil {
				return nil
			}
		}
	}
	return nil
}

// builtin finds the meaning of a name that no element has.
func (c *checker) builtin(name *syntax.Name) (meaning, *node, bool) {
	first := name.Words[0]
	if len(name.Words) == 1 {
		if w := lookup(first.Text); w != nil {
			return meaning{word: w}, nil, true
		}
		c.undefined(first)
		return meaning{}, nil, false
	}
	known := false
	for f := program.NoField + 1; f < program.Fields; f++ {
		if info := program.Info[f]; strings.EqualFold(info.Protocol, first.Text) {
			known = true
			if len(name.Words) == 2 && strings.EqualFold(info.Name, name.Words[1].Text) {
				return meaning{field: f}, nil, true
			}
		}
	}
	if known {
		c.errorf(name.Place(), "there is no property %s: %s", name, properties(first.Text))
	} else {
		c.undefined(first)
	}
	return meaning{}, nil, false
}

// properties lists those of a protocol.
func properties(protocol string) string {
	var all []string
	for f := program.NoField + 1; f < program.Fields; f++ {
		if strings.EqualFold(program.Info[f].Protocol, protocol) {
			all = append(all, program.Info[f].Name)
		}
	}
	return strings.ToLower(protocol) + " has " + alternatives(all, "and")
}

// alternatives joins words: a, b or c.
func alternatives(words []string, conjunction string) string {
	if len(words) == 1 {
		return words[0]
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " " + conjunction + " " + words[last]
}

// constants reports names in constants that stand for nothing or for a value
// that a constant cannot have, and constants made of themselves.
func (c *checker) constants() {
	for _, e := range c.ordered {
		if e.root != nil && e.typ == "" {
			c.constant(e.root, 0)
		}
	}
}

func (c *checker) constant(n *node, depth int) {
	switch {
	case n.state == done:
		return
	case n.state == busy || depth > maxHops:
		c.errorf(n.key.Span, "%s is made of itself, or of more than %d names, one after the other", n.key.Text, maxHops)
		return
	}
	n.state = busy
	for _, m := range n.members {
		c.constant(m, depth+1)
	}
	if n.value != nil {
		c.constantValue(n.value, depth)
	}
	n.state = done
}

func (c *checker) constantValue(v syntax.Value, depth int) {
	switch v := v.(type) {
	case *syntax.List:
		for _, item := range v.Items {
			c.constantValue(item, depth)
		}
	case *syntax.Object:
		for _, p := range v.Pairs {
			c.constantValue(p.Value, depth)
		}
	case *syntax.Name:
		m, n, ok := c.resolve(v)
		switch {
		case !ok:
		case m.field != program.NoField:
			c.errorf(v.Place(), "%s is different in each packet: it cannot be in a constant", v)
		case n != nil:
			c.constant(n, depth+1)
		}
	}
}
