package datapath

import "tender/abi"

// finishCopies puts the frames that came into the ring, in as many chunks as they
// take. The others wait if there are too few.
func (p *port) finishCopies(u *UMEM) (got int) {
	for ; p.next < p.reading; p.next++ {
		buffer, n := p.choice.buffer(p.next), int(p.readResult[p.next])
		if !p.holds && !p.readable(n, len(buffer)) {
			continue
		}
		ok := p.deliver(u, buffer[p.choice.skip:n])
		if p.holds = !ok && !p.hasRoom(abi.UMEMMaxChain); p.holds {
			return got
		}
		if !ok {
			p.counters.dropped[ReceiveNoRoom].Add(1) // chunks of next to nothing
			continue
		}
		p.counters.ReceivedBytes.Add(uint64(n - p.choice.header))
		got++
	}
	p.plan()
	return got
}

// hasRoom says that there are at least n chunks and n slots for a frame.
func (p *port) hasRoom(n uint32) bool {
	return uint32(p.nfree)+p.fill.waiting() >= n && p.receive.mask+1-p.receive.used() >= n
}

// deliver copies a frame to chunks and puts them into the ring. If there are too
// few, or too few slots, it takes none.
func (p *port) deliver(u *UMEM, frame []byte) bool {
	var chain [abi.UMEMMaxChain]abi.UMEMDesc
	slots := min(p.receive.mask+1-p.receive.used(), abi.UMEMMaxChain)
	k := uint32(0)
	for rest := len(frame); rest > 0; k++ {
		d, ok := abi.UMEMDesc(0), k < slots
		if ok {
			d, ok = p.chunk(u)
		}
		if !ok {
			p.nfree += copy(p.free[p.nfree:], chain[:k])
			return false
		}
		chain[k] = d
		rest -= int(d.Len())
	}
	p.post(chain[:k], len(frame))
	for _, d := range chain[:k] {
		frame = frame[copy(u.bytes(d), frame):]
	}
	return true
}

// chunk is one to receive into, if there is one.
func (p *port) chunk(u *UMEM) (abi.UMEMDesc, bool) {
	if p.nfree > 0 {
		p.nfree--
		return p.free[p.nfree], true
	}
	return p.fromFill(u)
}
