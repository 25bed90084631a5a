package wire

// IPv6Len is the length of an IPv6 header without extensions.
const IPv6Len = 40

// Next headers that are extensions (RFC 8200 §4).
const (
	ExtHopByHop    = 0
	ExtRouting     = 43
	ExtFragment    = 44
	ExtDestination = 60
	// NoNextHeader says that nothing follows.
	NoNextHeader = 59
)

// IPv6 is a datagram whose fixed header was validated by ParseIPv6; the slice
// ends where the datagram does. After ParseIPv6Part it may end before.
type IPv6 []byte

// ParseIPv6 validates the fixed header at the start of b and returns the
// datagram without what follows it. Jumbograms are refused.
func ParseIPv6(b []byte) (IPv6, error) { return ParseIPv6Part(b, 0) }

// ParseIPv6Part is ParseIPv4Part for IPv6.
func ParseIPv6Part(b []byte, rest int) (IPv6, error) {
	if len(b) < IPv6Len || b[0]>>4 != 6 {
		return nil, ErrIPHeader
	}
	total := IPv6Len + int(be16(b[4:6]))
	if total > len(b)+rest {
		return nil, ErrIPLength
	}
	return IPv6(b[:min(total, len(b))]), nil
}

func (p IPv6) TrafficClass() uint8 { return p[0]<<4 | p[1]>>4 }
func (p IPv6) FlowLabel() uint32   { return be32(p[0:4]) & 0xfffff }
func (p IPv6) PayloadLen() int     { return int(be16(p[4:6])) }
func (p IPv6) NextHeader() uint8   { return p[6] }
func (p IPv6) HopLimit() uint8     { return p[7] }
func (p IPv6) Src() Addr           { return addrFrom(p[8:24]) }
func (p IPv6) Dst() Addr           { return addrFrom(p[24:40]) }

// Payload is what follows the fixed header, extensions included.
func (p IPv6) Payload() []byte { return p[IPv6Len:] }

// SetSrc and SetDst write an address. Checksums are the caller's matter.
func (p IPv6) SetSrc(a Addr) { a.put(p[8:24]) }
func (p IPv6) SetDst(a Addr) { a.put(p[24:40]) }

// SetHopLimit writes the hop limit.
func (p IPv6) SetHopLimit(n uint8) { p[7] = n }

// DecrementHopLimit takes one off. Precondition: HopLimit > 0.
func (p IPv6) DecrementHopLimit() { p[7]-- }

// SetPayloadLen writes the length of what follows the fixed header.
func (p IPv6) SetPayloadLen(n int) { setBE16(p[4:6], uint16(n)) }

// SetHeader writes a fixed header; payload is the length of what follows it.
func (p IPv6) SetHeader(trafficClass, next, hopLimit uint8, payload int, src, dst Addr) {
	setBE32(p[0:4], 6<<28|uint32(trafficClass)<<20)
	setBE16(p[4:6], uint16(payload))
	p[6], p[7] = next, hopLimit
	p.SetSrc(src)
	p.SetDst(dst)
}

// Transport is where the transport header of an IPv6 datagram is.
type Transport struct {
	Proto uint8
	// Offset is from the start of the datagram.
	Offset int
	// FragmentAt is where the fragment header is, or 0.
	FragmentAt int
}

// maxExtensions is how many extension headers are followed. More than a
// handful serve to hide what comes after them (RFC 7045 §2.1, RFC 8883).
const maxExtensions = 6

// Transport follows the extension headers. It refuses chains that are cut
// short or out of order where order matters, routing headers of type 0 (RFC
// 5095), and headers it does not know the length of count as transport.
// What lies behind the header of a later fragment is data.
func (p IPv6) Transport() (t Transport, ok bool) {
	t = Transport{Proto: p.NextHeader(), Offset: IPv6Len}
	for n := 0; ; n++ {
		b := p[t.Offset:]
		switch t.Proto {
		case ExtHopByHop:
			if n > 0 {
				return t, false
			}
			fallthrough
		case ExtDestination, ExtRouting:
			if len(b) < 8 || len(b) < 8+8*int(b[1]) || t.Proto == ExtRouting && b[2] == 0 {
				return t, false
			}
			t.Proto, t.Offset = b[0], t.Offset+8+8*int(b[1])
		case ExtFragment:
			if len(b) < 8 || t.FragmentAt != 0 {
				return t, false
			}
			t.FragmentAt, t.Proto, t.Offset = t.Offset, b[0], t.Offset+8
			if be16(b[2:4])&0xfff8 != 0 {
				return t, true
			}
		default:
			return t, true
		}
		if n == maxExtensions {
			return t, false
		}
	}
}

// FragmentHeader is the extension header of a fragment. Precondition of all
// methods: len ≥ 8.
type FragmentHeader []byte

// Offset is the position of the fragment's data, in bytes.
func (f FragmentHeader) Offset() int { return int(be16(f[2:4]) &^ 7) }

// More reports that more fragments follow.
func (f FragmentHeader) More() bool { return f[3]&1 != 0 }

func (f FragmentHeader) ID() uint32 { return be32(f[4:8]) }

// PseudoSum6 is the partial checksum of the IPv6 pseudo header.
func PseudoSum6(src, dst Addr, proto uint8, length int) uint16 {
	return fold(src.sum() + dst.sum() + uint64(proto) + uint64(uint32(length)))
}

// sum adds the 16-bit words of an address.
func (a Addr) sum() uint64 {
	return a.Hi>>48 + a.Hi>>32&0xffff + a.Hi>>16&0xffff + a.Hi&0xffff +
		a.Lo>>48 + a.Lo>>32&0xffff + a.Lo>>16&0xffff + a.Lo&0xffff
}

// UpdateAddr returns the checksum of data that depends on an address which
// changed from old to new. It is right for both families, since the prefix of
// mapped addresses cancels out.
func UpdateAddr(check uint16, old, new Addr) uint16 {
	return ^fold(uint64(^check) + uint64(^fold(old.sum())) + new.sum())
}
