package wire

import "errors"

// IPv4MinLen is the length of an IPv4 header without options.
const IPv4MinLen = 20

// Protocol numbers.
const (
	ProtoICMP = 1
	ProtoTCP  = 6
	ProtoUDP  = 17
	// ProtoICMP6 is ICMPv6.
	ProtoICMP6 = 58
)

// Why ParseIPv4 refused a datagram.
var (
	ErrIPHeader   = errors.New("no IPv4 header")
	ErrIPLength   = errors.New("IPv4 length does not fit the frame")
	ErrIPChecksum = errors.New("IPv4 header checksum is wrong")
)

// IPv4 is a datagram whose header was validated by ParseIPv4: the header is
// complete and the slice ends where the datagram does. After ParseIPv4Part it
// may end before.
type IPv4 []byte

// ParseIPv4 validates the header at the start of b (RFC 1812 §5.2.2) and
// returns the datagram without what follows it, such as Ethernet padding.
func ParseIPv4(b []byte) (IPv4, error) { return ParseIPv4Part(b, 0) }

// ParseIPv4Part is ParseIPv4 if b is followed by so many bytes elsewhere. If the
// datagram ends there, all of b is returned.
func ParseIPv4Part(b []byte, rest int) (IPv4, error) {
	if len(b) < IPv4MinLen || b[0]>>4 != 4 {
		return nil, ErrIPHeader
	}
	header := int(b[0]&15) * 4
	if header < IPv4MinLen {
		return nil, ErrIPHeader
	}
	total := int(be16(b[2:4]))
	if header > total || total > len(b)+rest || header > len(b) {
		return nil, ErrIPLength
	}
	if Sum(b[:header], 0) != 0xffff {
		return nil, ErrIPChecksum
	}
	return IPv4(b[:min(total, len(b))]), nil
}

func (p IPv4) HeaderLen() int   { return int(p[0]&15) * 4 }
func (p IPv4) TOS() uint8       { return p[1] }
func (p IPv4) TotalLen() int    { return int(be16(p[2:4])) }
func (p IPv4) ID() uint16       { return be16(p[4:6]) }
func (p IPv4) TTL() uint8       { return p[8] }
func (p IPv4) Protocol() uint8  { return p[9] }
func (p IPv4) Checksum() uint16 { return be16(p[10:12]) }
func (p IPv4) Src() Addr4       { return Addr4(be32(p[12:16])) }
func (p IPv4) Dst() Addr4       { return Addr4(be32(p[16:20])) }
func (p IPv4) Options() []byte  { return p[IPv4MinLen:p.HeaderLen()] }
func (p IPv4) Payload() []byte  { return p[p.HeaderLen():] }

// DontFragment is the DF flag.
func (p IPv4) DontFragment() bool { return p[6]&0x40 != 0 }

// MoreFragments is the MF flag.
func (p IPv4) MoreFragments() bool { return p[6]&0x20 != 0 }

// FragmentOffset is the position of the payload in its datagram, in bytes.
func (p IPv4) FragmentOffset() int { return int(be16(p[6:8])&0x1fff) * 8 }

// IsFragment reports any fragment, the first one included.
func (p IPv4) IsFragment() bool { return be16(p[6:8])&0x3fff != 0 }

// FlagsOffset is the word of flags and fragment offset, as it stands.
func (p IPv4) FlagsOffset() uint16 { return be16(p[6:8]) }

// DSCP and ECN are the parts of TOS (RFC 2474, RFC 3168).
func (p IPv4) DSCP() uint8 { return p[1] >> 2 }
func (p IPv4) ECN() uint8  { return p[1] & 3 }

// SetSrc and SetDst write an address and mend the header's checksum.
func (p IPv4) SetSrc(a Addr4) {
	setBE16(p[10:12], Update32(p.Checksum(), be32(p[12:16]), uint32(a)))
	setBE32(p[12:16], uint32(a))
}
func (p IPv4) SetDst(a Addr4) {
	setBE16(p[10:12], Update32(p.Checksum(), be32(p[16:20]), uint32(a)))
	setBE32(p[16:20], uint32(a))
}

// DecrementTTL takes one off the TTL and mends the checksum.
// Precondition: TTL > 0.
func (p IPv4) DecrementTTL() {
	old := be16(p[8:10])
	p[8]--
	setBE16(p[10:12], Update(p.Checksum(), old, be16(p[8:10])))
}

// Answer swaps source and destination and sets the TTL.
func (p IPv4) Answer(ttl uint8) {
	src, dst := p.Src(), p.Dst() // a swap leaves the sum as it is
	setBE32(p[12:16], uint32(dst))
	setBE32(p[16:20], uint32(src))
	old := be16(p[8:10])
	p[8] = ttl
	setBE16(p[10:12], Update(p.Checksum(), old, be16(p[8:10])))
}

// IPv4Fields is what SetHeader writes.
type IPv4Fields struct {
	TOS      uint8
	TotalLen int
	ID       uint16
	TTL      uint8
	Protocol uint8
	Src, Dst Addr4
}

// SetHeader writes a header without options, for a datagram that is no
// fragment, with its checksum. Precondition: len ≥ IPv4MinLen.
func (p IPv4) SetHeader(f IPv4Fields) {
	p[0], p[1] = 0x45, f.TOS
	setBE16(p[2:4], uint16(f.TotalLen))
	setBE16(p[4:6], f.ID)
	setBE16(p[6:8], 0)
	p[8], p[9] = f.TTL, f.Protocol
	setBE16(p[10:12], 0)
	setBE32(p[12:16], uint32(f.Src))
	setBE32(p[16:20], uint32(f.Dst))
	setBE16(p[10:12], Checksum(p[:IPv4MinLen]))
}

// SetSegment gives a datagram another total length and number, and mends the
// checksum.
func (p IPv4) SetSegment(totalLen int, id uint16) {
	old := be32(p[2:6])
	new := uint32(totalLen)<<16 | uint32(id)
	setBE32(p[2:6], new)
	setBE16(p[10:12], Update32(p.Checksum(), old, new))
}

// SetFragment turns the header into that of a fragment: its offset in bytes
// (a multiple of 8), whether more follow, and its total length; and computes
// the checksum anew.
func (p IPv4) SetFragment(offset int, more bool, totalLen int) {
	word := be16(p[6:8])&0xc000 | uint16(offset/8)
	if more {
		word |= 0x2000
	}
	setBE16(p[2:4], uint16(totalLen))
	setBE16(p[6:8], word)
	setBE16(p[10:12], 0)
	setBE16(p[10:12], Checksum(p[:p.HeaderLen()]))
}
