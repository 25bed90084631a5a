package ruleset

import (
	"math/rand/v2"
	"slices"
	"testing"

	"tender/guest/net/wire"
)

// model is the number for a value, by going through all intervals.
func model(starts []uint32, numbers []uint16, value uint32) uint16 {
	n := uint16(0)
	for i, s := range starts {
		if s <= value {
			n = numbers[i]
		}
	}
	return n
}

func TestTables(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		mask := uint32(0xffff)
		starts := make([]uint32, r.IntN(40))
		for i := range starts {
			starts[i] = r.Uint32() & mask
		}
		if r.IntN(2) == 0 {
			starts = append(starts, 0)
		}
		slices.Sort(starts)
		starts = slices.Compact(starts)
		numbers, narrow, wide := make([]uint16, len(starts)), make([]uint16, len(starts)), make([]wire.Addr, len(starts))
		for i := range numbers {
			numbers[i], narrow[i] = uint16(r.Uint32()), uint16(starts[i])
			wide[i] = wire.Addr{Hi: uint64(starts[i]) >> 4, Lo: uint64(starts[i]) & 15 << 60}
		}
		t32, t16, t128 := New32(starts, numbers), New16(narrow, numbers), New128(wide, numbers)
		for range 200 {
			v := r.Uint32() & mask
			if len(starts) > 0 && r.IntN(2) == 0 {
				v = (starts[r.IntN(len(starts))] + r.Uint32N(3) - 1) & mask
			}
			want := model(starts, numbers, v)
			a := wire.Addr{Hi: uint64(v) >> 4, Lo: uint64(v)&15<<60 | uint64(r.Uint32())}
			if got := t32.Lookup(v); got != want {
				t.Fatalf("Table32 %v: %d has %d, want %d", starts, v, got, want)
			}
			if got := t16.Lookup(uint16(v)); got != want {
				t.Fatalf("Table16 %v: %d has %d, want %d", starts, v, got, want)
			}
			if got := t128.Lookup(a); got != want {
				t.Fatalf("Table128 %v: %d has %d, want %d", starts, v, got, want)
			}
		}
	}
}

// TestLargeTables looks values up in thousands of intervals: spread out, in a few
// places, and at the ends.
func TestLargeTables(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, spread := range []uint32{0, 1 << 8, 1 << 16, 1 << 31} {
		starts := []uint32{0xffffffff}
		for range 5000 {
			near := r.Uint32N(5) << 29
			starts = append(starts, near+r.Uint32N(spread+4000))
		}
		slices.Sort(starts)
		starts = slices.Compact(starts)
		numbers := make([]uint16, len(starts))
		for i := range numbers {
			numbers[i] = uint16(r.Uint32())
		}
		table := New32(starts, numbers)
		for range 20000 {
			v := r.Uint32()
			if r.IntN(2) == 0 {
				v = starts[r.IntN(len(starts))] + r.Uint32N(3) - 1
			}
			want := uint16(0)
			if i, found := slices.BinarySearch(starts, v); found {
				want = numbers[i]
			} else if i > 0 {
				want = numbers[i-1]
			}
			if got := table.Lookup(v); got != want {
				t.Fatalf("spread %d: %d has %d, want %d", spread, v, got, want)
			}
		}
	}
}

func TestBetween(t *testing.T) {
	one, two, three := wire.Addr{Lo: 1}, wire.Addr{Lo: 2}, wire.Addr{Hi: 1}
	if !Between(one, two, three) || !Between(one, one, one) || Between(two, one, three) || Between(one, three, two) {
		t.Error("Between")
	}
}

func TestWrongTables(t *testing.T) {
	for name, make := range map[string]func(){
		"unequal":   func() { New32([]uint32{1}, nil) },
		"unordered": func() { New32([]uint32{2, 1}, []uint16{1, 2}) },
		"twice":     func() { New16([]uint16{1, 1}, []uint16{1, 2}) },
		"unequal6":  func() { New128(nil, []uint16{1}) },
		"twice6":    func() { New128([]wire.Addr{{}, {}}, []uint16{1, 2}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			make()
		}()
	}
}

func TestNoAllocation(t *testing.T) {
	t32, t16 := New32([]uint32{5, 9}, []uint16{1, 0}), New16([]uint16{5, 9}, []uint16{1, 0})
	t128 := New128([]wire.Addr{{Lo: 5}}, []uint16{1})
	if n := testing.AllocsPerRun(100, func() { t32.Lookup(7); t16.Lookup(7); t128.Lookup(wire.Addr{Lo: 7}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLookup32(b *testing.B) {
	starts, numbers := make([]uint32, 10000), make([]uint16, 10000)
	for i := range starts {
		starts[i], numbers[i] = uint32(i)*1000, uint16(i)
	}
	t := New32(starts, numbers)
	v := uint32(1)
	for b.Loop() {
		v = v*1664525 + 1013904223
		t.Lookup(v >> 8)
	}
}
