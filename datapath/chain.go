package datapath

import "tender/abi"

// deliverChain puts the n bytes that were read into the i-th chunk, which has room
// for less, and behind it into the ring.
func (p *port) deliverChain(u *UMEM, i, n int) bool {
	d := p.free[i]
	rest := p.choice.spill(i)[:n-int(d.Len())]
	var more [abi.UMEMMaxChain - 1]abi.UMEMDesc
	k := p.spare(u, more[:], len(rest))
	if k == 0 {
		return false
	}
	skip := p.choice.skip
	p.receive.put(abi.NewUMEMDesc(d.Offset()+uint32(skip), d.Len()-uint16(skip)) | abi.UMEMMore)
	for j, d := range more[:k] {
		size := copy(u.bytes(d), rest)
		rest = rest[size:]
		d = abi.NewUMEMDesc(d.Offset(), uint16(size))
		if j < k-1 {
			d |= abi.UMEMMore
		}
		p.receive.put(d)
	}
	return true
}

// spare takes chunks with room for n bytes, and returns how many they are; 0 if
// there are too few, or too few slots in the receive ring for a chain of them and
// one more.
func (p *port) spare(u *UMEM, chunks []abi.UMEMDesc, n int) (k int) {
	slots := p.receive.mask + 1
	used := p.receive.used()
	for n > 0 && k < len(chunks) && used < slots && uint32(k)+2 <= slots-used {
		var d abi.UMEMDesc
		switch waiting := p.fill.waiting(); {
		case p.nfree > p.reading:
			p.nfree--
			d = p.free[p.nfree]
		case waiting == 0 || waiting > slots:
			n, used = 1, slots
			continue
		default:
			if d = p.fill.take(); p.badRoom(u, d) {
				continue
			}
		}
		chunks[k] = d
		k++
		n -= int(d.Len())
	}
	if n <= 0 {
		return k
	}
	p.nfree += copy(p.free[p.nfree:], chunks[:k])
	return 0
}
