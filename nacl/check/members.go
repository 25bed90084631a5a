package check

import (
	"net/netip"
	"slices"
	"strings"

	"tender/nacl/diag"
	"tender/nacl/program"
	"tender/nacl/syntax"
)

// members is an object whose keys are known.
type members struct {
	*checker
	// what it is, as in "an Iface", and where.
	what string
	at   diag.Span
	node *node
	// silent says that missing members are no further error.
	silent bool
}

// open checks the keys of an object. It returns false if it is none.
func (c *checker) open(n *node, what string, at diag.Span, silent bool, keys ...string) (*members, bool) {
	if n == nil || n.kind != object {
		c.errorf(at, "%s is an object: { %s: …, … }", what, keys[0])
		return nil, false
	}
	for _, m := range n.members {
		if !slices.Contains(keys, n.canonical(m.key.Text)) {
			c.errorf(m.key.Span, "%s has no member %s: there are %s", what, m.key.Text, alternatives(keys, "and"))
		}
	}
	return &members{c, what, at, n, silent}, true
}

func (m *members) has(key string) bool { return m.node.member(key) != nil }

// place is that of a member's value, for messages.
func (m *members) place(key string) diag.Span {
	n := m.node.member(key)
	if n.value != nil {
		return n.value.Place()
	}
	return n.key.Span
}

// require reports members that are missing.
func (m *members) require(keys ...string) bool {
	keys = slices.DeleteFunc(slices.Clone(keys), m.has)
	switch {
	case len(keys) == 0:
		return true
	case m.silent:
	case len(keys) == 1:
		m.errorf(m.at, "%s needs the member %s", m.what, keys[0])
	default:
		m.errorf(m.at, "%s needs the members %s", m.what, alternatives(keys, "and"))
	}
	return false
}

// wrong reports a member that has the wrong kind of value.
func (m *members) wrong(key, needed string) {
	m.errorf(m.place(key), "%s is %s, and not %s", key, needed, m.source(m.place(key)))
}

// meaning is what a member's value stands for; false also if it is not there.
func (m *members) meaning(key string) (meaning, bool) {
	n := m.node.member(key)
	switch {
	case n == nil:
		return meaning{}, false
	case n.kind == object:
		return meaning{at: n.key.Span, node: n}, true
	}
	return m.checker.meaning(n.value)
}

// int is a whole number in bounds.
func (m *members) int(key string, low, high int64) (int, bool) {
	v, ok := m.meaning(key)
	if !ok {
		return 0, false
	}
	s, known := m.number(v)
	switch {
	case !known:
		m.errorf(m.place(key), "%s is a whole number from %d to %d, and not %s", key, low, high, m.source(m.place(key)))
	case s < low || s > high:
		m.errorf(m.place(key), "%s is %d to %d, and not %d", key, low, high, s)
	default:
		return int(s), true
	}
	return 0, false
}

// number is the value of a whole number, predefined ones included.
func (c *checker) number(v meaning) (int64, bool) {
	if v.word != nil && v.word.unusable == "" && v.word.value.Shape == program.Number {
		return v.word.value.Int, true
	}
	n, ok := v.literal.(*syntax.Int)
	if !ok {
		return 0, false
	}
	return n.Value, true
}

func (m *members) bool(key string) (value, ok bool) {
	v, ok := m.meaning(key)
	if !ok {
		return false, false
	}
	b, ok := v.literal.(*syntax.Bool)
	if !ok {
		m.wrong(key, "true or false")
		return false, false
	}
	return b.Value, true
}

// addr4 and addr6 are addresses of one family.
func (m *members) addr4(key string) (netip.Addr, bool) { return m.addr(key, "an IPv4 address", 32) }
func (m *members) addr6(key string) (netip.Addr, bool) { return m.addr(key, "an IPv6 address", 128) }

func (m *members) addr(key, needed string, bits int) (netip.Addr, bool) {
	v, ok := m.meaning(key)
	if !ok {
		return netip.Addr{}, false
	}
	a, ok := v.literal.(*syntax.Addr)
	if !ok || a.Value.BitLen() != bits {
		m.wrong(key, needed)
		return netip.Addr{}, false
	}
	return a.Value, true
}

// netmask is the number of bits of a netmask.
func (m *members) netmask(key string) (bits int, ok bool) {
	a, ok := m.addr4(key)
	if !ok {
		return 0, false
	}
	b := a.As4()
	mask := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	for bits < 32 && mask&(1<<31) != 0 {
		mask <<= 1
		bits++
	}
	if mask != 0 {
		m.errorf(m.place(key), "%s is no netmask: its ones are all on the left, as in 255.255.255.0", a)
		return 0, false
	}
	return bits, true
}

// prefix6 is an IPv6 address with the length of its network, which is behind a
// slash or the member prefix6.
func (m *members) prefix6(key string) (netip.Prefix, bool) {
	v, ok := m.meaning(key)
	if !ok {
		return netip.Prefix{}, false
	}
	if p, ok := v.literal.(*syntax.Prefix); ok && p.Value.Addr().Is6() {
		if m.has("prefix6") {
			m.errorf(m.place("prefix6"), "%s has a length already: leave out one of the two", key)
			return netip.Prefix{}, false
		}
		return p.Value, true
	}
	a, ok := m.addr6(key)
	if !ok {
		return netip.Prefix{}, false
	}
	if !m.has("prefix6") {
		m.errorf(m.place(key), "%s needs the length of its network: %s/64, or prefix6: 64", key, a)
		return netip.Prefix{}, false
	}
	bits, ok := m.int("prefix6", 0, 128)
	return netip.PrefixFrom(a, bits), ok
}

// word is one of some words; case does not matter.
func (m *members) word(key string, words ...string) (string, bool) {
	n := m.node.member(key)
	if n == nil {
		return "", false
	}
	if w, ok := oneOf(n.value, words); ok {
		return w, true
	}
	m.wrong(key, alternatives(words, "or"))
	return "", false
}

func oneOf(v syntax.Value, words []string) (string, bool) {
	name, ok := v.(*syntax.Name)
	if !ok || len(name.Words) != 1 {
		return "", false
	}
	for _, w := range words {
		if strings.EqualFold(w, name.Words[0].Text) {
			return w, true
		}
	}
	return "", false
}

// values are the items of a list, or the one value there is.
func (m *members) values(key string) []syntax.Value {
	n := m.node.member(key)
	if n == nil || n.value == nil {
		return nil
	}
	if l, ok := n.value.(*syntax.List); ok {
		return l.Items
	}
	return []syntax.Value{n.value}
}

// ifaceOf is the interface that a member names.
func (m *members) ifaceOf(key string) (*program.Iface, bool) {
	v, ok := m.meaning(key)
	if !ok {
		return nil, false
	}
	if v.element == nil || v.element.typ != "Iface" {
		m.wrong(key, "the name of an Iface")
		return nil, false
	}
	i := m.ifaces[v.element]
	return i, i != nil
}

// object is the object that a member is or names.
func (m *members) object(key string) (*node, diag.Span, bool) {
	v, ok := m.meaning(key)
	if !ok {
		return nil, diag.Span{}, false
	}
	n := v.node
	if o, ok := v.literal.(*syntax.Object); ok {
		n = m.tree(syntax.Word{Span: v.at, Text: key}, o, m.node.fold)
	}
	if n == nil {
		m.wrong(key, "an object")
		return nil, diag.Span{}, false
	}
	return n, v.at, true
}
