package umem

import (
	"sync/atomic"
	"unsafe"

	"tender/abi"
)

// The views of this file are onto memory outside of the Go heap, which the
// tender shares and which is never unmapped.

// Map is the UMEM of n bytes at an address that the kernel gives; nil for
// another version of the contract.
func Map(address, n uintptr) []byte {
	memory := unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&address))), n)
	if at[abi.UMEMHeader](memory, 0).Version != abi.UMEMVersion {
		return nil
	}
	return memory
}

func at[T any](memory []byte, offset uint64) *T {
	var t T
	_ = memory[offset : offset+uint64(unsafe.Sizeof(t))]
	return (*T)(unsafe.Pointer(&memory[offset]))
}

// within is where p starts in memory; not ok if p does not lie within.
func within(memory, p []byte) (offset int, ok bool) {
	from := uintptr(unsafe.Pointer(unsafe.SliceData(p))) - uintptr(unsafe.Pointer(unsafe.SliceData(memory)))
	if from > uintptr(len(memory)) || uintptr(len(p)) > uintptr(len(memory))-from {
		return 0, false
	}
	return int(from), true
}

const headerBytes, portBytes, ringBytes, descBytes = unsafe.Sizeof(abi.UMEMHeader{}), unsafe.Sizeof(abi.UMEMPort{}), unsafe.Sizeof(abi.UMEMRing{}), unsafe.Sizeof(abi.UMEMDesc(0))

// ring is the guest's end of a ring; cached is the other side's index as last
// read.
type ring struct {
	own, other    *uint32
	slots         []abi.UMEMDesc
	mask          uint32
	index, cached uint32
}

func newRing(memory []byte, offset uint64, slots uint32, producer bool) ring {
	h := at[abi.UMEMRing](memory, offset)
	entries := memory[offset+uint64(ringBytes):][:uint64(slots)*uint64(descBytes)]
	r := ring{
		own: &h.Consumer, other: &h.Producer, mask: slots - 1,
		slots: unsafe.Slice((*abi.UMEMDesc)(unsafe.Pointer(&entries[0])), slots),
	}
	if producer {
		r.own, r.other = r.other, r.own
	}
	r.index = atomic.LoadUint32(r.own)
	r.cached = atomic.LoadUint32(r.other)
	return r
}

// take is the next entry. For a consumer.
func (r *ring) take() (d abi.UMEMDesc, ok bool) {
	if r.cached == r.index {
		if r.cached = atomic.LoadUint32(r.other); r.cached == r.index {
			return 0, false
		}
	}
	d = r.slots[r.index&r.mask]
	r.index++
	return d, true
}

// waits says that there are entries to take. Others may take them meanwhile.
func (r *ring) waits() bool { return atomic.LoadUint32(r.other) != atomic.LoadUint32(r.own) }

// put adds an entry; false if there is no room. For a producer.
func (r *ring) put(d abi.UMEMDesc) bool {
	if r.index-r.cached > r.mask {
		if r.cached = atomic.LoadUint32(r.other); r.index-r.cached > r.mask {
			return false
		}
	}
	r.slots[r.index&r.mask] = d
	r.index++
	return true
}

// publish shows the tender what take and put have done.
func (r *ring) publish() {
	if atomic.LoadUint32(r.own) != r.index {
		atomic.StoreUint32(r.own, r.index)
	}
}
