package check

import (
	"strings"

	"tender/nacl/syntax"
)

// node is a value with what assignments have added to it.
type node struct {
	key  syntax.Word
	kind nodeKind
	// value is the value of a leaf.
	value syntax.Value
	// members are those of an object in the order of the source; in a Gateway
	// that is a list they have no keys.
	members []*node
	index   map[string]*node
	// fold says that keys are compared whatever their case.
	fold bool
	// state is for finding constants that are made of themselves; set is the
	// node as a set, once it was needed.
	state state
	set   []member
}

type nodeKind uint8

const (
	leaf nodeKind = iota
	object
)

func (n *node) canonical(key string) string {
	if n.fold {
		return strings.ToLower(key)
	}
	return key
}

// member finds a member, nil if there is none.
func (n *node) member(key string) *node { return n.index[n.canonical(key)] }

// add puts a member in, which is not in yet.
func (n *node) add(m *node) {
	n.members = append(n.members, m)
	if m.key.Text != "" {
		n.index[n.canonical(m.key.Text)] = m
	}
}

func (c *checker) object(key syntax.Word, fold bool) *node {
	return &node{key: key, kind: object, index: map[string]*node{}, fold: fold}
}

// tree makes nodes of a value. Members that are set twice are reported.
func (c *checker) tree(key syntax.Word, v syntax.Value, fold bool) *node {
	o, ok := v.(*syntax.Object)
	if !ok {
		return &node{key: key, value: v, fold: fold}
	}
	n := c.object(key, fold)
	for _, p := range o.Pairs {
		if first := n.member(p.Key.Text); first != nil {
			c.errorf(p.Key.Span, "%s is set twice: first on line %d", p.Key.Text, c.line(first.key.Span))
			continue
		}
		n.add(c.tree(p.Key, p.Value, fold))
	}
	return n
}
