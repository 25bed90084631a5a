package wire

// ICMPLen is the length of an ICMP header.
const ICMPLen = 8

// ICMP types.
const (
	ICMPEchoReply        = 0
	ICMPUnreachable      = 3
	ICMPSourceQuench     = 4
	ICMPRedirect         = 5
	ICMPEchoRequest      = 8
	ICMPTimeExceeded     = 11
	ICMPParameterProblem = 12
	ICMPTimestamp        = 13
	ICMPTimestampReply   = 14
)

// Codes of ICMPUnreachable; code 0 of ICMPTimeExceeded is "in transit".
const (
	CodeNetUnreachable  = 0
	CodeHostUnreachable = 1
	CodeFragNeeded      = 4
)

// ICMP is an ICMP message (RFC 792). Precondition of all methods:
// len ≥ ICMPLen.
type ICMP []byte

func (m ICMP) Type() uint8 { return m[0] }
func (m ICMP) Code() uint8 { return m[1] }

// ID is the identifier of a query.
func (m ICMP) ID() uint16 { return be16(m[4:6]) }

// MTU is the next hop's MTU of a CodeFragNeeded message (RFC 1191).
func (m ICMP) MTU() uint16 { return be16(m[6:8]) }

// Body is what follows the header: in an error, the datagram it is about.
func (m ICMP) Body() []byte { return m[ICMPLen:] }

// IsError reports a message about another datagram; an error must never be
// answered by an error (RFC 1812 §4.3.2.7).
func (m ICMP) IsError() bool {
	switch m[0] {
	case ICMPUnreachable, ICMPSourceQuench, ICMPRedirect, ICMPTimeExceeded, ICMPParameterProblem:
		return true
	}
	return false
}

// SetType changes type and code and mends the checksum.
func (m ICMP) SetType(icmpType, code uint8) {
	old := be16(m[0:2])
	m[0], m[1] = icmpType, code
	setBE16(m[2:4], Update(be16(m[2:4]), old, be16(m[0:2])))
}

// SetHeader writes the header and computes the checksum over the whole
// message, whose body must be in place; rest is the second header word.
func (m ICMP) SetHeader(icmpType, code uint8, rest uint32) {
	m[0], m[1] = icmpType, code
	setBE16(m[2:4], 0)
	setBE32(m[4:8], rest)
	setBE16(m[2:4], Checksum(m))
}
