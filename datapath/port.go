package datapath

import (
	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/netback"
)

const (
	// maxBatch is the most frames of one device in one direction and round, and
	// maxParts the most descriptors.
	maxBatch = 64
	maxParts = 4 * maxBatch
	// maxFailures is how many reads may fail before the device is taken for gone.
	maxFailures = 1000
)

// port is a device and its rings.
type port struct {
	fd       int
	handle   int
	counters Counters
	gone     bool // the host's end of the device does not exist any more
	told     bool // the guest knows
	// suspect says that poll has seen an error; a read will tell. failures are
	// reads that failed one after the other.
	suspect  bool
	failures int

	fill, receive, transmit, completion ring
	choice                              choice

	// free are chunks taken from fill and not used yet, the first reading of
	// them in this round's reads.
	free    [maxBatch + abi.UMEMMaxChain]abi.UMEMDesc
	nfree   int
	reading int
	// batch is how many reads to try: what came last time, and some more.
	batch int
	// parts are the descriptors of this round's frames to send; the n-th frame's
	// end at ends[n]. Of what the guest sent, refused could not be. needs is
	// the room in the completion ring that the next frame waits for.
	parts   [maxParts]abi.UMEMDesc
	ends    [maxBatch]int
	nsend   int
	refused int
	needs   uint32
	// results of the round: bytes, or a negative errno.
	readResult, sendResult [maxBatch]int32
}

func newPort(u *UMEM, i int, dev netback.Device) *port {
	r := func(kind int, producer bool) ring {
		return newRing(u.memory, u.layout.ring(i, kind), u.layout.slots, producer)
	}
	return &port{
		fd: dev.FD(), handle: u.handles[i], batch: 1, needs: 1, choice: newChoice(u, i, dev),
		fill: r(0, false), receive: r(1, true), transmit: r(2, false), completion: r(3, true),
	}
}

// prepareReads takes chunks for the reads of a round, as many as the guest has
// room for frames.
func (p *port) prepareReads(u *UMEM) error {
	p.reading = 0
	used := p.receive.used()
	if used > p.receive.mask+1 {
		return breach("%d frames received in %d slots", used, p.receive.mask+1)
	}
	waiting := p.fill.waiting()
	if waiting > p.fill.mask+1 {
		return breach("%d chunks to fill in %d slots", waiting, p.fill.mask+1)
	}
	if p.gone {
		return nil
	}
	want := min(p.batch, p.choice.maxReads(p.receive.mask+1-used, uint32(p.nfree)+waiting))
	for ; p.nfree < want && waiting > 0; waiting-- {
		d := p.fill.take()
		if p.badRoom(u, d) {
			continue
		}
		p.free[p.nfree] = d
		p.nfree++
	}
	p.reading = min(want, p.nfree)
	return nil
}

// badRoom says that nothing can be received into a fill entry.
func (p *port) badRoom(u *UMEM, d abi.UMEMDesc) bool {
	if len(u.bytes(d)) < minRoom {
		p.counters.dropped[ReceiveBadRoom].Add(1)
		return true
	}
	return false
}

// finish hands the results of a round to the guest. It says whether anything
// has moved, and whether a guest that sleeps has to know.
func (p *port) finish(u *UMEM) (moved, news bool) {
	got := p.finishReads(u)
	p.finishWrites()
	p.fill.publish()
	p.receive.publish()
	p.transmit.publish()
	p.completion.publish()
	return got+p.nsend+p.refused > 0, got > 0
}

// finishReads puts the frames that came into the ring.
func (p *port) finishReads(u *UMEM) (got int) {
	left, lost := 0, 0
	for i := range p.reading {
		n := p.readResult[i]
		switch {
		case n <= 0:
			p.notRead(unix.Errno(-n))
		case p.deliver(u, i, int(n)):
			got++
			continue
		default:
			lost++
		}
		p.free[left] = p.free[i]
		left++
	}
	p.nfree = left + copy(p.free[left:], p.free[p.reading:p.nfree])
	if got > 0 {
		p.failures = 0
		p.counters.Received.Add(uint64(got))
	}
	if got+lost == p.reading {
		p.batch = min(maxBatch, p.batch*2)
	} else {
		p.batch = min(maxBatch, got+lost+1)
	}
	return got
}

// deliver puts the n bytes that were read into the i-th chunk, and behind it, into
// the ring. If the guest has no room for them the frame is dropped.
func (p *port) deliver(u *UMEM, i, n int) bool {
	d, skip := p.free[i], p.choice.skip
	room := int(d.Len())
	switch {
	case n <= skip || n >= room+len(p.choice.spill(i)):
		// What fills all room may have been longer: the kernel does not say.
		p.counters.dropped[ReceiveTooLong].Add(1)
		return false
	case n <= room:
		p.receive.put(abi.NewUMEMDesc(d.Offset()+uint32(skip), uint16(n-skip)))
	case !p.deliverChain(u, i, n):
		p.counters.dropped[ReceiveNoRoom].Add(1)
		return false
	}
	p.counters.ReceivedBytes.Add(uint64(n - p.choice.header))
	return true
}

// notRead is a read that gave nothing.
func (p *port) notRead(errno unix.Errno) {
	switch errno {
	case unix.EAGAIN, unix.EINTR:
		p.gone = p.gone || p.suspect
		p.failures = 0
	case unix.EBADFD, unix.EBADF, unix.ENODEV, 0:
		p.gone = true
	default:
		p.counters.dropped[ReceiveFailed].Add(1)
		p.failures++
		p.gone = p.gone || p.failures >= maxFailures
	}
	p.suspect = false
}

// tellGone tells the guest, once, that the device is gone.
func (p *port) tellGone(u *UMEM) (told bool) {
	if !p.gone || p.told {
		return false
	}
	p.told = true
	u.setGone(p.handle)
	return true
}

// canReceive says that a frame from the host could be given to the guest.
func (p *port) canReceive() bool {
	used, waiting := p.receive.used(), p.fill.waiting()
	if p.gone || used > p.receive.mask+1 || waiting > p.fill.mask+1 {
		return false
	}
	chunks := uint32(p.nfree) + waiting
	return chunks > 0 && p.choice.maxReads(p.receive.mask+1-used, chunks) > 0
}

// hasWork says that the guest has given something to do.
func (p *port) hasWork() bool {
	return p.choice.pending() || p.transmit.waiting() > 0 && p.completion.used()+p.needs <= p.completion.mask+1
}
