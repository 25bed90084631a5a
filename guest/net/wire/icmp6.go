package wire

// ICMPv6 types (RFC 4443, RFC 4861).
const (
	ICMP6Unreachable      = 1
	ICMP6PacketTooBig     = 2
	ICMP6TimeExceeded     = 3
	ICMP6ParameterProblem = 4
	ICMP6EchoRequest      = 128
	ICMP6EchoReply        = 129
	ICMP6RouterSolicit    = 133
	ICMP6RouterAdvert     = 134
	ICMP6NeighbourSolicit = 135
	ICMP6NeighbourAdvert  = 136
	ICMP6Redirect         = 137
)

// Codes of ICMP6Unreachable.
const (
	Code6NoRoute            = 0
	Code6AddressUnreachable = 3
)

// ICMP6 is an ICMPv6 message. Precondition of all methods: len ≥ ICMPLen.
type ICMP6 []byte

func (m ICMP6) Type() uint8 { return m[0] }
func (m ICMP6) Code() uint8 { return m[1] }

// ID is the identifier of an echo.
func (m ICMP6) ID() uint16 { return be16(m[4:6]) }

// MTU is the field of a packet-too-big message.
func (m ICMP6) MTU() uint32 { return be32(m[4:8]) }

// Body is what follows the header.
func (m ICMP6) Body() []byte { return m[ICMPLen:] }

// IsError reports a message about another datagram.
func (m ICMP6) IsError() bool { return m[0] < 128 }

// IsNeighbour reports a message of neighbour discovery, which stays on its
// link.
func (m ICMP6) IsNeighbour() bool { return m[0] >= ICMP6RouterSolicit && m[0] <= ICMP6Redirect }

// SetType changes type and code and mends the checksum.
func (m ICMP6) SetType(icmpType, code uint8) { ICMP(m).SetType(icmpType, code) }

// SetHeader writes the header and computes the checksum over the whole
// message, whose body must be in place.
func (m ICMP6) SetHeader(icmpType, code uint8, rest uint32, src, dst Addr) {
	m[0], m[1] = icmpType, code
	setBE16(m[2:4], 0)
	setBE32(m[4:8], rest)
	setBE16(m[2:4], ^Sum(m, PseudoSum6(src, dst, ProtoICMP6, len(m))))
}

// NeighbourLen is the length of a solicitation or advertisement with one
// link-layer address.
const NeighbourLen = 32

// Flags of a neighbour advertisement, in the word after the checksum.
const (
	FlagRouter    = 1 << 31
	FlagSolicited = 1 << 30
	FlagOverride  = 1 << 29
)

// Options of neighbour discovery.
const (
	optionSourceMAC = 1
	optionTargetMAC = 2
)

// Neighbour is a neighbour solicitation or advertisement (RFC 4861 §4.3, §4.4),
// checked by ParseNeighbour.
type Neighbour []byte

// ParseNeighbour checks the form of a message; IP header and checksum are the
// caller's matter.
func ParseNeighbour(m ICMP6) (Neighbour, bool) {
	if len(m) < 24 || m.Code() != 0 || addrFrom(m[8:24]).IsMulticast() {
		return nil, false
	}
	for b := m[24:]; len(b) > 0; b = b[8*int(b[1]):] {
		if len(b) < 8 || b[1] == 0 || len(b) < 8*int(b[1]) {
			return nil, false
		}
	}
	return Neighbour(m), true
}

// Target is the address the message is about.
func (n Neighbour) Target() Addr { return addrFrom(n[8:24]) }

// Override and Solicited are flags of an advertisement.
func (n Neighbour) Override() bool  { return be32(n[4:8])&FlagOverride != 0 }
func (n Neighbour) Solicited() bool { return be32(n[4:8])&FlagSolicited != 0 }

// MAC is the Ethernet address that a solicitation's sender or an
// advertisement's target says it has.
func (n Neighbour) MAC() (MAC, bool) {
	option := byte(optionSourceMAC)
	if n[0] == ICMP6NeighbourAdvert {
		option = optionTargetMAC
	}
	for b := n[24:]; len(b) >= 8; b = b[8*int(b[1]):] {
		if b[0] == option && b[1] == 1 {
			return MAC(b[2:8]), true
		}
	}
	return MAC{}, false
}

// SetNeighbour writes a whole message with an Ethernet address and its
// checksum. Precondition: len = NeighbourLen.
func (m ICMP6) SetNeighbour(icmpType uint8, flags uint32, target Addr, mac MAC, src, dst Addr) {
	target.put(m[8:24])
	m[24], m[25] = optionSourceMAC, 1
	if icmpType == ICMP6NeighbourAdvert {
		m[24] = optionTargetMAC
	}
	copy(m[26:32], mac[:])
	m.SetHeader(icmpType, 0, flags, src, dst)
}
