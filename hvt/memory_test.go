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
		m.fetch(imageEnd)
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
