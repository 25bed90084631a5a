package packet

import (
	"errors"

	"tender/guest/net/wire"
)

// Why Parse and Parse6 refused a datagram.
var (
	ErrTransport         = errors.New("transport header is cut short or malformed")
	ErrTransportChecksum = errors.New("transport checksum is wrong")
	ErrFragment          = errors.New("fragment is malformed")
)

// Parse fills p from a frame whose datagram is ip, and from nothing else: In
// and Out are None and the flow is unknown.
//
// What it guarantees about an accepted datagram: the transport header of TCP,
// UDP and ICMP is complete unless it is a LaterFragment; TCP flags make sense;
// the checksum is right where a wrong one could mislead the engine itself (ICMP,
// and TCP segments with SYN, FIN or RST) and not missing. Other checksums are left
// to the receiver, as on any router.
func (p *Packet) Parse(frame []byte, ip wire.IPv4) error {
	p.reset(frame)
	p.IP = ip
	p.Tuple.Src, p.Tuple.Dst = wire.From4(ip.Src()), wire.From4(ip.Dst())
	payload := ip.Payload()
	if ip.IsFragment() {
		if ip.HeaderLen()+ip.FragmentOffset()+len(payload) > 0xffff || !fragmentFits(len(payload), ip.MoreFragments()) {
			return ErrFragment
		}
		p.Fragment = positionOf(ip.FragmentOffset())
	}
	return p.parseTransport(ip.Protocol(), payload)
}

// Parse6 is Parse for IPv6. The extension headers are followed; a datagram
// whose only fragment is the whole is taken as whole, and one with an IPv4
// address in disguise is refused.
func (p *Packet) Parse6(frame []byte, ip wire.IPv6) error {
	p.reset(frame)
	p.IP6 = ip
	p.Tuple.Src, p.Tuple.Dst = ip.Src(), ip.Dst()
	t, ok := ip.Transport()
	if !ok || p.Tuple.Src.Is4() || p.Tuple.Dst.Is4() {
		return ErrTransport
	}
	payload := ip[t.Offset:]
	if t.FragmentAt != 0 {
		f := wire.FragmentHeader(ip[t.FragmentAt:])
		if f.Offset()+len(payload) > 0xffff || !fragmentFits(len(payload), f.More()) {
			return ErrFragment
		}
		if f.More() || f.Offset() > 0 {
			p.Fragment = positionOf(f.Offset())
		}
	}
	if t.Proto == wire.ProtoICMP {
		return ErrTransport
	}
	return p.parseTransport(t.Proto, payload)
}

func (p *Packet) reset(frame []byte) {
	p.Frame, p.IP, p.IP6 = frame, nil, nil
	p.TCP, p.UDP, p.ICMP, p.ICMP6, p.transport = nil, nil, nil, nil, nil
	p.In, p.Out = None, None
	p.Fragment, p.State, p.Known, p.Translated = Whole, Invalid, false, false
	p.Tuple.SrcPort, p.Tuple.DstPort, p.Tuple.ICMPType = 0, 0, 0
	if p.Quoted != (Tuple{}) {
		p.Quoted, p.QuotedSeq, p.quoted = Tuple{}, 0, headers{}
	}
}

func positionOf(offset int) Fragment {
	if offset > 0 {
		return LaterFragment
	}
	return FirstFragment
}

// fragmentFits reports whether a fragment holds data, and ends on a multiple
// of 8 if it is not the last.
func fragmentFits(length int, more bool) bool {
	return length > 0 && (!more || length%8 == 0)
}

func (p *Packet) parseTransport(proto uint8, payload []byte) error {
	p.Tuple.Proto = uint16(proto)
	var err error
	if p.Fragment != LaterFragment {
		p.transport = payload
		switch proto {
		case wire.ProtoTCP:
			err = p.parseTCP(payload)
		case wire.ProtoUDP:
			err = p.parseUDP(payload)
		case wire.ProtoICMP:
			err = p.parseICMP(payload)
		case wire.ProtoICMP6:
			err = p.parseICMP6(payload)
		}
	}
	p.Original = p.Tuple
	return err
}

// pseudo is the partial checksum of the pseudo header.
func (p *Packet) pseudo(length int) uint16 {
	proto := uint8(p.Tuple.Proto)
	if p.IP6 != nil {
		return wire.PseudoSum6(p.Tuple.Src, p.Tuple.Dst, proto, length)
	}
	return wire.PseudoSum(p.Tuple.Src.As4(), p.Tuple.Dst.As4(), proto, length)
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
	if control != 0 && p.Fragment == Whole && p.Offload.ChecksumStart == 0 && wire.Sum(payload, p.pseudo(len(payload))) != 0xffff {
		return ErrTransportChecksum
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
	p.UDP = d
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
		return p.parseQuoted(m.Body())
	}
	p.Tuple.SrcPort, p.Tuple.DstPort = m.ID(), m.ID()
	return nil
}

func (p *Packet) parseICMP6(payload []byte) error {
	if len(payload) < wire.ICMPLen || p.IP6 == nil {
		return ErrTransport
	}
	m := wire.ICMP6(payload)
	if p.Fragment == Whole && wire.Sum(payload, p.pseudo(len(payload))) != 0xffff {
		return ErrTransportChecksum
	}
	p.ICMP6 = m
	p.Tuple.ICMPType = uint16(m.Type())
	switch {
	case m.IsError():
		return p.parseQuoted6(m.Body())
	case !m.IsNeighbour():
		p.Tuple.SrcPort, p.Tuple.DstPort = m.ID(), m.ID()
	}
	return nil
}

// IsError reports an ICMP error of either family.
func (p *Packet) IsError() bool {
	return p.ICMP != nil && p.ICMP.IsError() || p.ICMP6 != nil && p.ICMP6.IsError()
}

// FragmentAt returns where the data of a fragment is in its datagram, in bytes,
// how long it is, and the datagram's number.
func (p *Packet) FragmentAt() (offset, length int, id uint32) {
	if p.IP != nil {
		return p.IP.FragmentOffset(), len(p.IP.Payload()), uint32(p.IP.ID())
	}
	t, ok := p.IP6.Transport()
	if !ok || t.FragmentAt == 0 {
		return 0, 0, 0
	}
	f := wire.FragmentHeader(p.IP6[t.FragmentAt:])
	return f.Offset(), len(p.IP6) - t.Offset, f.ID()
}
