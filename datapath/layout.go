package datapath

import (
	"fmt"

	"tender/abi"
)

const (
	headerBytes = 192
	portBytes   = 56
	ringBytes   = 128
	descBytes   = 8

	// minSlots is the smallest ring worth having.
	minSlots = 64
)

// Layout is where things are in a UMEM.
type Layout struct {
	ports  int
	slots  uint32
	chunks uint32
	first  uint64 // offset of the first chunk
}

// NewLayout plans the UMEM of a guest with that many network devices so that it takes
// at most bytes of memory: rings of up to abi.UMEMMaxSlots/4 slots, and for each
// device two chunks for a slot. It returns an error if bytes is too small for the
// smallest rings, or if there is no device.
func NewLayout(ports int, bytes uint64) (Layout, error) {
	if ports < 1 || ports > 63 {
		return Layout{}, fmt.Errorf("a UMEM serves 1 to 63 network devices, not %d", ports)
	}
	for slots := uint32(abi.UMEMMaxSlots / 4); slots >= minSlots; slots /= 2 {
		l := Layout{ports: ports, slots: slots, chunks: 2 * slots * uint32(ports)}
		l.first = pages(headerBytes + uint64(ports)*(portBytes+4*l.ringBytes()))
		if l.Bytes() <= bytes {
			return l, nil
		}
	}
	return Layout{}, fmt.Errorf("%d bytes are too few for the rings of %d network devices", bytes, ports)
}

func (l Layout) ringBytes() uint64 { return ringBytes + uint64(l.slots)*descBytes }

// Bytes is the size of the UMEM, whole pages.
func (l Layout) Bytes() uint64 { return l.first + uint64(l.chunks)*abi.UMEMChunkBytes }

// ring is the offset of a ring: 0 fill, 1 receive, 2 transmit, 3 completion.
func (l Layout) ring(port, kind int) uint64 {
	start := (headerBytes + uint64(l.ports)*portBytes + 63) &^ 63
	return start + uint64(4*port+kind)*l.ringBytes()
}

func pages(n uint64) uint64 { return (n + 64 + abi.PageSize - 1) &^ (abi.PageSize - 1) }
