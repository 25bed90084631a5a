package hvt

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"tender/abi"
)

// An image with a large BSS, or one that lies about its size, takes no room
// before it touches it.
func TestFetchIsBounded(t *testing.T) {
	const size = 64 << 20
	for _, imageEnd := range []uint64{0, abi.MinLoadAddr, 3 << 20, 60 << 20, 1<<64 - 1} {
		m, err := newMemory(size, 0)
		if err != nil {
			t.Fatal(err)
		}
		m.fetch(imageEnd, m.heapAt(imageEnd))
		resident := make([]byte, size/abi.PageSize)
		if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&m.bytes[0])), size, uintptr(unsafe.Pointer(&resident[0]))); errno != 0 {
			t.Fatal(errno)
		}
		pages := 0
		for _, r := range resident {
			pages += int(r & 1)
		}
		if most := (smallStart + fetchStack) / abi.PageSize; pages > most {
			t.Errorf("image up to %#x: %d pages are resident, at most %d may be", imageEnd, pages, most)
		}
		if err := m.unmap(); err != nil {
			t.Error(err)
		}
	}
}

// The heap's place differs from run to run, is a page behind the image, and
// leaves most of the memory in one piece.
func TestHeapAt(t *testing.T) {
	for _, size := range []uint64{2 << 20, 8 << 20, 64 << 20, 1 << 30} {
		m, err := newMemory(size, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, imageEnd := range []uint64{abi.MinLoadAddr, 0x2ff123, 13 << 20, 14 << 20, 60 << 20, size, 1<<64 - 1} {
			places := make(map[uint64]bool)
			for range 50 {
				at := m.heapAt(imageEnd)
				places[at] = true
				if at != 0 && (at%abi.PageSize != 0 || at < imageEnd || at-imageEnd > (size-imageEnd)/8+abi.PageSize || at > smallStart-fetchHeap+abi.PageSize) {
					t.Errorf("%d MiB, image up to %#x: heap at %#x", size>>20, imageEnd, at)
				}
			}
			if imageEnd <= min(size/2, 8<<20) && len(places) < 10 {
				t.Errorf("%d MiB, image up to %#x: %d places", size>>20, imageEnd, len(places))
			}
		}
		if err := m.unmap(); err != nil {
			t.Error(err)
		}
	}
}
