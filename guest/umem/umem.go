// Package umem is the guest's side of the rings that it shares with the tender:
// see abi.UMEMHeader. A received frame stays in the chunk that the tender wrote it
// to, and can be sent from there through any device, without a copy.
package umem

import (
	"fmt"
	"sync"
	"sync/atomic"

	"tender/abi"
)

// UMEM is the memory that is shared. Its methods and those of its ports may be
// called by several goroutines.
type UMEM struct {
	memory []byte
	header *abi.UMEMHeader
	first  uint32
	ports  []*Port

	mu   sync.Mutex
	free []uint32 // chunks that are the guest's, by offset
}

// New makes the guest's view of a UMEM that nobody has used.
func New(memory []byte) (*UMEM, error) {
	h := at[abi.UMEMHeader](memory, 0)
	if h.Bytes > uint64(len(memory)) || h.ChunksOffset+uint64(h.Chunks)*abi.UMEMChunkBytes > h.Bytes || h.Ports > 63 {
		return nil, fmt.Errorf("the tender's UMEM of %d bytes does not hold its %d chunks", h.Bytes, h.Chunks)
	}
	u := &UMEM{memory: memory[:h.Bytes:h.Bytes], header: h, first: uint32(h.ChunksOffset)}
	u.free = make([]uint32, 0, h.Chunks)
	for i := range h.Chunks {
		u.free = append(u.free, u.first+(h.Chunks-1-i)*abi.UMEMChunkBytes)
	}
	for i := range h.Ports {
		p := at[abi.UMEMPort](memory, uint64(headerBytes)+uint64(i)*uint64(portBytes))
		u.ports = append(u.ports, &Port{
			umem: u, shared: p, Handle: p.Handle,
			fill:       newRing(memory, p.Fill, p.Slots, true),
			receive:    newRing(memory, p.Receive, p.Slots, false),
			transmit:   newRing(memory, p.Transmit, p.Slots, true),
			completion: newRing(memory, p.Completion, p.Slots, false),
		})
	}
	return u, nil
}

// Port is that of the device with a handle, nil if there is none.
func (u *UMEM) Port(handle uint32) *Port {
	for _, p := range u.ports {
		if p.Handle == handle {
			return p
		}
	}
	return nil
}

// TenderSleeps says that the tender has to be woken for what has been published,
// and that it is the caller who does it.
func (u *UMEM) TenderSleeps() bool {
	return atomic.LoadUint32(&u.header.TenderSleeps) != 0 && atomic.SwapUint32(&u.header.TenderSleeps, 0) != 0
}

// Reclaim has all chunks back whose frames have been sent.
func (u *UMEM) Reclaim() {
	for _, p := range u.ports {
		p.Reclaim()
	}
}

// Gone says that the device with a handle has failed for good.
func (u *UMEM) Gone(handle uint32) bool {
	return atomic.LoadUint64(&u.header.Gone)>>(handle&63)&1 != 0
}

// Frame is a part of a chunk; the zero Frame is none. It is its holder's until
// it is sent or released.
type Frame abi.UMEMDesc

// More says that the frame goes on in the next one that is received or sent.
func (f Frame) More() bool { return abi.UMEMDesc(f)&abi.UMEMMore != 0 }

// WithMore is the frame, which goes on in the next one.
func (f Frame) WithMore() Frame { return f | Frame(abi.UMEMMore) }

// Bytes are the frame's. They can be written to.
func (u *UMEM) Bytes(f Frame) []byte {
	d := abi.UMEMDesc(f)
	start, end := uint64(d.Offset()), uint64(d.Offset())+uint64(d.Len())
	return u.memory[start:end:end]
}

// Part is a frame of n bytes, from byte start of the chunk that f is in.
func (u *UMEM) Part(f Frame, start, n int) Frame {
	return Frame(abi.NewUMEMDesc(u.chunk(f)+uint32(start), uint16(n)))
}

// chunk is the offset of the chunk that a frame is in.
func (u *UMEM) chunk(f Frame) uint32 {
	offset := abi.UMEMDesc(f).Offset()
	return offset - (offset-u.first)%abi.UMEMChunkBytes
}

// Alloc is a whole chunk; false when all are in use.
func (u *UMEM) Alloc() (Frame, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := len(u.free)
	if n == 0 {
		return 0, false
	}
	offset := u.free[n-1]
	u.free = u.free[:n-1]
	return Frame(abi.NewUMEMDesc(offset, abi.UMEMChunkBytes)), true
}

// scarce says that there are fewer free chunks than a device wants to lend.
func (u *UMEM) scarce() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.free) < cap(u.free)/8
}

// Release gives a frame's chunk back.
func (u *UMEM) Release(f Frame) {
	u.mu.Lock()
	u.free = append(u.free, u.chunk(f))
	u.mu.Unlock()
}

// ReleaseAll gives the chunks of frames back.
func (u *UMEM) ReleaseAll(frames []Frame) {
	if len(frames) == 0 {
		return
	}
	u.mu.Lock()
	for _, f := range frames {
		u.free = append(u.free, u.chunk(f))
	}
	u.mu.Unlock()
}

// Around is the part of f's chunk that p and the size bytes before it are; not ok
// if they do not lie there.
func (u *UMEM) Around(f Frame, p []byte, size int) (part Frame, ok bool) {
	start := u.chunk(f)
	offset, ok := within(u.memory[start:start+abi.UMEMChunkBytes], p)
	if !ok || offset < size || len(p) == 0 {
		return 0, false
	}
	return u.Part(f, offset-size, size+len(p)), true
}
