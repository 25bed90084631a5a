package datapath

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/netback"
)

// maxBatch is the most frames of one device in one direction and round.
const maxBatch = 64

// Counters are of one device, seen from the host: received is from the network
// to the guest. They may be read at any time.
type Counters struct {
	Received, ReceivedBytes atomic.Uint64
	Sent, SentBytes         atomic.Uint64
	// NotReceived counts errors of reading, NotSent frames that the host
	// refused, BadDescriptors those of the guest that name no chunk's memory.
	NotReceived, NotSent, BadDescriptors atomic.Uint64
}

// port is a device and its rings.
type port struct {
	dev      netback.Device
	fd       int
	handle   int
	counters Counters
	gone     bool // the host's end of the device does not exist any more
	told     bool // the guest knows

	fill, receive, transmit, completion ring

	// free are chunks taken from fill and not used yet, the first reading of
	// them in this round's reads; sending those of this round's writes.
	free    [maxBatch]abi.UMEMDesc
	nfree   int
	reading int
	sending [maxBatch]abi.UMEMDesc
	nsend   int
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
		dev: dev, fd: dev.FD(), handle: u.handles[i], batch: 1,
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
	if p.gone {
		return nil
	}
	want := min(p.batch, int(p.receive.mask+1-used))
	waiting := p.fill.waiting()
	if waiting > p.fill.mask+1 {
		return breach("%d chunks to fill in %d slots", waiting, p.fill.mask+1)
	}
	for ; p.nfree < want && waiting > 0; waiting-- {
		d := p.fill.take()
		if u.bytes(d) == nil {
			p.counters.BadDescriptors.Add(1)
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
	p.nsend = 0
	used, waiting := p.completion.used(), p.transmit.waiting()
	if used > p.completion.mask+1 || waiting > p.transmit.mask+1 {
		return breach("%d frames to send and %d sent in %d slots", waiting, used, p.transmit.mask+1)
	}
	for n := min(maxBatch, int(waiting), int(p.completion.mask+1-used)); n > 0; n-- {
		d := p.transmit.take()
		if u.bytes(d) == nil {
			p.counters.BadDescriptors.Add(1)
			p.completion.put(d)
			continue
		}
		p.sending[p.nsend] = d
		p.nsend++
	}
	return nil
}

// finish hands the results of a round to the guest and says whether anything
// has moved.
func (p *port) finish() (moved bool) {
	got, left := 0, 0
	for i := range p.nfree {
		if i >= p.reading || p.readResult[i] <= 0 {
			if i < p.reading {
				p.notRead(-p.readResult[i])
			}
			p.free[left] = p.free[i]
			left++
			continue
		}
		n := p.readResult[i]
		p.receive.put(abi.NewUMEMDesc(p.free[i].Offset(), uint16(n)))
		p.counters.ReceivedBytes.Add(uint64(n))
		got++
	}
	p.nfree = left
	if got == p.reading {
		p.batch = min(maxBatch, p.batch*2)
	} else {
		p.batch = min(maxBatch, got+1)
	}
	sent := 0
	for i := range p.nsend {
		if n := p.sendResult[i]; n > 0 {
			p.counters.SentBytes.Add(uint64(n))
			sent++
		}
		p.completion.put(p.sending[i])
	}
	p.counters.Received.Add(uint64(got))
	p.counters.Sent.Add(uint64(sent))
	p.counters.NotSent.Add(uint64(p.nsend - sent))
	p.fill.publish()
	p.receive.publish()
	p.transmit.publish()
	p.completion.publish()
	return got+p.nsend > 0
}

// notRead is a read that gave nothing.
func (p *port) notRead(errno int32) {
	switch unix.Errno(errno) {
	case unix.EAGAIN, unix.EINTR:
	case unix.EBADFD, unix.EBADF, unix.ENODEV, 0:
		p.gone = true
		p.counters.NotReceived.Add(1)
	default:
		p.counters.NotReceived.Add(1)
	}
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
