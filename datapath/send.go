package datapath

import (
	"golang.org/x/sys/unix"

	"tender/abi"
)

// prepareWrites takes the frames to send in a round, as many as the guest has
// room to have back.
func (p *port) prepareWrites(u *UMEM) error {
	p.nsend, p.refused, p.needs = 0, 0, 1
	used, waiting := p.completion.used(), p.transmit.waiting()
	if used > p.completion.mask+1 || waiting > p.transmit.mask+1 {
		return breach("%d frames to send and %d sent in %d slots", waiting, used, p.transmit.mask+1)
	}
	room := p.completion.mask + 1 - used
	for parts, tries := 0, 0; waiting > 0 && tries < maxBatch; tries++ {
		n, ok := p.nextFrame(u, p.parts[parts:], waiting)
		if n > room {
			p.needs = n
			break
		}
		if n == 0 {
			break // no place for the parts of a frame
		}
		p.transmit.index += n
		waiting, room = waiting-n, room-n
		if !ok {
			p.counters.dropped[SendBadDescriptor].Add(1)
			p.refused++
			p.complete(p.parts[parts:][:n])
			continue
		}
		parts += int(n)
		p.ends[p.nsend] = parts
		p.nsend++
	}
	return nil
}

// nextFrame copies the descriptors of the next frame to parts; n is how many they
// are, 0 if parts is too short. They stay in the ring. ok is false for what is no
// frame.
func (p *port) nextFrame(u *UMEM, parts []abi.UMEMDesc, waiting uint32) (n uint32, ok bool) {
	ok, size := true, 0
	for n < waiting && n < abi.UMEMMaxChain {
		if int(n) == len(parts) {
			return 0, false
		}
		d := p.transmit.look(n)
		parts[n] = d &^ abi.UMEMMore
		n++
		bytes := len(u.bytes(d))
		ok = ok && bytes > 0
		if size += bytes; d&abi.UMEMMore == 0 {
			return n, ok && size > p.choice.prefix && size <= abi.UMEMMaxFrame && (n == 1 || p.choice.chains())
		}
	}
	return n, false // it has no end
}

// frame is the descriptors of the n-th frame of the round.
func (p *port) frame(n int) []abi.UMEMDesc { return nth(p.parts[:], p.ends[:], n) }

// nth is the descriptors of the n-th of several frames, which end at ends.
func nth(all []abi.UMEMDesc, ends []int, n int) []abi.UMEMDesc {
	start := 0
	if n > 0 {
		start = ends[n-1]
	}
	return all[start:ends[n]]
}

// complete gives chunks back to the guest.
func (p *port) complete(parts []abi.UMEMDesc) {
	for _, d := range parts {
		p.completion.put(d)
	}
}

// finishWrites counts the frames of a round and gives their chunks back.
func (p *port) finishWrites() {
	sent := 0
	for i := range p.nsend {
		if n := p.sendResult[i]; n > 0 {
			p.counters.SentBytes.Add(uint64(n) - uint64(p.choice.header))
			sent++
		} else {
			p.counters.dropped[sendDrop(unix.Errno(-n))].Add(1)
		}
		p.complete(p.frame(i))
	}
	if sent > 0 {
		p.counters.Sent.Add(uint64(sent))
	}
}
