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
}

// New32 makes a table of the starts of intervals, in ascending order, and as
// many numbers. It panics if they are not: they are constants of a program.
func New32(starts []uint32, numbers []uint16) *Table32 {
	if len(starts) != len(numbers) {
		panic(fmt.Sprintf("ruleset: %d starts and %d numbers", len(starts), len(numbers)))
	}
	t := &Table32{make([]uint32, 1, len(starts)+1), make([]uint16, 1, len(starts)+1)}
	for i, s := range starts {
		if i > 0 && s <= starts[i-1] {
			panic(fmt.Sprintf("ruleset: start %d is not above the one before", i))
		}
		if i == 0 && s == 0 {
			t.starts, t.numbers = t.starts[:0], t.numbers[:0]
		}
		t.starts, t.numbers = append(t.starts, s), append(t.numbers, numbers[i])
	}
	return t
}

// Lookup returns the number that holds for a value.
func (t *Table32) Lookup(value uint32) uint16 {
	base := 0
	for n := len(t.starts); n > 1; {
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
