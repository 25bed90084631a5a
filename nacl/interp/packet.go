package interp

import (
	"encoding/binary"
	"net/netip"

	"tender/nacl/program"
	"tender/nacl/syntax"
)

// Packet is a datagram and what connection tracking knows about it.
type Packet struct {
	// Data begins with the IP header.
	Data  []byte
	State program.State
}

// Protocol numbers (IANA).
const (
	protoICMP  = 1
	protoTCP   = 6
	protoUDP   = 17
	protoICMP6 = 58
)

// numbers are the transport protocols with the length of their headers.
var numbers = map[syntax.Protocol]struct {
	number, length int
	// version is that of IP, 0 for both.
	version byte
}{
	syntax.TCP: {protoTCP, 20, 0}, syntax.UDP: {protoUDP, 8, 0},
	syntax.ICMP: {protoICMP, 8, 4}, syntax.ICMP6: {protoICMP6, 8, 6},
}

// version is that of IP, 0 if there is no complete header.
func (p *Packet) version() byte {
	if len(p.Data) < 20 {
		return 0
	}
	switch v := p.Data[0] >> 4; {
	case v == 4 && int(p.Data[0]&15)*4 >= 20 && len(p.Data) >= int(p.Data[0]&15)*4:
		return 4
	case v == 6 && len(p.Data) >= 40:
		return 6
	}
	return 0
}

// transport is the protocol number and the place of the transport header, -1
// if the packet does not begin it.
func (p *Packet) transport() (number, at int) {
	if p.version() == 4 {
		number, at = int(p.Data[9]), int(p.Data[0]&15)*4
		if binary.BigEndian.Uint16(p.Data[6:])&0x1fff != 0 {
			at = -1
		}
		return number, at
	}
	number, at = int(p.Data[6]), 40
	for {
		rest := p.Data[at:]
		switch number {
		case 0, 43, 60: // hop by hop, routing, destination: length in the second byte
			if len(rest) < 8 || len(rest) < 8+8*int(rest[1]) {
				return number, -1
			}
			number, at = int(rest[0]), at+8+8*int(rest[1])
		case 44: // fragment
			if len(rest) < 8 {
				return number, -1
			}
			number, at = int(rest[0]), at+8
			if binary.BigEndian.Uint16(rest[2:])>>3 != 0 {
				return number, -1
			}
		default:
			return number, at
		}
	}
}

// Has reports whether the packet has the header of a protocol.
func (p *Packet) Has(protocol syntax.Protocol) bool {
	v := p.version()
	if v == 0 || protocol == syntax.IP || protocol == syntax.IP6 {
		return v != 0 && family(v) == protocol
	}
	n := numbers[protocol]
	number, at := p.transport()
	return (n.version == 0 || n.version == v) && number == n.number && at >= 0 && len(p.Data) >= at+n.length
}

// field reads a field. The packet must have its header.
func (p *Packet) field(f program.Field) program.Scalar {
	info := program.Info[f]
	if f == program.CTState {
		return program.Scalar{Shape: program.ConnState, State: p.State}
	}
	header := p.Data
	if _, ok := numbers[info.Header]; ok {
		_, at := p.transport()
		header = p.Data[at:]
	}
	if info.Shape != program.Number {
		a, _ := netip.AddrFromSlice(header[info.Offset/8 : (info.Offset+info.Bits)/8])
		return program.Address(a)
	}
	value := int64(0)
	for bit := info.Offset; bit < info.Offset+info.Bits; bit++ {
		value = value<<1 | int64(header[bit/8]>>(7-bit%8)&1)
	}
	return program.Whole(value)
}

// Field is the value of a field as text, "" if the packet has not its header.
func (p *Packet) Field(f program.Field) string {
	if f != program.CTState && !p.Has(program.Info[f].Header) {
		return ""
	}
	return p.field(f).String()
}

// Translate does what dnat and snat ask for. Only packets that begin a
// connection are changed: all others go where their connection goes.
func (p *Packet) Translate(t *program.Translate) {
	if p.State != program.New || p.version() != 4 {
		return
	}
	number, at := p.transport()
	checksum := map[int]int{protoTCP: at + 16, protoUDP: at + 6}[number]
	if at < 0 || checksum+2 > len(p.Data) || number == protoUDP && binary.BigEndian.Uint16(p.Data[at+6:]) == 0 {
		checksum = 0
	}
	place, port := 12, at
	if t.Destination {
		place, port = 16, at+2
	}
	if t.Addr.IsValid() {
		b := t.Addr.As4()
		p.write(place, b[:2], 10, checksum)
		p.write(place+2, b[2:], 10, checksum)
	}
	if t.Port != 0 && at >= 0 && (number == protoTCP || number == protoUDP) && port+2 <= len(p.Data) {
		p.write(port, binary.BigEndian.AppendUint16(nil, t.Port), checksum)
	}
	if number == protoUDP && checksum != 0 && binary.BigEndian.Uint16(p.Data[checksum:]) == 0 {
		binary.BigEndian.PutUint16(p.Data[checksum:], 0xffff)
	}
}

// write writes two bytes and mends the checksums at some places, 0 for none,
// as in equation 3 of RFC 1624.
func (p *Packet) write(at int, value []byte, checksums ...int) {
	for _, c := range checksums {
		if c == 0 {
			continue
		}
		sum := uint32(^binary.BigEndian.Uint16(p.Data[c:])) + uint32(^binary.BigEndian.Uint16(p.Data[at:])) + uint32(binary.BigEndian.Uint16(value))
		sum = sum&0xffff + sum>>16
		sum = sum&0xffff + sum>>16
		binary.BigEndian.PutUint16(p.Data[c:], ^uint16(sum))
	}
	copy(p.Data[at:at+2], value)
}
