package program

import "tender/nacl/syntax"

// Field is a property of packets.
type Field uint8

// Fields. NoField is that of an Operand that is a constant.
const (
	NoField Field = iota
	IPVersion
	IPHeaderLength
	IPDSCP
	IPECN
	IPLength
	IPID
	IPFragOff
	IPTTL
	IPProtocol
	IPChecksum
	IPSource
	IPDestination
	IP6Version
	IP6DSCP
	IP6ECN
	IP6FlowLabel
	IP6Length
	IP6Protocol
	IP6HopLimit
	IP6Source
	IP6Destination
	TCPSourcePort
	TCPDestinationPort
	TCPSequence
	TCPAckSequence
	TCPDataOffset
	TCPReserved
	TCPFlags
	TCPWindow
	TCPChecksum
	TCPUrgentPointer
	UDPSourcePort
	UDPDestinationPort
	UDPLength
	UDPChecksum
	ICMPType
	ICMP6Type
	CTState
	// Fields is one more than the last.
	Fields
)

// Shape is what a value of a field or constant can be compared with.
type Shape uint8

// Shapes.
const (
	Number Shape = iota
	Address4
	Address6
	Truth
	ConnState
)

// FieldInfo describes a field.
type FieldInfo struct {
	// Protocol and Name are how it is written, tcp.dport; ct.state has CT.
	Protocol string
	Name     string
	Shape    Shape
	// Header is the protocol whose header has the field. Offset is its first
	// bit in that header and Bits its length. ct.state is in no header.
	Header syntax.Protocol
	Offset uint16
	Bits   uint16
}

// Info describes every field. Sources: RFC 791, 2474, 3168, 8200, 9293, 3540, 768,
// 792 and 4443.
var Info = [Fields]FieldInfo{
	IPVersion:      {"ip", "version", Number, syntax.IP, 0, 4},
	IPHeaderLength: {"ip", "hdrlength", Number, syntax.IP, 4, 4},
	IPDSCP:         {"ip", "dscp", Number, syntax.IP, 8, 6},
	IPECN:          {"ip", "ecn", Number, syntax.IP, 14, 2},
	IPLength:       {"ip", "length", Number, syntax.IP, 16, 16},
	IPID:           {"ip", "id", Number, syntax.IP, 32, 16},
	IPFragOff:      {"ip", "frag-off", Number, syntax.IP, 51, 13},
	IPTTL:          {"ip", "ttl", Number, syntax.IP, 64, 8},
	IPProtocol:     {"ip", "protocol", Number, syntax.IP, 72, 8},
	IPChecksum:     {"ip", "checksum", Number, syntax.IP, 80, 16},
	IPSource:       {"ip", "saddr", Address4, syntax.IP, 96, 32},
	IPDestination:  {"ip", "daddr", Address4, syntax.IP, 128, 32},

	IP6Version:     {"ip6", "version", Number, syntax.IP6, 0, 4},
	IP6DSCP:        {"ip6", "dscp", Number, syntax.IP6, 4, 6},
	IP6ECN:         {"ip6", "ecn", Number, syntax.IP6, 10, 2},
	IP6FlowLabel:   {"ip6", "flowlabel", Number, syntax.IP6, 12, 20},
	IP6Length:      {"ip6", "length", Number, syntax.IP6, 32, 16},
	IP6Protocol:    {"ip6", "protocol", Number, syntax.IP6, 48, 8},
	IP6HopLimit:    {"ip6", "hoplimit", Number, syntax.IP6, 56, 8},
	IP6Source:      {"ip6", "saddr", Address6, syntax.IP6, 64, 128},
	IP6Destination: {"ip6", "daddr", Address6, syntax.IP6, 192, 128},

	TCPSourcePort:      {"tcp", "sport", Number, syntax.TCP, 0, 16},
	TCPDestinationPort: {"tcp", "dport", Number, syntax.TCP, 16, 16},
	TCPSequence:        {"tcp", "sequence", Number, syntax.TCP, 32, 32},
	TCPAckSequence:     {"tcp", "ackseq", Number, syntax.TCP, 64, 32},
	TCPDataOffset:      {"tcp", "doff", Number, syntax.TCP, 96, 4},
	TCPReserved:        {"tcp", "reserved", Number, syntax.TCP, 100, 3},
	TCPFlags:           {"tcp", "flags", Number, syntax.TCP, 103, 9},
	TCPWindow:          {"tcp", "window", Number, syntax.TCP, 112, 16},
	TCPChecksum:        {"tcp", "checksum", Number, syntax.TCP, 128, 16},
	TCPUrgentPointer:   {"tcp", "urgptr", Number, syntax.TCP, 144, 16},

	UDPSourcePort:      {"udp", "sport", Number, syntax.UDP, 0, 16},
	UDPDestinationPort: {"udp", "dport", Number, syntax.UDP, 16, 16},
	UDPLength:          {"udp", "length", Number, syntax.UDP, 32, 16},
	UDPChecksum:        {"udp", "checksum", Number, syntax.UDP, 48, 16},

	ICMPType:  {"icmp", "type", Number, syntax.ICMP, 0, 8},
	ICMP6Type: {"icmp6", "type", Number, syntax.ICMP6, 0, 8},

	CTState: {"ct", "state", ConnState, 0, 0, 0},
}

// String is the name in NaCl.
func (f Field) String() string { return Info[f].Protocol + "." + Info[f].Name }

// Max is the largest value of a field that is a number.
func (f Field) Max() int64 { return 1<<Info[f].Bits - 1 }
