package route

import (
	"cmp"
	"fmt"
	"slices"

	"tender/guest/net/wire"
)

// Route6 is one entry for IPv6. A zero NextHop means that destinations are
// neighbours.
type Route6 struct {
	Prefix  wire.Prefix
	NextHop wire.Addr
	Iface   int
	Cost    int
	Kind    Kind
}

// Table6 is Table for IPv6: immutable, and safe for concurrent use.
//
// It has one hash table per length of prefix, longest first. A lookup asks
// each in turn, so its time grows with the number of different lengths, of
// which networks have few, and not with that of routes.
type Table6 struct {
	lengths []length
	routes  []Route6
}

type length struct {
	bits  uint8
	mask  wire.Addr
	index map[wire.Addr]int32
}

// New6 builds a table. Of several routes to one prefix the cheapest stays, the
// earliest among equals. It refuses what New refuses.
func New6(routes []Route6) (*Table6, error) {
	if len(routes) > MaxRoutes {
		return nil, fmt.Errorf("%d routes are more than the %d a table holds", len(routes), MaxRoutes)
	}
	t := &Table6{routes: slices.Clone(routes)}
	for i := range t.routes {
		r := &t.routes[i]
		if r.Prefix.Bits > 128 {
			return nil, fmt.Errorf("route to %v: a prefix has at most 128 bits", r.Prefix)
		}
		r.Prefix.Addr = r.Prefix.Network()
	}
	slices.SortStableFunc(t.routes, func(a, b Route6) int {
		return cmp.Or(cmp.Compare(b.Prefix.Bits, a.Prefix.Bits), cmp.Compare(a.Cost, b.Cost))
	})
	for i, r := range t.routes {
		n := len(t.lengths)
		if n == 0 || t.lengths[n-1].bits != r.Prefix.Bits {
			t.lengths = append(t.lengths, length{r.Prefix.Bits, r.Prefix.Mask(), map[wire.Addr]int32{}})
			n++
		}
		if _, there := t.lengths[n-1].index[r.Prefix.Addr]; !there {
			t.lengths[n-1].index[r.Prefix.Addr] = int32(i)
		}
	}
	return t, nil
}

// Lookup returns the route to an address, or nil.
func (t *Table6) Lookup(a wire.Addr) *Route6 {
	for i := range t.lengths {
		l := &t.lengths[i]
		if r, ok := l.index[wire.Addr{Hi: a.Hi & l.mask.Hi, Lo: a.Lo & l.mask.Lo}]; ok {
			return &t.routes[r]
		}
	}
	return nil
}
