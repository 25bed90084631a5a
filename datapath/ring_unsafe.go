package datapath

import (
	"sync/atomic"
	"unsafe"

	"tender/abi"
)

// The views of this file are onto memory that the guest writes too. They hold no
// Go pointers to the Go heap, and live as long as the UMEM is mapped.

// at is the T at an offset of memory, which must hold it whole.
func at[T any](memory []byte, offset uint64) *T {
	var t T
	_ = memory[offset : offset+uint64(unsafe.Sizeof(t))]
	return (*T)(unsafe.Pointer(&memory[offset]))
}

// address is where memory starts, for the kernel.
func address(memory []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(memory))) }

// ring is the tender's end of a ring. It is the producer of some and the
// consumer of others: index is its own index, of which the one in shared memory
// is a copy for the guest.
type ring struct {
	own, other *uint32
	slots      []abi.UMEMDesc
	mask       uint32
	// shown is what the guest knows of index.
	index, shown uint32
}

func newRing(memory []byte, offset uint64, slots uint32, producer bool) ring {
	h := at[abi.UMEMRing](memory, offset)
	entries := memory[offset+ringBytes:][:uint64(slots)*descBytes]
	r := ring{
		own: &h.Consumer, other: &h.Producer, mask: slots - 1,
		slots: unsafe.Slice((*abi.UMEMDesc)(unsafe.Pointer(&entries[0])), slots),
	}
	if producer {
		r.own, r.other = r.other, r.own
	}
	return r
}

// waiting is how many entries the guest has produced that are not consumed yet;
// more than there are slots is a breach. For a consumer.
func (r *ring) waiting() uint32 { return atomic.LoadUint32(r.other) - r.index }

// used is how many entries the guest has not consumed yet; more than there are
// slots is a breach. For a producer.
func (r *ring) used() uint32 { return r.index - atomic.LoadUint32(r.other) }

// take is the next entry. The caller has seen that one is waiting.
func (r *ring) take() abi.UMEMDesc {
	d := r.look(0)
	r.index++
	return d
}

// look is the entry n behind the next one, which stays there. The caller has seen
// that it is waiting.
func (r *ring) look(n uint32) abi.UMEMDesc {
	return abi.UMEMDesc(atomic.LoadUint64((*uint64)(&r.slots[(r.index+n)&r.mask])))
}

// put adds an entry. The caller has seen that there is room.
func (r *ring) put(d abi.UMEMDesc) {
	atomic.StoreUint64((*uint64)(&r.slots[r.index&r.mask]), uint64(d))
	r.index++
}

// publish shows the guest what take and put have done.
func (r *ring) publish() {
	if r.shown != r.index {
		r.shown = r.index
		atomic.StoreUint32(r.own, r.index)
	}
}
