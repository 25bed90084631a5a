package wire

import (
	"cmp"
	"fmt"
	"net/netip"
)

// Addr is an address of either family as a number of 128 bits, high half
// first. An IPv4 address a is ::ffff:a, its IPv4-mapped form (RFC 4291
// §2.5.5.2). Addr has no padding, so that keys made of it hash as one piece
// of memory.
type Addr struct{ Hi, Lo uint64 }

// mapped is the second half of an IPv4-mapped address, less the address.
const mapped = 0xffff << 32

// From4 is the IPv4 address a.
func From4(a Addr4) Addr { return Addr{Lo: mapped | uint64(a)} }

// ParseAddr reads an address of either family, without a zone.
func ParseAddr(s string) (Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return Addr{}, fmt.Errorf("%q is not an address such as 10.0.0.1 or 2001:db8::1", s)
	}
	b := a.As16()
	return addrFrom(b[:]), nil
}

// Is4 reports an IPv4 address.
func (a Addr) Is4() bool { return a.Hi == 0 && a.Lo>>32 == 0xffff }

// As4 is the IPv4 address. Precondition: Is4.
func (a Addr) As4() Addr4 { return Addr4(a.Lo) }

// IsZero reports ::, the address of nobody.
func (a Addr) IsZero() bool { return a == Addr{} }

// Compare orders addresses as numbers: -1, 0 or 1.
func (a Addr) Compare(b Addr) int {
	if a.Hi != b.Hi {
		return cmp.Compare(a.Hi, b.Hi)
	}
	return cmp.Compare(a.Lo, b.Lo)
}

// IsMulticast reports an IPv6 group, ff00::/8.
func (a Addr) IsMulticast() bool { return a.Hi>>56 == 0xff }

// IsLinkLocal reports an address of fe80::/10, which no router forwards.
func (a Addr) IsLinkLocal() bool { return a.Hi>>54 == 0xfe80>>6 }

// IsMartian reports an IPv6 address that no datagram on a wire may have, but
// for ::, which has a use as a source: loopback and IPv4 in disguise.
func (a Addr) IsMartian() bool {
	return a.Hi == 0 && (a.Lo == 1 || a.Lo>>32 == 0xffff)
}

// String is the usual form of the family.
func (a Addr) String() string { return a.netip().String() }

// Append adds the usual form to b.
func (a Addr) Append(b []byte) []byte { return a.netip().AppendTo(b) }

func (a Addr) netip() netip.Addr {
	var b [16]byte
	a.put(b[:])
	return netip.AddrFrom16(b).Unmap()
}

func addrFrom(b []byte) Addr { return Addr{be64(b), be64(b[8:16])} }

func (a Addr) put(b []byte) {
	setBE64(b, a.Hi)
	setBE64(b[8:16], a.Lo)
}

// Groups of IPv6.
var (
	AllNodes   = Addr{0xff02 << 48, 1}
	AllRouters = Addr{0xff02 << 48, 2}
)

// SolicitedNode is the group in which a's owner listens (RFC 4291 §2.7.1).
func (a Addr) SolicitedNode() Addr {
	return Addr{0xff02 << 48, 0x1_ff00_0000 | a.Lo&0xff_ffff}
}

// GroupMAC is the Ethernet address of an IPv6 group (RFC 2464 §7).
func (a Addr) GroupMAC() MAC {
	return MAC{0x33, 0x33, byte(a.Lo >> 24), byte(a.Lo >> 16), byte(a.Lo >> 8), byte(a.Lo)}
}

// LinkLocal is the link-local address made from an Ethernet address (RFC 4291
// appendix A).
func LinkLocal(m MAC) Addr {
	return Addr{0xfe80 << 48, uint64(m[0]^2)<<56 | uint64(m[1])<<48 | uint64(m[2])<<40 |
		0xfffe<<24 | uint64(m[3])<<16 | uint64(m[4])<<8 | uint64(m[5])}
}

// Prefix is an IPv6 network. Addr may have host bits; Bits is at most 128.
type Prefix struct {
	Addr Addr
	Bits uint8
}

// ParsePrefix reads the form 2001:db8::/32. Host bits are kept.
func ParsePrefix(s string) (Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || !p.Addr().Is6() || p.Addr().Is4In6() {
		return Prefix{}, fmt.Errorf("%q is not an IPv6 network such as 2001:db8::/32", s)
	}
	b := p.Addr().As16()
	return Prefix{addrFrom(b[:]), uint8(p.Bits())}, nil
}

// Mask has the first Bits bits set.
func (p Prefix) Mask() Addr {
	if p.Bits <= 64 {
		return Addr{Hi: ^(^uint64(0) >> p.Bits)}
	}
	return Addr{Hi: ^uint64(0), Lo: ^(^uint64(0) >> (p.Bits - 64))}
}

// Network is the first address.
func (p Prefix) Network() Addr {
	m := p.Mask()
	return Addr{p.Addr.Hi & m.Hi, p.Addr.Lo & m.Lo}
}

// Contains reports whether a lies in p.
func (p Prefix) Contains(a Addr) bool {
	m := p.Mask()
	return (a.Hi^p.Addr.Hi)&m.Hi == 0 && (a.Lo^p.Addr.Lo)&m.Lo == 0
}

// String is the form 2001:db8::/32, host bits kept.
func (p Prefix) String() string { return fmt.Sprintf("%v/%d", p.Addr, p.Bits) }
