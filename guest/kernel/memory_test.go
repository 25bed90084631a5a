package kernel

import (
	"bytes"
	"math/rand/v2"
	"syscall"
	"testing"
)

// mapRegion is n bytes of zero memory that no collector moves or sees.
func mapRegion(t testing.TB, n int) uintptr {
	t.Helper()
	mem, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(mem) })
	return addrOf(&mem[0])
}

// modelPage is what a pageMap must know of a page, and what is in it.
type modelPage struct {
	state byte // pageFree, pageReserved or pageMapped
	fill  byte // every byte of a mapped page
}

// pageModel checks a pageMap against a plain list of pages.
type pageModel struct {
	t     testing.TB
	m     *pageMap
	pages []modelPage
	fill  byte
}

func newPageModel(t testing.TB, bytes int) *pageModel {
	start := mapRegion(t, bytes)
	m := new(pageMap)
	// Neither end is page aligned.
	m.init(start+1, start+uintptr(bytes)-1)
	want := bytes/pageSize - 2
	if len(m.state) > want || len(m.state) < want-want/pageSize-1 {
		t.Fatalf("%d pages of %d", len(m.state), want)
	}
	if m.base < start+uintptr(len(m.state)) || m.base+uintptr(len(m.state))*pageSize > start+uintptr(bytes) {
		t.Fatalf("pages [%#x, +%d) are not inside of the region at %#x or cover the states", m.base, len(m.state), start)
	}
	return &pageModel{t: t, m: m, pages: make([]modelPage, len(m.state))}
}

func (o *pageModel) page(i int) []byte {
	return bytesAt(o.m.base+uintptr(i)*pageSize, pageSize)
}

// fits says whether n pages from first on are free.
func (o *pageModel) fits(first, n int) bool {
	if first+n > len(o.pages) {
		return false
	}
	for _, p := range o.pages[first : first+n] {
		if p.state != pageFree {
			return false
		}
	}
	return true
}

var zeroPage [pageSize]byte

// give notes that pages were handed out, wants them zero and fills them.
func (o *pageModel) give(first, n int, state byte) {
	for i := first; i < first+n; i++ {
		if !bytes.Equal(o.page(i), zeroPage[:]) {
			o.t.Fatalf("page %d was handed out and is not zero", i)
		}
		o.pages[i] = modelPage{state: state}
		if state == pageMapped {
			o.fill = o.fill%255 + 1
			o.pages[i].fill = o.fill
			copy(o.page(i), bytes.Repeat([]byte{o.fill}, pageSize))
		}
	}
}

func (o *pageModel) alloc(want uintptr, n int, state byte) {
	got := o.m.alloc(want, uintptr(n), state)
	count := (n + pageSize - 1) / pageSize
	if got == 0 {
		for first := range o.pages {
			aligned := n < arenaSize || (o.m.base+uintptr(first)*pageSize)%arenaSize == 0
			if n > 0 && aligned && o.fits(first, count) {
				o.t.Fatalf("no room for %d pages, but there is at %d", count, first)
			}
		}
		return
	}
	first, _, ok := o.m.span(got, uintptr(n))
	if !ok || n == 0 || !o.fits(first, count) {
		o.t.Fatalf("%d bytes at %#x: not free", n, got)
	}
	if got != want && n >= arenaSize && got%arenaSize != 0 {
		o.t.Fatalf("%d bytes at %#x: not aligned", n, got)
	}
	if i, _, ok := o.m.span(want, uintptr(n)); ok && o.fits(i, count) && got != want {
		o.t.Fatalf("%#x was free, got %#x", want, got)
	}
	o.give(first, count, state)
}

// each calls f for the pages of a range if that lies in the region, as ok of
// the operation must say.
func (o *pageModel) each(ok bool, first, n int, f func(i int)) {
	if inside := first >= 0 && first+n <= len(o.pages); ok != inside {
		o.t.Fatalf("pages [%d, +%d) of %d: %t", first, n, len(o.pages), ok)
	}
	for i := first; ok && i < first+n; i++ {
		f(i)
	}
}

func (o *pageModel) remap(first, n int, state byte) {
	ok := o.m.remap(o.addr(first), uintptr(n)*pageSize, state)
	o.each(ok, first, n, func(i int) { o.give(i, 1, state) })
}

func (o *pageModel) release(first, n int) {
	ok := o.m.release(o.addr(first), uintptr(n)*pageSize)
	o.each(ok, first, n, func(i int) { o.pages[i].state = pageFree })
}

func (o *pageModel) discard(first, n int) {
	ok := o.m.discard(o.addr(first), uintptr(n)*pageSize)
	o.each(ok, first, n, func(i int) { o.pages[i].fill = 0 })
}

func (o *pageModel) addr(page int) uintptr { return o.m.base + uintptr(page*pageSize) }

// check compares all pages.
func (o *pageModel) check() {
	free := 0
	for i, p := range o.pages {
		state := o.m.state[i]
		if p.state == pageFree {
			free++
			if state > pageDirty {
				o.t.Fatalf("page %d is free, its state is %d", i, state)
			}
			if i >= o.m.origin && i < o.m.hint {
				o.t.Fatalf("page %d is free, the hint is %d", i, o.m.hint)
			}
		} else if state != p.state {
			o.t.Fatalf("page %d has state %d, want %d", i, state, p.state)
		}
		if b := o.page(i); p.state == pageMapped && (b[0] != p.fill || b[pageSize-1] != p.fill || bytes.Count(b, b[:1]) != pageSize) {
			o.t.Fatalf("page %d has lost its content", i)
		}
	}
	if o.m.free != free {
		o.t.Fatalf("%d pages are free, the map counts %d", free, o.m.free)
	}
}

// step does the operation that four bytes encode.
func (o *pageModel) step(op, a, b, c byte) {
	first, n := int(a)|int(b&3)<<8, int(c)%64
	state := byte(pageMapped)
	if op&0x80 != 0 {
		state = pageReserved
	}
	switch op & 0x7f % 7 {
	case 0:
		o.alloc(0, n*pageSize-int(a)%pageSize, state)
	case 1:
		o.alloc(o.addr(first), n*pageSize, state)
	case 2:
		o.alloc(0, arenaSize+n*pageSize, state)
	case 3:
		o.remap(first, n, state)
	case 4:
		o.release(first, n)
	case 5:
		o.discard(first, n)
	case 6:
		o.release(first, 8*n)
	}
}

func TestPageMap(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		o := newPageModel(t, 3<<20+int(seed)*pageSize)
		o.m.shift(0, seed*0x1234567)
		for range 400 {
			v := r.Uint32()
			o.step(byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
			o.check()
		}
	}
}

func FuzzPageMap(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 2, 0, 0, 9, 4, 5, 0, 20, 0x81, 7, 1, 7, 3, 3, 0, 30, 5, 0, 0, 63, 6, 0, 0, 63})
	f.Fuzz(func(t *testing.T, ops []byte) {
		o := newPageModel(t, 2<<20)
		o.m.shift(0, uint64(len(ops))/3)
		for len(ops) >= 4 {
			o.step(ops[0], ops[1], ops[2], ops[3])
			ops = ops[4:]
		}
		o.check()
	})
}

// Memory is handed out from where the map was shifted to, and all of it is.
func TestPageMapShift(t *testing.T) {
	const nowhere = 1 << 47
	places := map[uintptr]bool{}
	for i, c := range []struct {
		chosen uintptr // less start
		random uint64
	}{{nowhere, 0}, {nowhere, 1}, {nowhere, 1 << 63}, {nowhere, ^uint64(0)}, {100 * pageSize, 7}, {100*pageSize + 1, 7}, {2 << 20, 7}, {8 << 20, 3}, {0, 2}} {
		start := mapRegion(t, 4<<20)
		m := new(pageMap)
		m.init(start, start+4<<20)
		m.shift(start+c.chosen, c.random)
		first := m.alloc(0, pageSize, pageMapped)
		if first < m.base || first > m.base+1<<20 {
			t.Errorf("case %d: the first page is %#x behind the base", i, first-m.base)
		}
		if c.chosen == 100*pageSize && first != start+c.chosen {
			t.Errorf("case %d: the first page is at %#x, not where it was wanted", i, first)
		}
		places[first-m.base] = true
		total := 1
		for m.alloc(0, pageSize, pageMapped) != 0 {
			total++
		}
		if total != len(m.state) || m.free != 0 {
			t.Errorf("case %d: %d pages of %d, %d are free", i, total, len(m.state), m.free)
		}
	}
	if len(places) < 5 {
		t.Errorf("only %d places", len(places))
	}
}

// Ranges that are not pages of the region are refused, whatever they are.
func TestPageMapRefuses(t *testing.T) {
	o := newPageModel(t, 1<<20)
	m := o.m
	end := m.base + uintptr(len(m.state))*pageSize
	for _, r := range []struct{ addr, n uintptr }{
		{0, pageSize}, {m.base - pageSize, pageSize}, {m.base + 1, pageSize}, {end, 1},
		{end - pageSize, pageSize + 1}, {m.base, ^uintptr(0)}, {m.base, end}, {^uintptr(pageSize - 1), pageSize},
	} {
		if m.remap(r.addr, r.n, pageMapped) || m.release(r.addr, r.n) || m.discard(r.addr, r.n) {
			t.Errorf("[%#x, +%#x) was taken", r.addr, r.n)
		}
	}
	for _, n := range []uintptr{0, end - m.base + 1, 1 << 40, ^uintptr(0)} {
		if a := m.alloc(0, n, pageMapped); a != 0 {
			t.Errorf("%#x bytes at %#x", n, a)
		}
	}
	o.check()
}

// Regions too small to hold a page have none.
func TestPageMapTiny(t *testing.T) {
	start := mapRegion(t, 4*pageSize)
	for _, n := range []uintptr{0, 1, pageSize - 1, pageSize, pageSize + 1, 2 * pageSize, 3 * pageSize} {
		var m pageMap
		m.init(start, start+n)
		want := max(int(n)/pageSize-1, 0)
		if len(m.state) != want || m.free != want {
			t.Errorf("%d bytes: %d pages, %d free", n, len(m.state), m.free)
		}
		if a := m.alloc(0, pageSize, pageMapped); (a != 0) != (want > 0) {
			t.Errorf("%d bytes: a page at %#x", n, a)
		}
	}
	var m pageMap
	m.init(start+2*pageSize, start)
	if m.free != 0 {
		t.Errorf("%d pages in a region that ends before it starts", m.free)
	}
}

// The calls of the Go runtime: reserve, map, give back for a while, unmap.
func TestMemoryCalls(t *testing.T) {
	start := mapRegion(t, 4<<20)
	pages = pageMap{}
	pages.init(start, start+4<<20)
	free := pages.free
	const protRW, fixed = 3, mapAnonymous | mapFixed
	a := sysMmap(0, 1<<20, protNone, mapAnonymous)
	if a <= 0 || a%arenaSize != 0 {
		t.Fatalf("reserve: %d", a)
	}
	addr := uintptr(a)
	if got := sysMmap(addr, 64<<10, protRW, fixed); got != a {
		t.Fatalf("map: %d", got)
	}
	b := bytesAt(addr, 64<<10)
	b[0], b[5000] = 1, 1
	if r := sysMadvise(addr, 64<<10, madvDontneed); r != 0 || b[0] != 0 || b[5000] != 0 {
		t.Errorf("MADV_DONTNEED: %d, %d, %d", r, b[0], b[5000])
	}
	b[0] = 1
	if r := sysMadvise(addr, 64<<10, 14); r != 0 || b[0] != 1 { // MADV_HUGEPAGE
		t.Errorf("MADV_HUGEPAGE: %d, %d", r, b[0])
	}
	high := bytesAt(addr+64<<10, pageSize)
	if r := sysMprotect(addr+64<<10, pageSize, protRW); r != 0 {
		t.Errorf("mprotect: %d", r)
	}
	high[0] = 1
	if r := sysMunmap(addr, 1<<20); r != 0 || pages.free != free {
		t.Errorf("munmap: %d, %d pages of %d are free", r, pages.free, free)
	}
	if got := sysMmap(addr, 1<<20, protRW, mapAnonymous); got != a || b[0] != 0 || high[0] != 0 {
		t.Errorf("mapped again at %#x, want %#x, with %d and %d", got, a, b[0], high[0])
	}
	for _, c := range []struct {
		what string
		got  int64
		want int64
	}{
		{"a file", sysMmap(0, pageSize, protRW, 0), eNODEV},
		{"no bytes", sysMmap(0, 0, protRW, mapAnonymous), eINVAL},
		{"odd address", sysMmap(addr+1, pageSize, protRW, fixed), eINVAL},
		{"fixed outside", sysMmap(pageSize, pageSize, protRW, fixed), eNOMEM},
		{"too much", sysMmap(0, 1<<40, protRW, mapAnonymous), eNOMEM},
		{"munmap outside", sysMunmap(pageSize, pageSize), eINVAL},
		{"munmap of nothing", sysMunmap(addr, 0), eINVAL},
		{"madvise outside", sysMadvise(pageSize, pageSize, madvDontneed), eNOMEM},
		{"mprotect outside", sysMprotect(pageSize, pageSize, protRW), eNOMEM},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", c.what, c.got, c.want)
		}
	}
}
