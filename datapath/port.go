package datapath

import (
	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/netback"
)

const (
	// maxBatch is the most frames of one device in one direction and round.
	maxBatch = 64
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

	// free are chunks taken from fill and not used yet, the first reading of
	// them in this round's reads; sending those of this round's writes. Of what
	// the guest sent, refused could not be.
	free    [maxBatch]abi.UMEMDesc
	nfree   int
	reading int
	sending [maxBatch]abi.UMEMDesc
	nsend   int
	refused int
	// results of the round: bytes, or a negative errno.
	readResult, sendResult [maxBatch]int32
	// batch is how many reads to try: what came last time, and some more.
	batch int
}

func newPort(u *UMEM, i int, dev netback.Device) *port {
	r := func(kind int, producer bool) ring {
		return newRing(u.memory, u.layout.ring(i, kind), u.layout.slots, producer)
	}
	return &port{
		fd: dev.FD(), handle: u.handles[i], batch: 1,
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
	want := min(p.batch, int(p.receive.mask+1-used))
	for ; p.nfree < want && waiting > 0; waiting-- {
		d := p.fill.take()
		if len(u.bytes(d)) == 0 {
			p.counters.dropped[ReceiveBadRoom].Add(1)
			continue
		}
		p.free[p.nfree] = d
		p.nfree++
	}
	p.reading = min(want, p.nfree)
	return nil
}

// prepareWrites takes the frames to send in a round, as many as the guest has
// room to have back.
func (p *port) prepareWrites(u *UMEM) error {
	p.nsend, p.refused = 0, 0
	used, waiting := p.completion.used(), p.transmit.waiting()
	if used > p.completion.mask+1 || waiting > p.transmit.mask+1 {
		return breach("%d frames to send and %d sent in %d slots", waiting, used, p.transmit.mask+1)
	}
	for n := min(maxBatch, int(waiting), int(p.completion.mask+1-used)); n > 0; n-- {
		d := p.transmit.take()
		if len(u.bytes(d)) == 0 {
			p.counters.dropped[SendBadDescriptor].Add(1)
			p.completion.put(d)
			p.refused++
			continue
		}
		p.sending[p.nsend] = d
		p.nsend++
	}
	return nil
}

// finish hands the results of a round to the guest. It says whether anything
// has moved, and whether a guest that sleeps has to know.
func (p *port) finish() (moved, news bool) {
	got := p.finishReads()
	sent := 0
	for i := range p.nsend {
		if n := p.sendResult[i]; n > 0 {
			p.counters.SentBytes.Add(uint64(n))
			sent++
		} else {
			p.counters.dropped[sendDrop(unix.Errno(-n))].Add(1)
		}
		p.completion.put(p.sending[i])
	}
	if sent > 0 {
		p.counters.Sent.Add(uint64(sent))
	}
	p.fill.publish()
	p.receive.publish()
	p.transmit.publish()
	p.completion.publish()
	return got+p.nsend+p.refused > 0, got > 0
}

// finishReads puts the frames that came into the ring.
func (p *port) finishReads() (got int) {
	left, moved := 0, 0
	for i := range p.reading {
		n := p.readResult[i]
		if n > 0 && n < int32(p.free[i].Len()) {
			p.receive.put(abi.NewUMEMDesc(p.free[i].Offset(), uint16(n)))
			p.counters.ReceivedBytes.Add(uint64(n))
			got++
			continue
		}
		if n > 0 {
			// It may have been longer: the kernel does not say.
			p.counters.dropped[ReceiveTooLong].Add(1)
			moved++
		} else {
			p.notRead(unix.Errno(-n))
		}
		p.free[left] = p.free[i]
		left++
	}
	p.nfree = left + copy(p.free[left:], p.free[p.reading:p.nfree])
	if got > 0 {
		p.failures = 0
		p.counters.Received.Add(uint64(got))
	}
	if got+moved == p.reading {
		p.batch = min(maxBatch, max(p.batch*2, 1))
	} else {
		p.batch = min(maxBatch, got+moved+1)
	}
	return got
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
	return !p.gone && p.receive.used() <= p.receive.mask && (p.nfree > 0 || p.fill.waiting() > 0)
}

// hasWork says that the guest has given something to do.
func (p *port) hasWork() bool {
	return p.transmit.waiting() > 0 && p.completion.used() <= p.completion.mask
}
