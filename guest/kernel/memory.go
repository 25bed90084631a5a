package kernel

// Memory of the program: everything between the end of the image and the
// first thread's stack, handed out in pages. One state byte per page, at the
// start of that region.

const pageSize = 4096

// arenaSize is the size of a Go heap arena with the constants that the
// toolchain patches in; mappings of at least this size are aligned to it, so
// that the runtime need not ask for more and trim.
const arenaSize = 512 << 10

// States of a page.
const (
	pageFree     = iota // zero, never handed out
	pageDirty           // free, must be zeroed before it is handed out
	pageReserved        // handed out without access rights: still zero
	pageMapped          // handed out
)

// pageMap is an allocator of address space that is all backed by memory.
type pageMap struct {
	base   uintptr // address of page 0, page aligned
	state  []byte
	origin int // pages below are handed out last
	hint   int // no page from origin to here is free
	free   int
}

// init makes [start, end) the region; the state bytes take the first pages.
// The region must be zero.
func (m *pageMap) init(start, end uintptr) {
	start = (start + pageSize - 1) &^ (pageSize - 1)
	end &^= pageSize - 1
	if end <= start+pageSize {
		return // no room for a page and its state
	}
	pages := (end - start) / pageSize
	meta := (pages + pageSize - 1) / pageSize
	m.base = start + meta*pageSize
	m.setState(bytesAt(start, pages-meta))
	m.free = int(pages - meta)
}

// shift has memory handed out from a place that differs from one boot to the
// next: the one the tender has chosen, or one that random chooses, within the
// first eighth. What is below serves when all else is used.
func (m *pageMap) shift(chosen uintptr, random uint64) {
	const most = 8 << 20 / pageSize
	m.origin = int(random % uint64(min(len(m.state)/8, most)+1))
	if first, _, ok := m.span(chosen, 0); ok {
		m.origin = min(first, len(m.state)/4)
	}
	m.hint = m.origin
}

// setState stores the slice without a write barrier: its memory is none of
// the collector's.
func (m *pageMap) setState(b []byte) {
	h := at[[3]uintptr](addrOf(&m.state))
	h[0], h[1], h[2] = addrOf(&b[0]), uintptr(len(b)), uintptr(len(b))
}

// span turns an address range into page indices; ok is false if it is not
// inside the region.
func (m *pageMap) span(addr, n uintptr) (first, count int, ok bool) {
	limit := uintptr(len(m.state)) * pageSize
	if addr < m.base || addr&(pageSize-1) != 0 {
		return 0, 0, false
	}
	off := addr - m.base
	if off > limit || n > limit-off {
		return 0, 0, false
	}
	return int(off / pageSize), int((n + pageSize - 1) / pageSize), true
}

// alloc hands out n bytes of zero pages in the given state, at the wanted
// address if that is free, else at the lowest from origin that fits, else at the
// lowest of all; 0 if none fits.
func (m *pageMap) alloc(want, n uintptr, state byte) uintptr {
	if n == 0 || n > uintptr(m.free)*pageSize {
		return 0
	}
	if first, count, ok := m.span(want, n); ok && m.allFree(first, count) {
		m.take(first, count, state)
		return want
	}
	count := int((n + pageSize - 1) / pageSize)
	align := uintptr(pageSize)
	if n >= arenaSize {
		align = arenaSize
	}
	for m.hint < len(m.state) && m.state[m.hint] > pageDirty {
		m.hint++
	}
	first := m.fit(m.hint, count, align)
	if first < 0 && m.origin > 0 {
		first = m.fit(0, count, align)
	}
	if first < 0 {
		return 0
	}
	m.take(first, count, state)
	return m.base + uintptr(first)*pageSize
}

// fit is the lowest page from which on count pages are free, or -1.
func (m *pageMap) fit(from, count int, align uintptr) int {
	for first := m.aligned(from, align); first+count <= len(m.state); {
		used := m.lastUsed(first, count)
		if used < 0 {
			return first
		}
		first = m.aligned(used+1, align)
	}
	return -1
}

func (m *pageMap) aligned(page int, align uintptr) int {
	a := (m.base + uintptr(page)*pageSize + align - 1) &^ (align - 1)
	return int((a - m.base) / pageSize)
}

func (m *pageMap) allFree(first, count int) bool {
	return count > 0 && m.lastUsed(first, count) < 0
}

// lastUsed is the highest page of the span that is not free, or -1.
func (m *pageMap) lastUsed(first, count int) int {
	for i := first + count - 1; i >= first; i-- {
		if m.state[i] > pageDirty {
			return i
		}
	}
	return -1
}

func (m *pageMap) take(first, count int, state byte) {
	for i := first; i < first+count; i++ {
		if m.state[i] == pageDirty {
			m.zero(i, 1)
		}
		m.state[i] = state
	}
	m.free -= count
}

func (m *pageMap) zero(first, count int) {
	clear(bytesAt(m.base+uintptr(first)*pageSize, uintptr(count)*pageSize))
}

// remap is mmap with MAP_FIXED: the range becomes zero and gets the state.
func (m *pageMap) remap(addr, n uintptr, state byte) bool {
	first, count, ok := m.span(addr, n)
	if !ok {
		return false
	}
	for i := first; i < first+count; i++ {
		switch m.state[i] {
		case pageFree:
			m.free--
		case pageDirty:
			m.free--
			m.zero(i, 1)
		case pageMapped:
			m.zero(i, 1)
		}
		m.state[i] = state
	}
	return true
}

// release gives pages back.
func (m *pageMap) release(addr, n uintptr) bool {
	first, count, ok := m.span(addr, n)
	if !ok {
		return false
	}
	for i := first; i < first+count; i++ {
		switch m.state[i] {
		case pageReserved:
			m.state[i] = pageFree
			m.free++
		case pageMapped:
			m.state[i] = pageDirty
			m.free++
		}
	}
	m.hint = min(m.hint, max(first, m.origin))
	return true
}

// discard makes mapped pages zero, as MADV_DONTNEED does.
func (m *pageMap) discard(addr, n uintptr) bool {
	first, count, ok := m.span(addr, n)
	if !ok {
		return false
	}
	for i := first; i < first+count; i++ {
		if m.state[i] == pageMapped {
			m.zero(i, 1)
		}
	}
	return true
}

// pages is the memory of the program.
var pages pageMap

const (
	protNone     = 0
	mapFixed     = 0x10
	mapAnonymous = 0x20
	madvDontneed = 4
)

func sysMmap(addr, n, prot, flags uintptr) int64 {
	if flags&mapAnonymous == 0 {
		return eNODEV
	}
	if n == 0 || addr&(pageSize-1) != 0 {
		return eINVAL
	}
	state := byte(pageMapped)
	if prot == protNone {
		state = pageReserved
	}
	if flags&mapFixed != 0 {
		if !pages.remap(addr, n, state) {
			return eNOMEM
		}
		return int64(addr)
	}
	if a := pages.alloc(addr, n, state); a != 0 {
		return int64(a)
	}
	return eNOMEM
}

func sysMunmap(addr, n uintptr) int64 {
	if n == 0 || !pages.release(addr, n) {
		return eINVAL
	}
	return 0
}

func sysMadvise(addr, n, advice uintptr) int64 {
	if advice == madvDontneed && !pages.discard(addr, n) {
		return eNOMEM
	}
	return 0
}

// sysMprotect changes no protection: the page tables are the tender's. Pages
// become accessible in the books, so that they are zeroed when given back.
func sysMprotect(addr, n, prot uintptr) int64 {
	first, count, ok := pages.span(addr, n)
	if !ok {
		return eNOMEM
	}
	for i := first; i < first+count; i++ {
		if pages.state[i] == pageReserved && prot != protNone {
			pages.state[i] = pageMapped
		}
	}
	return 0
}
