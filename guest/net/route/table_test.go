package route

import (
	"math/rand/v2"
	"testing"

	"tender/guest/net/wire"
)

// scan is the specification: every route is looked at.
func scan(routes []Route, a wire.Addr4) *Route {
	var best *Route
	for i := range routes {
		r := &routes[i]
		if !r.Prefix.Contains(a) {
			continue
		}
		if best == nil || r.Prefix.Bits > best.Prefix.Bits || r.Prefix.Bits == best.Prefix.Bits && r.Cost < best.Cost {
			best = r
		}
	}
	return best
}

func TestAgainstScan(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		routes := make([]Route, rng.IntN(60))
		for i := range routes {
			// Few distinct bits, so that prefixes nest and repeat.
			a := wire.Addr4(rng.Uint32() & 0x81818181)
			routes[i] = Route{Prefix: wire.Prefix4{Addr: a, Bits: uint8(rng.IntN(33))}, Iface: i, Cost: rng.IntN(3)}
		}
		table, err := New(routes)
		if err != nil {
			t.Fatal(err)
		}
		for range 500 {
			a := wire.Addr4(rng.Uint32() & 0x81818181)
			switch rng.IntN(3) {
			case 0:
				a = wire.Addr4(rng.Uint32())
			case 1:
				if len(routes) > 0 { // the edges of a prefix
					p := routes[rng.IntN(len(routes))].Prefix
					a = []wire.Addr4{p.Network(), p.Last(), p.Network() - 1, p.Last() + 1}[rng.IntN(4)]
				}
			}
			want, got := scan(routes, a), table.Lookup(a)
			if (want == nil) != (got == nil) || want != nil && want.Iface != got.Iface {
				t.Fatalf("round %d: Lookup(%v) = %+v, want %+v of %+v", round, a, got, want, routes)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	if _, err := New([]Route{{Prefix: wire.Prefix4{Bits: 33}}}); err == nil {
		t.Error("a prefix of 33 bits was taken")
	}
	if _, err := New(make([]Route, MaxRoutes+1)); err == nil {
		t.Error("too many routes were taken")
	}
	if table, err := New(nil); err != nil || table.Lookup(1) != nil {
		t.Error("the empty table does not work")
	}
}

func BenchmarkLookup(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	routes := make([]Route, 1000)
	for i := range routes {
		routes[i] = Route{Prefix: wire.Prefix4{Addr: wire.Addr4(rng.Uint32()), Bits: uint8(8 + rng.IntN(25))}}
	}
	table, err := New(routes)
	if err != nil {
		b.Fatal(err)
	}
	a := wire.Addr4(1)
	for b.Loop() {
		a = a*1664525 + 1013904223
		table.Lookup(a)
	}
}
