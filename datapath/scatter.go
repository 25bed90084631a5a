package datapath

import "tender/abi"

const (
	// largeFrame is from which mean size on frames are read to chunks directly: for
	// less, describing so many chunks costs more than a copy.
	largeFrame = 8 << 10
	// maxScatter is the most of them in a round.
	maxScatter = 16
)

// scatter is how a port with chains reads large frames: each to chunks that are
// set aside for it and take any frame, without a copy.
type scatter struct {
	// large says that the last frames were, and on that this round's are read so.
	large, on bool
	// The chunks for the n-th frame of the round end at ends[n] of port.free.
	ends [maxScatter]int
}

// reserve sets chunks aside for the reads of a round, of which it plans no more than
// there are chunks and slots for. It says whether there are enough for one.
func (p *port) reserve(u *UMEM) bool {
	if p.choice.skip > 0 {
		return false
	}
	slots := int(p.receive.mask + 1 - p.receive.used())
	reads, end := 0, 0
	for reads < min(p.reading, maxScatter) {
		room := 0
		for start := end; room <= abi.UMEMMaxFrame && end-start < abi.UMEMMaxChain && end < slots; end++ {
			if end == p.nfree {
				d, ok := p.fromFill(u)
				if !ok {
					break
				}
				p.free[end] = d
				p.nfree++
			}
			room += int(p.free[end].Len())
		}
		if room <= abi.UMEMMaxFrame {
			break
		}
		p.scatter.ends[reads] = end
		reads++
	}
	if reads > 0 {
		p.reading = reads
	}
	return reads > 0
}

// run is the chunks for the n-th frame of the round.
func (p *port) run(n int) []abi.UMEMDesc { return nth(p.free[:], p.scatter.ends[:], n) }

// finishScattered puts the frames that came into the ring, where they lie.
func (p *port) finishScattered() (got int) {
	left := 0
	for ; p.next < p.reading; p.next++ {
		run, n := p.run(p.next), int(p.readResult[p.next])
		used := 0
		if p.readable(n, abi.UMEMMaxFrame+1) {
			p.counters.ReceivedBytes.Add(uint64(n - p.choice.header))
			used = p.post(run, n)
			got++
		}
		left += copy(p.free[left:], run[used:])
	}
	p.nfree = left + copy(p.free[left:], p.free[p.scatter.ends[p.reading-1]:p.nfree])
	p.plan()
	return got
}

// post puts a frame of n bytes into the ring, which lies in the first of chunks. It
// returns how many they are.
func (p *port) post(chunks []abi.UMEMDesc, n int) (used int) {
	for ; n > 0; used++ {
		d := chunks[used]
		size := min(n, int(d.Len()))
		d = abi.NewUMEMDesc(d.Offset(), uint16(size))
		if n -= size; n > 0 {
			d |= abi.UMEMMore
		}
		p.receive.put(d)
	}
	return used
}
