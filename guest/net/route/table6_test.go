package route

import (
	"math/rand/v2"
	"testing"

	"tender/guest/net/wire"
)

// scan6 is the specification.
func scan6(routes []Route6, a wire.Addr) *Route6 {
	var best *Route6
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

func TestAgainstScan6(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	addr := func() wire.Addr {
		const few = 0x8000_0001_8000_0001 // so that prefixes nest and repeat
		return wire.Addr{Hi: rng.Uint64() & few, Lo: rng.Uint64() & few}
	}
	for range 300 {
		routes := make([]Route6, rng.IntN(60))
		for i := range routes {
			routes[i] = Route6{Prefix: wire.Prefix{Addr: addr(), Bits: uint8(rng.IntN(129))}, Iface: i, Cost: rng.IntN(3)}
		}
		table, err := New6(routes)
		if err != nil {
			t.Fatal(err)
		}
		for range 500 {
			a := addr()
			want, got := scan6(routes, a), table.Lookup(a)
			if (want == nil) != (got == nil) || got != nil && got.Iface != want.Iface {
				t.Fatalf("%v: %+v, want %+v of %+v", a, got, want, routes)
			}
		}
	}
	if _, err := New6([]Route6{{Prefix: wire.Prefix{Bits: 129}}}); err == nil {
		t.Error("a prefix of 129 bits was taken")
	}
}
