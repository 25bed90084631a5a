package packet

import (
	"errors"

	"tender/guest/net/wire"
)

// Why Parse refused a datagram.
var (
	ErrTransport         = errors.New("transport header is cut short or malformed")
	ErrTransportChecksum = errors.New("transport checksum is wrong")
	ErrFragment          = errors.New("fragment is malformed")
)

// Parse fills p from a frame whose datagram is ip, and from nothing else: In,
// Out and State are left to the caller.
//
// What it guarantees about an accepted datagram: the transport header of TCP,
// UDP and ICMP is complete unless it is a LaterFragment; TCP flags make sense;
// the checksum is right where a wrong one could mislead the engine itself (ICMP,
// and TCP segments with SYN, FIN or RST). Other checksums are left to the
// receiver, as on any router.
func (p *Packet) Parse(frame []byte, ip wire.IPv4) error {
	p.Frame, p.IP = frame, ip
	p.TCP, p.ICMP = nil, nil
	p.Fragment = Whole
	p.Tuple = Tuple{Src: ip.Src(), Dst: ip.Dst(), Proto: uint16(ip.Protocol())}
	payload := ip.Payload()
	if ip.IsFragment() {
		if !fragmentFits(ip, len(payload)) {
			return ErrFragment
		}
		p.Fragment = FirstFragment
		if ip.FragmentOffset() > 0 {
			p.Fragment = LaterFragment
			return nil
		}
	}
	switch ip.Protocol() {
	case wire.ProtoTCP:
		return p.parseTCP(payload)
	case wire.ProtoUDP:
		return p.parseUDP(payload)
	case wire.ProtoICMP:
		return p.parseICMP(payload)
	}
	return nil
}

// fragmentFits reports whether a fragment may exist: it holds data, all but
// the last end on a multiple of 8, and none reaches beyond what a datagram
// can be.
func fragmentFits(ip wire.IPv4, length int) bool {
	if length == 0 || ip.MoreFragments() && length%8 != 0 {
		return false
	}
	return ip.HeaderLen()+ip.FragmentOffset()+length <= 0xffff
}

func (p *Packet) parseTCP(payload []byte) error {
	s, ok := wire.ParseTCP(payload)
	if !ok {
		return ErrTransport
	}
	control := s.Flags() & (wire.TCPSyn | wire.TCPFin | wire.TCPRst)
	switch {
	case control&(control-1) != 0: // two of them contradict each other
		return ErrTransport
	case control == 0 && s.Flags()&wire.TCPAck == 0, control == wire.TCPFin && s.Flags()&wire.TCPAck == 0:
		return ErrTransport
	}
	if control != 0 && p.Fragment == Whole {
		pseudo := wire.PseudoSum(p.Tuple.Src, p.Tuple.Dst, wire.ProtoTCP, len(payload))
		if wire.Sum(payload, pseudo) != 0xffff {
			return ErrTransportChecksum
		}
	}
	p.TCP = s
	p.Tuple.SrcPort, p.Tuple.DstPort = s.SrcPort(), s.DstPort()
	return nil
}

func (p *Packet) parseUDP(payload []byte) error {
	if len(payload) < wire.UDPLen {
		return ErrTransport
	}
	d := wire.UDP(payload)
	if d.Length() < wire.UDPLen || p.Fragment == Whole && d.Length() > len(payload) {
		return ErrTransport
	}
	p.Tuple.SrcPort, p.Tuple.DstPort = d.SrcPort(), d.DstPort()
	return nil
}

func (p *Packet) parseICMP(payload []byte) error {
	if len(payload) < wire.ICMPLen {
		return ErrTransport
	}
	m := wire.ICMP(payload)
	if p.Fragment == Whole && wire.Sum(payload, 0) != 0xffff {
		return ErrTransportChecksum
	}
	p.ICMP = m
	p.Tuple.ICMPType = uint16(m.Type())
	if m.IsError() {
		return p.parseQuoted(m)
	}
	p.Tuple.SrcPort, p.Tuple.DstPort = m.ID(), m.ID()
	return nil
}

// parseQuoted reads the datagram in an ICMP error: its IP header and at least
// eight bytes more (RFC 792). The quoted total length and checksum are those
// of a datagram on its way, and say nothing about the quote.
func (p *Packet) parseQuoted(m wire.ICMP) error {
	b := m.Body()
	if p.Fragment != Whole || len(b) < wire.IPv4MinLen || b[0]>>4 != 4 {
		return ErrTransport
	}
	q := wire.IPv4(b)
	header := q.HeaderLen()
	if header < wire.IPv4MinLen || len(b) < header+8 || q.FragmentOffset() != 0 {
		return ErrTransport
	}
	p.Quoted = Tuple{Src: q.Src(), Dst: q.Dst(), Proto: uint16(q.Protocol())}
	payload := b[header:]
	switch q.Protocol() {
	case wire.ProtoTCP:
		// Ports and sequence number are all that is surely there.
		s := wire.TCP(payload)
		p.Quoted.SrcPort, p.Quoted.DstPort = s.SrcPort(), s.DstPort()
		p.QuotedSeq = s.Seq()
	case wire.ProtoUDP:
		d := wire.UDP(payload)
		p.Quoted.SrcPort, p.Quoted.DstPort = d.SrcPort(), d.DstPort()
	case wire.ProtoICMP:
		inner := wire.ICMP(payload)
		if inner.IsError() {
			return ErrTransport
		}
		p.Quoted.ICMPType = uint16(inner.Type())
		p.Quoted.SrcPort, p.Quoted.DstPort = inner.ID(), inner.ID()
	}
	return nil
}
