package wire

// ARPLen is the length of an ARP message for Ethernet and IPv4.
const ARPLen = 28

// ARP operations.
const (
	ARPRequest = 1
	ARPReply   = 2
)

// ARP is an ARP message for Ethernet and IPv4 (RFC 826).
// Precondition of all methods: len ≥ ARPLen.
type ARP []byte

// ParseARP checks that b starts with a message for Ethernet and IPv4 and
// returns it without padding.
func ParseARP(b []byte) (ARP, bool) {
	if len(b) < ARPLen || be32(b) != 1<<16|TypeIPv4 || be16(b[4:]) != 6<<8|4 {
		return nil, false
	}
	return ARP(b[:ARPLen]), true
}

func (a ARP) Op() uint16      { return be16(a[6:8]) }
func (a ARP) SenderMAC() MAC  { return MAC(a[8:14]) }
func (a ARP) SenderIP() Addr4 { return Addr4(be32(a[14:18])) }
func (a ARP) TargetMAC() MAC  { return MAC(a[18:24]) }
func (a ARP) TargetIP() Addr4 { return Addr4(be32(a[24:28])) }

// Set writes the whole message.
func (a ARP) Set(op uint16, senderMAC MAC, senderIP Addr4, targetMAC MAC, targetIP Addr4) {
	setBE32(a[0:4], 1<<16|TypeIPv4)
	setBE16(a[4:6], 6<<8|4)
	setBE16(a[6:8], op)
	*(*MAC)(a[8:14]) = senderMAC
	setBE32(a[14:18], uint32(senderIP))
	*(*MAC)(a[18:24]) = targetMAC
	setBE32(a[24:28], uint32(targetIP))
}
