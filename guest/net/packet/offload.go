package packet

import (
	"encoding/binary"

	"tender/guest/net/wire"
)

// Offload says what is left to do for a frame's receiver (virtio 1.2 §5.1.6).
// The zero value: nothing.
type Offload struct {
	// ChecksumStart is where in the frame the checksum starts that is missing,
	// and ChecksumOffset where it is to be stored, from there: the place has
	// the sum of the pseudo header. ChecksumStart 0: none is missing.
	ChecksumStart, ChecksumOffset int
	// Segment is the data bytes of each of the TCP segments that the frame is
	// to be cut into; 0 is a single datagram.
	Segment int
	// Rest is what follows of the frame behind the slice that holds its
	// headers. Usually nil.
	Rest [][]byte
}

// IsZero reports that nothing is left to do.
func (o *Offload) IsZero() bool { return o.ChecksumStart == 0 && o.Segment == 0 && len(o.Rest) == 0 }

// RestBytes is the length of Rest.
func (o *Offload) RestBytes() int {
	n := 0
	for _, b := range o.Rest {
		n += len(b)
	}
	return n
}

// Missing is what a missing checksum belongs to.
type Missing uint8

// Kinds of Missing.
const (
	// MissingNone: none is missing.
	MissingNone Missing = iota
	// MissingTransport is that of the TCP or UDP header behind the IP header.
	MissingTransport
	// MissingElsewhere is any other in the frame.
	MissingElsewhere
	// MissingNonsense is outside the frame, or in a fragment.
	MissingNonsense
)

// Places of checksums in transport headers.
const (
	tcpChecksum = 16
	udpChecksum = 6
)

// Missing says where in a frame without tags the checksum is missing.
func (o *Offload) Missing(frame []byte) Missing {
	start, offset := o.ChecksumStart, o.ChecksumOffset
	switch {
	case start == 0:
		return MissingNone
	case start < wire.EthernetLen || start > len(frame) || offset < 0 || offset > len(frame)-start-2:
		return MissingNonsense
	}
	proto, at, whole := transportOf(frame)
	switch {
	case !whole:
		return MissingNonsense
	case at == start && (proto == wire.ProtoTCP && offset == tcpChecksum || proto == wire.ProtoUDP && offset == udpChecksum):
		return MissingTransport
	}
	return MissingElsewhere
}

// transportOf finds the transport header in a frame: its protocol, and where
// it starts or 0. It reports not whole for a fragment.
func transportOf(frame []byte) (proto uint8, at int, whole bool) {
	b := frame[wire.EthernetLen:]
	switch wire.Ethernet(frame).Type() {
	case wire.TypeIPv4:
		if len(b) < wire.IPv4MinLen {
			break
		}
		ip := wire.IPv4(b)
		return ip.Protocol(), wire.EthernetLen + ip.HeaderLen(), !ip.IsFragment()
	case wire.TypeIPv6:
		if len(b) < wire.IPv6Len {
			break
		}
		if t, ok := wire.IPv6(b).Transport(); ok {
			return t.Proto, wire.EthernetLen + t.Offset, t.FragmentAt == 0
		}
	}
	return 0, 0, true
}

// Headers is the length of all headers, Ethernet's included, of a frame that
// is to be cut into segments: a TCP segment that begins or resets nothing,
// in a datagram that ends where the frame of size bytes does, with Rest. It is 0
// if the frame is anything else.
// Precondition: Missing is MissingTransport.
func (o *Offload) Headers(frame []byte, size int) int {
	s, ok := wire.ParseTCP(frame[o.ChecksumStart:])
	if !ok || o.ChecksumOffset != tcpChecksum || s.Flags()&(wire.TCPSyn|wire.TCPRst) != 0 {
		return 0
	}
	length := wire.IPv4(frame[wire.EthernetLen:]).TotalLen()
	if wire.Ethernet(frame).Type() == wire.TypeIPv6 {
		length = wire.IPv6Len + wire.IPv6(frame[wire.EthernetLen:]).PayloadLen()
	}
	if length != size-wire.EthernetLen {
		return 0
	}
	return o.ChecksumStart + s.HeaderLen()
}

// Complete puts the missing checksum into a frame. A sum that comes out as 0
// is written as 0xffff, which is the same, but in TCP, as senders do it.
// Preconditions: a checksum is missing, not MissingNonsense; Rest is empty.
func (o *Offload) Complete(frame []byte) {
	sum := ^wire.Sum(frame[o.ChecksumStart:], 0)
	if sum == 0 && o.ChecksumOffset != tcpChecksum {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(frame[o.ChecksumStart+o.ChecksumOffset:], sum)
}

// RestBytes is how much of the datagram is in Offload.Rest, and not in the
// slices of p: the end of a TCP segment's data.
func (p *Packet) RestBytes() int { return p.restBytes }

// SetOffload sets Offload, before Parse. Precondition: its checksum is
// missing from the transport header, or it is zero.
func (p *Packet) SetOffload(o Offload) {
	p.Offload, p.restBytes = o, o.RestBytes()
}

// Finished says that p has now all of the datagram, and nothing is left to do:
// a frame like the one before from its Ethernet to its transport header.
func (p *Packet) Finished(frame []byte) {
	at := len(p.Frame) - len(p.transport)
	p.Offload, p.restBytes = Offload{}, 0
	p.Frame, p.transport = frame, frame[at:]
	if p.IP6 != nil {
		p.IP6 = wire.IPv6(frame[wire.EthernetLen:])
	} else {
		p.IP = wire.IPv4(frame[wire.EthernetLen:])
	}
	if p.TCP != nil {
		p.TCP = wire.TCP(p.transport)
	} else {
		p.UDP = wire.UDP(p.transport)
	}
}

// Longest is the length of the longest datagram that p becomes.
func (p *Packet) Longest() int {
	if p.Offload.Segment == 0 {
		return len(p.IP) + len(p.IP6)
	}
	return p.Offload.ChecksumStart + p.TCP.HeaderLen() - wire.EthernetLen + p.Offload.Segment
}

// Segments is how many frames p becomes, and the length of the headers that each
// of them has, Ethernet's included. For a single datagram these are 1 and 0.
func (p *Packet) Segments() (frames, headers int) {
	if p.Offload.Segment == 0 {
		return 1, 0
	}
	headers = p.Offload.ChecksumStart + p.TCP.HeaderLen()
	return (len(p.Frame) + p.restBytes - headers + p.Offload.Segment - 1) / p.Offload.Segment, headers
}
