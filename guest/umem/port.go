package umem

import (
	"sync"

	"tender/abi"
)

// Headroom is left before a received frame, for headers that are added.
const Headroom = 64

// reclaimAt is from how many chunks that are not back on Send looks for those that
// are: for each frame alone that costs more than it gains.
const reclaimAt = 64

// Port is a device's four rings.
type Port struct {
	// Handle is the device's in the manifest.
	Handle uint32
	umem   *UMEM
	shared *abi.UMEMPort
	has    uint32 // of Choose

	rx                   sync.Mutex
	fill, receive        ring
	lent                 int // chunks in fill and not yet back
	tx                   sync.Mutex
	transmit, completion ring
}

// Receive stores the frames that wait, at most len(frames), and lends the tender
// as many chunks as it takes. The frames are the caller's.
func (p *Port) Receive(frames []Frame) int {
	p.rx.Lock()
	n := 0
	for n < len(frames) {
		d, ok := p.receive.take()
		if !ok {
			break
		}
		frames[n] = Frame(d)
		n++
	}
	p.lent -= n
	p.lend()
	p.rx.Unlock()
	return n
}

// Waits says that there are frames to receive. It takes no lock.
func (p *Port) Waits() bool { return p.receive.waits() }

// Lend gives the tender chunks to receive into, before the first Receive.
func (p *Port) Lend() {
	p.rx.Lock()
	p.lend()
	p.rx.Unlock()
}

// lend keeps the device's share of chunks with the tender, as far as there are any.
func (p *Port) lend() {
	u := p.umem
	if p.lent < int(p.fill.mask+1) && u.scarce() {
		u.Reclaim()
	}
	want := int(p.fill.mask+1) - p.lent
	if want <= 0 {
		p.receive.publish()
		return
	}
	u.mu.Lock()
	for ; want > 0 && len(u.free) > 0; want-- {
		offset := u.free[len(u.free)-1]
		if !p.fill.put(abi.NewUMEMDesc(offset+Headroom, abi.UMEMChunkBytes-Headroom)) {
			break
		}
		u.free = u.free[:len(u.free)-1]
		p.lent++
	}
	u.mu.Unlock()
	p.receive.publish()
	p.fill.publish()
}

// Send takes the frames over and sends those that there is room for; the others
// are dropped, as a full queue does, and so is one in pieces if it does not fit
// whole. It returns how many are sent. The caller then wakes the tender if it
// sleeps.
func (p *Port) Send(frames []Frame) int {
	p.tx.Lock()
	if p.room() < len(frames) || p.transmit.index-p.completion.index >= reclaimAt {
		p.reclaim()
	}
	n, room := 0, p.room()
	for n < len(frames) && n < room {
		p.transmit.put(abi.UMEMDesc(frames[n]))
		n++
	}
	for n < len(frames) && n > 0 && frames[n-1].More() {
		p.transmit.index--
		n--
	}
	p.transmit.publish()
	p.tx.Unlock()
	for _, f := range frames[n:] {
		p.umem.Release(f)
	}
	return n
}

// Room is how many pieces of frames Send would take now.
func (p *Port) Room() int {
	p.tx.Lock()
	defer p.tx.Unlock()
	p.reclaim()
	return p.room()
}

// room counts the chunks that are not back yet: together they fit the completion
// ring, so that the tender never waits for room there.
func (p *Port) room() int { return int(p.transmit.mask + 1 - (p.transmit.index - p.completion.index)) }

// Reclaim has chunks back whose frames have been sent.
func (p *Port) Reclaim() {
	p.tx.Lock()
	p.reclaim()
	p.tx.Unlock()
}

func (p *Port) reclaim() {
	u := p.umem
	u.mu.Lock()
	for {
		d, ok := p.completion.take()
		if !ok {
			break
		}
		u.free = append(u.free, u.chunk(Frame(d)))
	}
	u.mu.Unlock()
	p.completion.publish()
}
