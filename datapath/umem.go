package datapath

import (
	"fmt"
	"sync/atomic"

	"tender/abi"
)

// UMEM is the tender's side of one.
type UMEM struct {
	memory []byte
	header *abi.UMEMHeader
	layout Layout
	// handles of the devices, in their order.
	handles []int
}

// BreachError is a guest that broke the rules of the rings.
type BreachError struct{ text string }

// Error implements error.
func (e *BreachError) Error() string { return e.text }

func breach(format string, args ...any) error {
	return &BreachError{"Invalid guest ring: " + fmt.Sprintf(format, args...)}
}

// NewUMEM writes header, ports and empty rings to memory, zeros of
// Layout.Bytes, for the devices with these handles.
func NewUMEM(memory []byte, l Layout, handles []int) (*UMEM, error) {
	if uint64(len(memory)) < l.Bytes() || len(handles) != l.ports {
		return nil, fmt.Errorf("a UMEM of %d bytes for %d devices does not fit %d bytes for %d", l.Bytes(), l.ports, len(memory), len(handles))
	}
	u := &UMEM{memory: memory[:l.Bytes()], header: at[abi.UMEMHeader](memory, 0), layout: l, handles: handles}
	*u.header = abi.UMEMHeader{
		Version: abi.UMEMVersion, Ports: uint32(l.ports), Bytes: l.Bytes(),
		Chunks: l.chunks, ChunksOffset: l.first, DoorbellFD: -1,
	}
	for i, handle := range handles {
		*u.port(i) = abi.UMEMPort{
			Handle: uint32(handle), Slots: l.slots,
			Fill: l.ring(i, 0), Receive: l.ring(i, 1), Transmit: l.ring(i, 2), Completion: l.ring(i, 3),
		}
	}
	return u, nil
}

// port describes the device with an index to the guest.
func (u *UMEM) port(i int) *abi.UMEMPort {
	return at[abi.UMEMPort](u.memory, headerBytes+uint64(i)*portBytes)
}

// SetDoorbell tells an spt guest which of its descriptors wakes the tender.
func (u *UMEM) SetDoorbell(fd int) { u.header.DoorbellFD = int32(fd) }

// bytes are those of a descriptor, if they lie within the chunks; else none.
func (u *UMEM) bytes(d abi.UMEMDesc) []byte {
	offset, n := uint64(d.Offset()), uint64(d.Len())
	if offset < u.layout.first || offset+n > uint64(len(u.memory)) {
		return nil
	}
	return u.memory[offset : offset+n : offset+n]
}

// guestWaits says that the guest sleeps and is to be woken, once.
func (u *UMEM) guestWaits() bool {
	return atomic.LoadUint32(&u.header.GuestSleeps) != 0 && atomic.SwapUint32(&u.header.GuestSleeps, 0) != 0
}

// setGone tells the guest that a device has failed.
func (u *UMEM) setGone(handle int) { atomic.OrUint64(&u.header.Gone, 1<<handle) }

// sleeps tells the guest whether to ring.
func (u *UMEM) sleeps(yes bool) {
	v := uint32(0)
	if yes {
		v = 1
	}
	atomic.SwapUint32(&u.header.TenderSleeps, v) // a full barrier
}
