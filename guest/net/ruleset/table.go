package ruleset

import (
	"fmt"
	"math/bits"

	"tender/guest/net/wire"
)

// Table32 is a table over numbers of up to 32 bits, IPv4 addresses among them.
type Table32 struct {
	starts  []uint32
	numbers []uint16
	// index cuts the values from low on, where the second interval starts, into
	// pieces of 1<<shift: index[i] is the place of the interval that the i-th begins
	// in, and its last element that of the last interval.
	index []uint32
	low   uint32
	shift uint8
}

// indexPieces is the most pieces of an index, and indexFrom the fewest intervals
// that have one.
const (
	indexPieces = 4096
	indexFrom   = 8
)

// New32 makes a table of the starts of intervals, in ascending order, and as
// many numbers. It panics if they are not: they are constants of a program.
func New32(starts []uint32, numbers []uint16) *Table32 {
	if len(starts) != len(numbers) {
		panic(fmt.Sprintf("ruleset: %d starts and %d numbers", len(starts), len(numbers)))
	}
	t := &Table32{starts: make([]uint32, 1, len(starts)+1), numbers: make([]uint16, 1, len(starts)+1)}
	for i, s := range starts {
		if i > 0 && s <= starts[i-1] {
			panic(fmt.Sprintf("ruleset: start %d is not above the one before", i))
		}
		if i == 0 && s == 0 {
			t.starts, t.numbers = t.starts[:0], t.numbers[:0]
		}
		t.starts, t.numbers = append(t.starts, s), append(t.numbers, numbers[i])
	}
	t.makeIndex()
	return t
}

func (t *Table32) makeIndex() {
	if len(t.starts) < indexFrom {
		return
	}
	last := len(t.starts) - 1
	t.low = t.starts[1]
	for (t.starts[last]-t.low)>>t.shift >= indexPieces {
		t.shift++
	}
	place := 0
	for i := range (t.starts[last]-t.low)>>t.shift + 1 {
		for place < last && t.starts[place+1] <= t.low+i<<t.shift {
			place++
		}
		t.index = append(t.index, uint32(place))
	}
	t.index = append(t.index, uint32(last))
}

// Lookup returns the number that holds for a value. Where intervals are spread
// evenly it takes as long for thousands as for a few.
func (t *Table32) Lookup(value uint32) uint16 {
	base, n := 0, len(t.starts)
	if t.index != nil {
		if value < t.low {
			return t.numbers[0]
		}
		i := min(int((value-t.low)>>t.shift), len(t.index)-2)
		base = int(t.index[i])
		n = int(t.index[i+1]) - base + 1
	}
	for n > 1 {
		half := n >> 1
		// The step is taken unless start > value. Arithmetic instead of a
		// branch that nobody can predict saves a third of the time.
		_, above := bits.Sub32(value, t.starts[base+half], 0)
		base += half & (int(above) - 1)
		n -= half
	}
	return t.numbers[base]
}

// Table16 is a table over numbers of 16 bits, ports above all. A lookup takes
// two loads, whatever the number of intervals.
type Table16 struct {
	// pages[page[v>>8]][v&0xff] is the number of v; equal pages are one.
	page  [256]uint8
	pages [][256]uint16
}

// New16 is New32 for numbers of 16 bits.
func New16(starts, numbers []uint16) *Table16 {
	wide := make([]uint32, len(starts))
	for i, s := range starts {
		wide[i] = uint32(s)
	}
	from := New32(wide, numbers)
	t := &Table16{}
	known := map[[256]uint16]uint8{}
	for i := range t.page {
		var page [256]uint16
		for j := range page {
			page[j] = from.Lookup(uint32(i<<8 | j))
		}
		place, ok := known[page]
		if !ok {
			place = uint8(len(t.pages))
			known[page] = place
			t.pages = append(t.pages, page)
		}
		t.page[i] = place
	}
	return t
}

// Lookup returns the number that holds for a value.
func (t *Table16) Lookup(value uint16) uint16 {
	return t.pages[t.page[value>>8]][value&0xff]
}

// Table128 is a table over IPv6 addresses.
type Table128 struct {
	starts  []wire.Addr
	numbers []uint16
}

// New128 is New32 for IPv6 addresses.
func New128(starts []wire.Addr, numbers []uint16) *Table128 {
	if len(starts) != len(numbers) {
		panic(fmt.Sprintf("ruleset: %d starts and %d numbers", len(starts), len(numbers)))
	}
	t := &Table128{make([]wire.Addr, 1, len(starts)+1), make([]uint16, 1, len(starts)+1)}
	for i, s := range starts {
		if i > 0 && s.Compare(starts[i-1]) <= 0 {
			panic(fmt.Sprintf("ruleset: start %d is not above the one before", i))
		}
		if i == 0 && s == (wire.Addr{}) {
			t.starts, t.numbers = t.starts[:0], t.numbers[:0]
		}
		t.starts, t.numbers = append(t.starts, s), append(t.numbers, numbers[i])
	}
	return t
}

// Lookup returns the number that holds for an address.
func (t *Table128) Lookup(a wire.Addr) uint16 {
	base := 0
	for n := len(t.starts); n > 1; {
		half := n >> 1
		s := &t.starts[base+half]
		_, above := bits.Sub64(a.Lo, s.Lo, 0)
		_, above = bits.Sub64(a.Hi, s.Hi, above)
		base += half & (int(above) - 1)
		n -= half
	}
	return t.numbers[base]
}

// Between reports low ≤ a ≤ high.
func Between(low, a, high wire.Addr) bool { return low.Compare(a) <= 0 && a.Compare(high) <= 0 }
