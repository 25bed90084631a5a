package hvt

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/image"
)

// memory is the guest's RAM, from guest physical address 0, as the host sees
// it. It lies outside the Go heap.
type memory struct {
	// mapping is all the guest can address: bytes, and behind them the room of
	// the network ring, if any. Hypercalls know of bytes only.
	mapping []byte
	bytes   []byte
	ring    []byte
	// sealed are the segments the guest may not write, and so neither may a
	// hypercall on its behalf.
	sealed []image.Range
	// protected says that the host may not write them either.
	protected bool
}

// Memory that every guest touches, at its start and at its end, is made of
// small pages and fetched before the first instruction; what only large guests
// reach is made of huge pages.
const (
	smallStart = 16 << 20  // bytes of small pages at the start
	smallEnd   = 2 << 20   // bytes of small pages at the end
	fetchHeap  = 2 << 20   // bytes of heap fetched
	fetchBooks = 128 << 10 // bytes fetched after the image, where the guest kernel keeps books
	fetchStack = 128 << 10 // bytes fetched at the end
	heapShift  = 8 << 20   // bytes by which the heap may be behind the image
)

// heapAt chooses where the guest's heap begins: on a page in the first eighth of
// what is behind the image, where all of it is made of small pages.
func (m *memory) heapAt(imageEnd uint64) uint64 {
	size := uint64(len(m.bytes))
	if imageEnd >= min(size, smallStart-fetchHeap) {
		return 0
	}
	room := min((size-imageEnd)/8, heapShift, smallStart-fetchHeap-imageEnd)
	return (imageEnd + rand.Uint64N(room+1) + abi.PageSize - 1) &^ (abi.PageSize - 1)
}

// newMemory maps zeros that take no room until they are touched.
func newMemory(size, ringSize uint64) (memory, error) {
	b, err := unix.Mmap(-1, 0, int(size+ringSize), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return memory{}, fmt.Errorf("cannot map %d MiB of guest memory: %w; give the guest less", size>>20, err)
	}
	if size > smallStart+smallEnd {
		// A wish: where the host has no huge pages, small ones do.
		_ = unix.Madvise(b[smallStart:size-smallEnd], unix.MADV_HUGEPAGE)
	}
	return memory{mapping: b, bytes: b[:size:size], ring: b[size:]}, nil
}

// fetch makes the host allocate what a guest touches first, its image
// and the start of its heap included: one call instead of a fault for each
// page. It stays within smallStart, whatever the image says of its size. Without
// MADV_POPULATE_WRITE (Linux 5.14) the faults come one by one.
func (m *memory) fetch(imageEnd, heapAt uint64) {
	size := uint64(len(m.bytes))
	populate := func(from, to uint64) {
		if from, to := min(from, size)&^(abi.PageSize-1), min(to, smallStart, size)&^(abi.PageSize-1); from < to {
			_ = unix.Madvise(m.bytes[from:to], unix.MADV_POPULATE_WRITE)
		}
	}
	if heapAt < imageEnd+fetchHeap {
		populate(abi.MinLoadAddr, max(imageEnd, heapAt)+fetchHeap)
	} else {
		populate(abi.MinLoadAddr, imageEnd+fetchBooks)
		populate(heapAt, heapAt+fetchHeap)
	}
	_ = unix.Madvise(m.bytes[size-min(fetchStack, size):], unix.MADV_POPULATE_WRITE)
}

func (m *memory) unmap() error {
	if m.mapping == nil {
		return nil
	}
	err := unix.Munmap(m.mapping)
	m.mapping, m.bytes, m.ring = nil, nil, nil
	return err
}

// seal makes the segments that do not ask for it unwritable for hypercalls.
func (m *memory) seal(ranges []image.Range) {
	for _, r := range ranges {
		if r.Flags&elf.PF_W == 0 && r.Start != r.End {
			m.sealed = append(m.sealed, r)
		}
	}
}

// protect takes the right to write sealed segments away from the host, and so
// from the guest. In kernel mode this is the only protection they have: the
// guest's page tables say writable there, and its own may say anything. In
// user mode the tables are ours; and there it would keep a KVM that shadows
// them from mapping pages ahead, which it does only where the host may write.
func (m *memory) protect() error {
	m.protected = true
	for _, r := range m.sealed {
		if err := unix.Mprotect(m.bytes[r.Start:r.End], unix.PROT_READ); err != nil {
			return fmt.Errorf("cannot make guest memory %#x..%#x read-only: %w", r.Start, r.End, err)
		}
	}
	return nil
}

// in is a buffer the guest passed for the host to read. The contract wants it
// to end below the last byte of memory, even if it is empty.
func (m *memory) in(gpa, size uint64) ([]byte, error) {
	top := uint64(len(m.bytes))
	if gpa >= top || size >= top-gpa {
		return nil, breach(BreachAccess, "Invalid guest access: gpa=%#x, sz=%d", gpa, size)
	}
	return m.bytes[gpa : gpa+size : gpa+size], nil
}

// out is a buffer the guest passed for the host to write. What the guest may
// not write itself is refused: read-only segments, and all below the first
// segment, where boot info and page tables are.
func (m *memory) out(gpa, size uint64) ([]byte, error) {
	b, err := m.in(gpa, size)
	if err != nil || size == 0 {
		return b, err
	}
	readOnly := gpa < abi.MinLoadAddr
	for _, r := range m.sealed {
		readOnly = readOnly || gpa < r.End && r.Start < gpa+size
	}
	if readOnly {
		return nil, breach(BreachAccess, "Invalid guest access: gpa=%#x, sz=%d is read-only", gpa, size)
	}
	return b, nil
}

func (m *memory) put64(gpa, v uint64) { binary.LittleEndian.PutUint64(m.bytes[gpa:], v) }

// imageEnd is the end of the highest segment.
func imageEnd(im *image.Image) (end uint64) {
	for _, r := range im.Ranges() {
		end = max(end, r.End)
	}
	return end
}
