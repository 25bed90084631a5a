package gen

import (
	"cmp"
	"encoding/binary"
	"math"
	"net/netip"
	"slices"

	"tender/nacl/program"
)

// key is the value of a field as a number of 128 bits: numbers, addresses and
// states alike.
type key struct{ hi, lo uint64 }

func (a key) compare(b key) int { return cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo)) }

// next is a + 1; it is not asked for the largest value of a field.
func (a key) next() key {
	if a.lo == math.MaxUint64 {
		return key{a.hi + 1, 0}
	}
	return key{a.hi, a.lo + 1}
}

// before is a - 1; a is not 0.
func (a key) before() key {
	if a.lo == 0 {
		return key{a.hi - 1, math.MaxUint64}
	}
	return key{a.hi, a.lo - 1}
}

// interval is from low to high, both included.
type interval struct{ low, high key }

// set is a set of values of a field: intervals in ascending order that do not
// touch each other.
type set []interval

// largest is the largest value of a field.
func largest(f program.Field) key {
	switch program.Info[f].Shape {
	case program.Address4:
		return key{0, math.MaxUint32}
	case program.Address6:
		return key{math.MaxUint64, math.MaxUint64}
	case program.ConnState:
		return key{0, uint64(program.Related)}
	}
	return key{0, uint64(f.Max())}
}

// everything has all values of a field.
func everything(f program.Field) set { return set{{key{}, largest(f)}} }

// union is all that is in a or in b.
func union(a, b set) set {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(x, y interval) int { return x.low.compare(y.low) })
	var out set
	for _, i := range all {
		if n := len(out); n > 0 && (i.low.compare(out[n-1].high) <= 0 || i.low == out[n-1].high.next()) {
			if i.high.compare(out[n-1].high) > 0 {
				out[n-1].high = i.high
			}
			continue
		}
		out = append(out, i)
	}
	return out
}

// not is all values of a field that are not in s.
func (s set) not(f program.Field) set {
	var out set
	from, high := key{}, largest(f)
	for _, i := range s {
		if i.low.compare(from) > 0 {
			out = append(out, interval{from, i.low.before()})
		}
		if i.high == high {
			return out
		}
		from = i.high.next()
	}
	return append(out, interval{from, high})
}

// intersection is all that is in a and in b.
func intersection(a, b set) set {
	var out set
	for len(a) > 0 && len(b) > 0 {
		low, high := a[0].low, a[0].high
		if b[0].low.compare(low) > 0 {
			low = b[0].low
		}
		if b[0].high.compare(high) < 0 {
			high = b[0].high
		}
		if low.compare(high) <= 0 {
			out = append(out, interval{low, high})
		}
		if a[0].high.compare(b[0].high) < 0 {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return out
}

// values are the values v of a field for which low <= v <= high.
func values(f program.Field, low, high program.Scalar) set {
	from, ok1 := floorOrCeiling(f, low, true)
	to, ok2 := floorOrCeiling(f, high, false)
	if !ok1 || !ok2 || from.compare(to) > 0 {
		return nil
	}
	return set{{from, to}}
}

// floorOrCeiling is the value of a field next to a constant: with up the
// smallest that is not below it, else the largest that is not above it; false
// if there is none.
func floorOrCeiling(f program.Field, s program.Scalar, up bool) (key, bool) {
	switch s.Shape {
	case program.Address4, program.Address6:
		return keyOf(s.Addr), true
	case program.ConnState:
		return key{0, uint64(s.State)}, true
	}
	n := s.Int
	if s.IsDecimal {
		v := math.Floor(s.Decimal)
		if up {
			v = math.Ceil(s.Decimal)
		}
		n = int64(max(math.MinInt64/2, min(math.MaxInt64/2, v)))
	}
	switch high := f.Max(); {
	case up && n < 0:
		n = 0
	case !up && n > high:
		n = high
	case n < 0 || n > high:
		return key{}, false
	}
	return key{0, uint64(n)}, true
}

// keyOf is an address as a key.
func keyOf(a netip.Addr) key {
	if a.Is4() {
		b := a.As4()
		return key{0, uint64(binary.BigEndian.Uint32(b[:]))}
	}
	b := a.As16()
	return key{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// compared are the values v of a field for which the comparison with a
// constant holds.
func compared(f program.Field, op program.Op, s program.Scalar) set {
	equal, below := values(f, s, s), below(f, s)
	less := intersection(below, equal.not(f))
	switch op {
	case program.Equal:
		return equal
	case program.NotEqual:
		return equal.not(f)
	case program.Less:
		return less
	case program.LessEqual:
		return below
	case program.Greater:
		return below.not(f)
	}
	return less.not(f)
}

// below are the values v for which v <= s.
func below(f program.Field, s program.Scalar) set {
	to, ok := floorOrCeiling(f, s, false)
	if !ok {
		return nil
	}
	return set{{key{}, to}}
}
