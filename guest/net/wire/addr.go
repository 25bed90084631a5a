package wire

import (
	"fmt"
	"net/netip"
)

// Addr4 is an IPv4 address as a number: 10.0.0.1 is 0x0a000001, so that
// addresses compare and mask as integers do.
type Addr4 uint32

// Broadcast4 is the limited broadcast address 255.255.255.255.
const Broadcast4 Addr4 = 0xffffffff

// ParseAddr4 reads the dotted form.
func ParseAddr4(s string) (Addr4, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return 0, fmt.Errorf("%q is not an IPv4 address such as 10.0.0.1", s)
	}
	b := a.As4()
	return Addr4(be32(b[:])), nil
}

// String is the dotted form.
func (a Addr4) String() string {
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}).String()
}

// IsMulticast reports an address of 224.0.0.0/4.
func (a Addr4) IsMulticast() bool { return a>>28 == 0xe }

// IsMartian reports an address that no datagram on a wire may be sent from or
// to, whatever the network: "this network" 0/8, loopback 127/8, and the
// reserved 240/4 with the limited broadcast (RFC 1812 §5.3.7, RFC 6890).
func (a Addr4) IsMartian() bool {
	return a>>24 == 0 || a>>24 == 127 || a>>28 == 0xf
}

// Prefix4 is a network: the addresses whose first Bits bits are those of Addr.
// Addr may have host bits, as in an interface address; Bits is at most 32.
type Prefix4 struct {
	Addr Addr4
	Bits uint8
}

// ParsePrefix4 reads the form 10.0.0.0/24. Host bits are kept.
func ParsePrefix4(s string) (Prefix4, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || !p.Addr().Is4() {
		return Prefix4{}, fmt.Errorf("%q is not an IPv4 network such as 10.0.0.0/24", s)
	}
	b := p.Addr().As4()
	return Prefix4{Addr4(be32(b[:])), uint8(p.Bits())}, nil
}

// Mask is the netmask as a number.
func (p Prefix4) Mask() Addr4 { return Addr4(^(uint64(0xffffffff) >> p.Bits)) }

// Network is the first address.
func (p Prefix4) Network() Addr4 { return p.Addr & p.Mask() }

// Last is the last address; on a network of at most 30 bits, its directed
// broadcast.
func (p Prefix4) Last() Addr4 { return p.Addr | ^p.Mask() }

// Contains reports whether a lies in p.
func (p Prefix4) Contains(a Addr4) bool { return (a^p.Addr)&p.Mask() == 0 }

// String is the form 10.0.0.0/24, host bits kept.
func (p Prefix4) String() string { return fmt.Sprintf("%v/%d", p.Addr, p.Bits) }
