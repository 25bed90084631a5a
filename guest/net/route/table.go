// Package route finds the way to an address: longest prefix match, and among
// routes to the same prefix the one of least cost.
package route

import (
	"cmp"
	"fmt"
	"slices"

	"tender/guest/net/wire"
)

// Kind says what is at the end of a route.
type Kind uint8

// Kinds.
const (
	// Forward is a network beyond an interface.
	Forward Kind = iota
	// Local is an address of the router itself.
	Local
	// Own is like Forward, and only for what the router itself sends.
	Own
	// Broadcast is the directed broadcast address of a connected network, or
	// its network address.
	Broadcast
)

// Route is one entry. A NextHop of 0 means that destinations are neighbours.
type Route struct {
	Prefix  wire.Prefix4
	NextHop wire.Addr4
	Iface   int
	Cost    int
	Kind    Kind
}

// MaxRoutes bounds a table; a route needs at most 3 KiB.
const MaxRoutes = 1 << 16

// Table is immutable, and safe for concurrent use.
//
// It is a trie over the address's four bytes: each node has 256 entries, and an
// entry is a route, or another node, or nothing. A lookup reads at most four
// entries, however many routes there are.
type Table struct {
	routes []Route
	nodes  [][256]int32
}

// Entries: 0 is no route, n > 0 is routes[n-1], n < 0 is nodes[-n].
const noRoute = 0

// New builds a table. Of several routes to one prefix the cheapest stays, the
// earliest among equals. It refuses prefixes longer than 32 and more than
// MaxRoutes routes.
func New(routes []Route) (*Table, error) {
	if len(routes) > MaxRoutes {
		return nil, fmt.Errorf("%d routes are more than the %d a table holds", len(routes), MaxRoutes)
	}
	t := &Table{routes: slices.Clone(routes), nodes: make([][256]int32, 1)}
	for i := range t.routes {
		r := &t.routes[i]
		if r.Prefix.Bits > 32 {
			return nil, fmt.Errorf("route to %v: a prefix has at most 32 bits", r.Prefix)
		}
		r.Prefix.Addr = r.Prefix.Network()
	}
	// Shorter prefixes first, so that longer ones overwrite them; the better
	// of two equal prefixes last.
	order := make([]int32, len(t.routes))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		ra, rb := &t.routes[a], &t.routes[b]
		return cmp.Or(cmp.Compare(ra.Prefix.Bits, rb.Prefix.Bits), cmp.Compare(rb.Cost, ra.Cost), cmp.Compare(b, a))
	})
	for _, i := range order {
		t.insert(t.routes[i].Prefix, i+1)
	}
	return t, nil
}

// insert gives all addresses of p the entry. Entries of shorter prefixes may
// be there already, those of longer ones are not.
func (t *Table) insert(p wire.Prefix4, entry int32) {
	node, shift, bits := int32(0), 24, int(p.Bits)
	for bits > 8 {
		i := byte(p.Addr >> shift)
		next := t.nodes[node][i]
		if next >= 0 {
			var child [256]int32
			for j := range child {
				child[j] = next
			}
			t.nodes = append(t.nodes, child)
			next = -int32(len(t.nodes) - 1)
			t.nodes[node][i] = next
		}
		node, shift, bits = -next, shift-8, bits-8
	}
	first := int(byte(p.Addr >> shift))
	for i := first; i < first+1<<(8-bits); i++ {
		t.nodes[node][i] = entry
	}
}

// Lookup returns the route to an address, or nil.
func (t *Table) Lookup(a wire.Addr4) *Route {
	entry := t.nodes[0][a>>24]
	for shift := 16; entry < 0; shift -= 8 {
		entry = t.nodes[-entry][byte(a>>shift)]
	}
	if entry == noRoute {
		return nil
	}
	return &t.routes[entry-1]
}
