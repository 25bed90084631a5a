package wire

// TagLen is the length of an 802.1Q tag.
const TagLen = 4

// MaxVLAN is the highest number a VLAN can have; 0 is no VLAN.
const MaxVLAN = 4094

// Tagged is a frame with an 802.1Q tag. Precondition of all methods:
// len ≥ EthernetLen+TagLen.
type Tagged []byte

// VLAN is the number in the tag; 0 says that only the priority matters.
func (t Tagged) VLAN() uint16 { return be16(t[14:16]) & 0xfff }

// Strip moves the addresses over the tag and returns the frame without it, in
// the same memory.
func (t Tagged) Strip() Ethernet {
	copy(t[TagLen:], t[:12])
	return Ethernet(t[TagLen:])
}

// AppendTagged adds frame with a tag to b.
func AppendTagged(b []byte, frame Ethernet, vlan uint16) []byte {
	b = append(b, frame[:12]...)
	b = append(b, TypeVLAN>>8, TypeVLAN&0xff, byte(vlan>>8), byte(vlan))
	return append(b, frame[12:]...)
}
