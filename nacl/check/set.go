package check

import (
	"net/netip"

	"tender/nacl/diag"
	"tender/nacl/program"
	"tender/nacl/syntax"
)

// member is a value or range of a set. The names of ICMP types stay what they
// are until it is known what they are compared with; a field is as good as its
// value.
type member struct {
	program.Range
	word  *predefined
	field program.Field
	at    diag.Span
}

// maxScalars bounds the members of all sets of a program together.
const maxScalars = 1 << 19

// setKey names the members of a set that have a shape. Sets that many
// conditions use are made once.
type setKey struct {
	first *member
	size  int
	shape program.Shape
	icmp6 bool
}

// scalar is the value of a constant that is compared with a field, or with
// another constant if that is NoField.
func (c *checker) scalar(m meaning, with program.Field) (program.Scalar, bool) {
	if m.word != nil {
		return c.predefined(m, with)
	}
	switch v := m.literal.(type) {
	case *syntax.Int:
		return program.Whole(v.Value), true
	case *syntax.Decimal:
		return program.Scalar{Shape: program.Number, IsDecimal: true, Decimal: v.Value}, true
	case *syntax.Bool:
		return program.Scalar{Shape: program.Truth, Truth: v.Value}, true
	case *syntax.Addr:
		return program.Address(v.Value), true
	}
	return program.Scalar{}, false
}

func (c *checker) predefined(m meaning, with program.Field) (program.Scalar, bool) {
	w := m.word
	switch {
	case w.unusable != "":
		c.errorf(m.at, "%s cannot be used here: %s", w.name, w.unusable)
		return program.Scalar{}, false
	case with == program.ICMP6Type && w.icmp6 == no6:
		c.errorf(m.at, "%s is no type of ICMPv6", w.name)
		return program.Scalar{}, false
	case with == program.ICMP6Type && w.icmp6 != same6:
		return program.Whole(w.icmp6), true
	case with == program.ICMPType && w.only6():
		c.errorf(m.at, "%s is a type of ICMPv6 only: compare it with icmp6.type", w.name)
		return program.Scalar{}, false
	}
	return w.value, true
}

// flatten is all that is in a set, lists and objects in it and names followed.
func (c *checker) flatten(m meaning) ([]member, bool) {
	if n := m.node; n != nil {
		return c.flattenNode(n, m)
	}
	switch v := m.literal.(type) {
	case *syntax.List:
		return c.flattenList(v, m)
	case *syntax.Object:
		values := make([]syntax.Value, len(v.Pairs))
		for i, p := range v.Pairs {
			values[i] = p.Value
		}
		return c.flattenAll(values)
	}
	r, ok := c.rangeOf(m)
	if !ok {
		return nil, false
	}
	return []member{r}, c.count(1, m.at)
}

// count bounds the members of sets.
func (c *checker) count(n int, at diag.Span) bool {
	if c.scalars += n; c.scalars > maxScalars {
		c.errorf(at, "the sets of this program have more than %d members", maxScalars)
		return false
	}
	return true
}

// flattenNode is flatten for an object; it is done once for each.
func (c *checker) flattenNode(n *node, m meaning) ([]member, bool) {
	if n.set != nil {
		return n.set, true
	}
	if n.state == busy {
		c.errorf(m.at, "%s contains itself", c.source(m.at))
		return nil, false
	}
	n.state = busy
	defer func() { n.state = done }()
	var all []member
	for _, child := range n.members {
		var set []member
		ok := false
		if child.kind == object {
			set, ok = c.flattenNode(child, meaning{at: m.at, node: child})
		} else {
			set, ok = c.flattenValue(child.value)
		}
		if !ok {
			return nil, false
		}
		if !c.count(len(set), m.at) {
			return nil, false
		}
		all = append(all, set...)
	}
	n.set = all
	return all, true
}

func (c *checker) flattenAll(values []syntax.Value) ([]member, bool) {
	var all []member
	for _, v := range values {
		set, ok := c.flattenValue(v)
		if !ok {
			return nil, false
		}
		if !c.count(len(set), v.Place()) {
			return nil, false
		}
		all = append(all, set...)
	}
	return all, true
}

func (c *checker) flattenValue(v syntax.Value) ([]member, bool) {
	m, ok := c.meaning(v)
	if !ok {
		return nil, false
	}
	return c.flatten(m)
}

// flattenList is flatten for a list; it is done once for each.
func (c *checker) flattenList(l *syntax.List, m meaning) ([]member, bool) {
	set, found := c.lists[l]
	switch {
	case found && set == nil:
		c.errorf(m.at, "%s contains itself", c.source(m.at))
		return nil, false
	case found:
		return set, true
	}
	c.lists[l] = nil // until it is known
	set, ok := c.flattenAll(l.Items)
	if !ok {
		delete(c.lists, l)
		return nil, false
	}
	c.lists[l] = set
	return set, true
}

// rangeOf is a member that is no list and no object.
func (c *checker) rangeOf(m meaning) (member, bool) {
	switch v := m.literal.(type) {
	case *syntax.Prefix:
		low, high := bounds(v.Value)
		return member{Range: program.Range{Low: program.Address(low), High: program.Address(high)}}, true
	case *syntax.Range:
		low, _ := c.scalar(meaning{literal: v.Low}, program.NoField)
		high, _ := c.scalar(meaning{literal: v.High}, program.NoField)
		return member{Range: program.Range{Low: low, High: high}}, true
	case *syntax.String:
		c.errorf(m.at, "a string cannot be compared, and is in a set")
		return member{}, false
	}
	switch {
	case m.element != nil:
		c.errorf(m.at, "%s cannot be in a set: it is no value", m.element.name.Text)
		return member{}, false
	case m.field != program.NoField:
		return member{field: m.field, at: m.at}, true
	case m.word != nil && m.word.unusable == "":
		return member{Range: program.Range{Low: m.word.value, High: m.word.value}, word: m.word}, true
	}
	s, ok := c.scalar(m, program.NoField)
	return member{Range: program.Range{Low: s, High: s}}, ok
}

// bounds are the first and the last address of a network.
func bounds(p netip.Prefix) (low, high netip.Addr) {
	low = p.Masked().Addr()
	b := low.AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	high, _ = netip.AddrFromSlice(b)
	return low, high
}

// ranges are the constant members of a set that an operand can be.
func (c *checker) ranges(set []member, with program.Operand) []program.Range {
	key := setKey{&set[0], len(set), with.Shape(), with.Field == program.ICMP6Type}
	if all, ok := c.sets[key]; ok {
		return all
	}
	var all []program.Range
	for _, m := range set {
		if m.field != program.NoField || m.Low.Shape != key.shape {
			continue
		}
		if m.word != nil && key.icmp6 && m.word.icmp6 != same6 {
			if m.word.icmp6 == no6 {
				continue
			}
			value := program.Whole(m.word.icmp6)
			m.Low, m.High = value, value
		}
		all = append(all, m.Range)
	}
	c.sets[key] = all
	return all
}
