package datapath

import (
	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/netback"
)

const (
	// maxBatch is the most frames of one device in one direction and round, and
	// maxParts the most descriptors.
	maxBatch = 256
	maxParts = 4 * maxBatch
	// maxFailures is how many reads may fail before the device is taken for gone.
	maxFailures = 1000
)

// port is a device and its rings.
type port struct {
	fd int
	// batcher is the device if it needs no system call for a frame; else nil. Frames
	// that are queued wait for flush; left says that the host had no room for some.
	batcher  netback.Batcher
	queued   int
	left     bool
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

	// free are chunks taken from fill and not used yet.
	free  [maxScatter * abi.UMEMMaxChain]abi.UMEMDesc
	nfree int
	// reading is how many frames are read at a time, came how many of them there
	// were, of how many bytes together, and next the first that the guest does not have.
	// Without chains a frame is read to the chunk in the same place of free; with them
	// it is copied from the tender's memory. holds says that it waits there for chunks.
	reading, came, next int
	cameBytes           int
	holds               bool
	scatter             scatter
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
	batcher, _ := dev.(netback.Batcher)
	return &port{
		fd: dev.FD(), batcher: batcher, handle: u.handles[i], batch: 1, needs: 1, choice: newChoice(u, i, dev),
		fill: r(0, false), receive: r(1, true), transmit: r(2, false), completion: r(3, true),
	}
}

// prepareReads plans the reads of a round, as many as the guest has room for
// frames. last says that there shall be none, byRing that the io_uring does them.
func (p *port) prepareReads(u *UMEM, last, byRing bool) error {
	used, waiting := p.receive.used(), p.fill.waiting()
	if used > p.receive.mask+1 {
		return breach("%d frames received in %d slots", used, p.receive.mask+1)
	}
	if waiting > p.fill.mask+1 {
		return breach("%d chunks to fill in %d slots", waiting, p.fill.mask+1)
	}
	if p.gone || last || p.holds {
		return nil
	}
	p.reading = min(p.batch, int(p.receive.mask+1-used))
	if p.choice.chains() {
		if p.nfree == 0 && waiting == 0 {
			p.reading = 0
		}
		p.scatter.on = byRing && p.scatter.large && p.reserve(u)
		return nil
	}
	for p.nfree < p.reading {
		d, ok := p.fromFill(u)
		if !ok {
			break
		}
		p.free[p.nfree] = d
		p.nfree++
	}
	p.reading = min(p.reading, p.nfree)
	return nil
}

// reads is how many frames this round is to read.
func (p *port) reads() int {
	if p.holds {
		return 0
	}
	return p.reading
}

// fromFill is the next chunk that the guest lends, if there is one.
func (p *port) fromFill(u *UMEM) (d abi.UMEMDesc, ok bool) {
	for waiting := min(p.fill.waiting(), p.fill.mask+1); waiting > 0; waiting-- {
		if d = p.fill.take(); !p.badRoom(u, d) {
			return d, true
		}
	}
	return 0, false
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
	got := 0
	switch {
	case p.scatter.on:
		got = p.finishScattered()
	case p.choice.chains():
		got = p.finishCopies(u)
	default:
		got = p.finishReads()
	}
	if got > 0 {
		p.failures = 0
		p.counters.Received.Add(uint64(got))
	}
	p.finishWrites()
	p.fill.publish()
	p.receive.publish()
	p.transmit.publish()
	p.completion.publish()
	return got+p.nsend+p.refused > 0, got > 0
}

// finishReads puts the frames that came into the ring, where they lie.
func (p *port) finishReads() (got int) {
	left := 0
	for ; p.next < p.reading; p.next++ {
		d, n := p.free[p.next], int(p.readResult[p.next])
		if p.readable(n, int(d.Len())) {
			skip := p.choice.skip
			p.receive.put(abi.NewUMEMDesc(d.Offset()+uint32(skip), uint16(n-skip)))
			p.counters.ReceivedBytes.Add(uint64(n - p.choice.header))
			got++
			continue
		}
		p.free[left] = d
		left++
	}
	p.nfree = left + copy(p.free[left:], p.free[p.reading:p.nfree])
	p.plan()
	return got
}

// readable says whether a read with a result, into room bytes, gave a frame, and
// counts what it gave.
func (p *port) readable(n, room int) bool {
	if n <= 0 {
		p.notRead(unix.Errno(-n))
		return false
	}
	p.came++
	p.cameBytes += n
	if n <= p.choice.skip || n >= room {
		// What fills all room may have been longer: the kernel does not say.
		p.counters.dropped[ReceiveTooLong].Add(1)
		return false
	}
	return true
}

// plan decides on the next batch, once one has come.
func (p *port) plan() {
	if p.came > 0 {
		p.scatter.large = p.cameBytes/p.came >= largeFrame
	}
	switch {
	case p.reading == 0:
	case p.came == p.reading:
		p.batch = min(maxBatch, p.batch*2)
	default:
		p.batch = min(maxBatch, p.came+1)
	}
	p.forget()
}

// forget ends a batch, with what is left of it.
func (p *port) forget() {
	p.reading, p.came, p.cameBytes, p.next, p.holds, p.scatter.on = 0, 0, 0, 0, false, false
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
	return !p.gone && !p.holds && p.receive.used() <= p.receive.mask && (p.nfree > 0 || p.fill.waiting() > 0)
}

// hasWork says that the guest has given something to do.
func (p *port) hasWork() bool {
	return p.choice.pending() || p.holds && p.hasRoom(abi.UMEMMaxChain) || p.transmit.waiting() > 0 && p.completion.used()+p.needs <= p.completion.mask+1
}
