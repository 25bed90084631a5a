package hvt

import (
	"sync/atomic"

	"tender/abi"
)

// ring is the tender's side of the network ring: it serves what the guest has
// submitted. One goroutine uses it. Source: solo5-abi 2.6.
//
// The guest may write all of shared at any time, so indices are kept here and
// only published there, and each field of an entry is loaded once. What a
// guest can get wrong ends it if frames or commits would be lost otherwise,
// or if memory is concerned: more entries than slots, a commit without room,
// a bad pointer. An operation or handle nobody knows costs nothing and is
// skipped, as the contract says. NeedsKick only decides about the guest's
// own progress.
type ring struct {
	shared  *abi.NetRing
	host    *host
	head    uint32 // the next entry
	comTail uint32 // the next commit
}

// waiting says whether entries wait.
func (r *ring) waiting() bool { return atomic.LoadUint32(&r.shared.EntTail) != r.head }

// drain serves the entries that wait when it begins and says whether there
// were any. An error ends the guest.
func (r *ring) drain() (served bool, err error) {
	n := atomic.LoadUint32(&r.shared.EntTail) - r.head
	if n > abi.NetRingSlots {
		return false, breach(BreachRing, "Invalid guest ring: %d entries in %d slots", n, abi.NetRingSlots)
	}
	for range n {
		if err := r.serve(&r.shared.Entries[r.head%abi.NetRingSlots]); err != nil {
			return true, err
		}
		r.head++
		atomic.StoreUint32(&r.shared.EntHead, r.head)
	}
	return n > 0, nil
}

// serve does what one entry asks for.
func (r *ring) serve(e *abi.NetRingEntry) error {
	operation := atomic.LoadUint32(&e.Operation)
	handle := atomic.LoadUint32(&e.Handle)
	data := atomic.LoadUint64(&e.Data)
	size := uint64(atomic.LoadUint32(&e.Len))
	id := atomic.LoadUint32(&e.ID)
	switch operation {
	case abi.NetRingWrite:
		return r.write(handle, data, size)
	case abi.NetRingRead:
		return r.read(handle, data, size, id)
	}
	return nil
}

// write sends a frame. There is nobody to tell about one that cannot be sent:
// it is lost, as frames are.
func (r *ring) write(handle uint32, data, size uint64) error {
	d := r.host.net(uint64(handle))
	if d == nil {
		return nil
	}
	frame, err := r.host.mem.in(data, size)
	if err != nil {
		return err
	}
	d.send(frame)
	return nil
}

// read takes a frame that waits, and commits.
func (r *ring) read(handle uint32, data, size uint64, id uint32) error {
	// Room is checked first: a frame is not taken to be lost.
	if n := r.comTail - atomic.LoadUint32(&r.shared.ComHead); n >= abi.NetRingSlots {
		return breach(BreachRing, "Invalid guest ring: no room for a commit, %d in %d slots", n, abi.NetRingSlots)
	}
	d := r.host.net(uint64(handle))
	if d == nil {
		r.commit(id, abi.ResultInval, 0)
		return nil
	}
	buf, err := r.host.mem.out(data, size)
	if err != nil {
		return err
	}
	n, result := d.receive(buf)
	if result == abi.ResultUnspec {
		result = abi.ResultInval
	}
	r.commit(id, result, uint32(n))
	return nil
}

// commit posts the outcome of a read.
func (r *ring) commit(id uint32, result abi.Result, size uint32) {
	c := &r.shared.Commits[r.comTail%abi.NetRingSlots]
	c.ID, c.Ret, c.Len, c.Reserved = id, result, size, 0
	r.comTail++
	atomic.StoreUint32(&r.shared.ComTail, r.comTail)
}
