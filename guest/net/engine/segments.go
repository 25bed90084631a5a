package engine

import (
	"tender/guest/net/neighbour"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// neighbourWaits is how many segments of one frame wait for a neighbour: the
// first ones, where later frames displace earlier ones otherwise.
const neighbourWaits = neighbour.PerNeighbour

// segments are the frames that a large TCP segment becomes, one at a time.
type segments struct {
	packet *packet.Packet
	buffer []byte
	// headers is the length of all headers, transport where TCP's is.
	headers, transport int
	// data is what follows in the piece that is being read, and rest the
	// pieces behind it.
	data []byte
	rest [][]byte
	// done and left are bytes of data; frames is how many there were.
	done, left, frames int
}

// cut begins with the segments of p, in memory of the engine's own.
// Precondition: p.Offload.Segment > 0.
func (e *Engine) cut(p *packet.Packet) segments {
	_, headers := p.Segments()
	return segments{
		packet: p, buffer: e.large, headers: headers, transport: p.Offload.ChecksumStart,
		data: p.Frame[headers:], rest: p.Offload.Rest, left: len(p.Frame) + p.RestBytes() - headers,
	}
}

// next returns the next frame, which is complete and good until the one after,
// or nil. Numbers go up, what is said of the end is said by the last, and that
// the congestion window was reduced, by the first.
func (s *segments) next() []byte {
	if s.left == 0 {
		return nil
	}
	p := s.packet
	size := min(s.left, p.Offload.Segment)
	frame := s.buffer[:s.headers+size]
	copy(frame, p.Frame[:s.headers])
	s.read(frame[s.headers:])
	if p.IP != nil {
		wire.IPv4(frame[wire.EthernetLen:]).SetSegment(len(frame)-wire.EthernetLen, p.IP.ID()+uint16(s.frames))
	} else {
		wire.IPv6(frame[wire.EthernetLen:]).SetPayloadLen(len(frame) - wire.EthernetLen - wire.IPv6Len)
	}
	var clear uint8
	if s.done > 0 {
		clear = wire.TCPCwr
	}
	if s.left > size {
		clear |= wire.TCPFin | wire.TCPPsh
	}
	whole := s.headers - s.transport + s.done + s.left
	wire.TCP(frame[s.transport:]).SetSegment(p.TCP.Seq()+uint32(s.done), p.TCP.Flags()&^clear, whole)
	s.done, s.left, s.frames = s.done+size, s.left-size, s.frames+1
	return frame
}

// read fills b with data.
func (s *segments) read(b []byte) {
	for len(b) > 0 {
		n := copy(b, s.data)
		b, s.data = b[n:], s.data[n:]
		if len(b) > 0 {
			s.data, s.rest = s.rest[0], s.rest[1:]
		}
	}
}
