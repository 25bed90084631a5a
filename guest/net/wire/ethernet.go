package wire

import "fmt"

// MAC is an Ethernet address.
type MAC [6]byte

// BroadcastMAC is the address of all stations.
var BroadcastMAC = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// IsMulticast reports a group address; the broadcast address is one.
func (m MAC) IsMulticast() bool { return m[0]&1 != 0 }

// IsStation reports an address that one station can have: no group, not zero.
func (m MAC) IsStation() bool { return !m.IsMulticast() && m != MAC{} }

// String is the form 02:00:00:00:00:01.
func (m MAC) String() string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

// EthernetLen is the length of an Ethernet header without tags.
const EthernetLen = 14

// EtherTypes.
const (
	TypeIPv4 = 0x0800
	TypeARP  = 0x0806
	TypeVLAN = 0x8100
	TypeIPv6 = 0x86dd
)

// Ethernet is a frame. Precondition of all methods: len ≥ EthernetLen.
type Ethernet []byte

func (e Ethernet) Dst() MAC     { return MAC(e[0:6]) }
func (e Ethernet) Src() MAC     { return MAC(e[6:12]) }
func (e Ethernet) Type() uint16 { return be16(e[12:14]) }

// Payload is what follows the header, padding included.
func (e Ethernet) Payload() []byte { return e[EthernetLen:] }

// SetHeader writes the whole header.
func (e Ethernet) SetHeader(dst, src MAC, etherType uint16) {
	*(*MAC)(e[0:6]) = dst
	*(*MAC)(e[6:12]) = src
	setBE16(e[12:14], etherType)
}
