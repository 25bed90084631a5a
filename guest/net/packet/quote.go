package packet

import "tender/guest/net/wire"

// parseQuoted reads the datagram in an ICMP error: its IP header and at least
// eight bytes more (RFC 792), or all of a shorter one. The quoted total length and checksum are those
// of a datagram on its way, and say nothing about the quote.
func (p *Packet) parseQuoted(b []byte) error {
	if p.Fragment != Whole || len(b) < wire.IPv4MinLen || b[0]>>4 != 4 {
		return ErrTransport
	}
	q := wire.IPv4(b)
	header := q.HeaderLen()
	if header < wire.IPv4MinLen || len(b) < header || q.FragmentOffset() != 0 {
		return ErrTransport
	}
	p.Quoted = Tuple{Src: wire.From4(q.Src()), Dst: wire.From4(q.Dst()), Proto: uint16(q.Protocol())}
	p.quoted = headers{ip: q, transport: b[header:]}
	return p.parseQuotedTransport()
}

// parseQuoted6 is parseQuoted for ICMPv6 (RFC 4443 §2.4).
func (p *Packet) parseQuoted6(b []byte) error {
	if p.Fragment != Whole || len(b) < wire.IPv6Len || b[0]>>4 != 6 {
		return ErrTransport
	}
	q := wire.IPv6(b)
	t, ok := q.Transport()
	if !ok || len(b) < t.Offset || t.FragmentAt != 0 && wire.FragmentHeader(q[t.FragmentAt:]).Offset() != 0 {
		return ErrTransport
	}
	p.Quoted = Tuple{Src: q.Src(), Dst: q.Dst(), Proto: uint16(t.Proto)}
	p.quoted = headers{ip6: q, transport: b[t.Offset:]}
	return p.parseQuotedTransport()
}

// parseQuotedTransport reads the first eight bytes of protocols with ports or
// IDs. Others may have less.
func (p *Packet) parseQuotedTransport() error {
	payload := p.quoted.transport
	switch p.Quoted.Proto {
	case wire.ProtoTCP, wire.ProtoUDP, wire.ProtoICMP, wire.ProtoICMP6:
		if len(payload) < 8 {
			return ErrTransport
		}
	}
	switch p.Quoted.Proto {
	case wire.ProtoTCP:
		s := wire.TCP(payload)
		p.Quoted.SrcPort, p.Quoted.DstPort = s.SrcPort(), s.DstPort()
		p.QuotedSeq = s.Seq()
	case wire.ProtoUDP:
		d := wire.UDP(payload)
		p.Quoted.SrcPort, p.Quoted.DstPort = d.SrcPort(), d.DstPort()
	case wire.ProtoICMP:
		inner := wire.ICMP(payload)
		if inner.IsError() || p.quoted.ip6 != nil {
			return ErrTransport
		}
		p.Quoted.ICMPType = uint16(inner.Type())
		p.Quoted.SrcPort, p.Quoted.DstPort = inner.ID(), inner.ID()
	case wire.ProtoICMP6:
		inner := wire.ICMP6(payload)
		if inner.IsError() || inner.IsNeighbour() || p.quoted.ip != nil {
			return ErrTransport
		}
		p.Quoted.ICMPType = uint16(inner.Type())
		p.Quoted.SrcPort, p.Quoted.DstPort = inner.ID(), inner.ID()
	}
	return nil
}

// SetQuoted gives the datagram in an ICMP error the addresses and ports of
// to, and mends the checksums. Precondition: IsError.
func (p *Packet) SetQuoted(to Tuple) {
	q := &p.Quoted
	p.quoted.setSrc(q, to.Src, to.SrcPort)
	p.quoted.setDst(q, to.Dst, to.DstPort)
	m := p.transport
	m[2], m[3] = 0, 0
	var sum uint16
	if p.IP6 != nil {
		sum = p.pseudo(len(m))
	}
	sum = ^wire.Sum(m, sum)
	m[2], m[3] = byte(sum>>8), byte(sum)
}
