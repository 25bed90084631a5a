package packet

import (
	"encoding/binary"

	"tender/guest/net/wire"
)

// headers are the parts of a datagram that a translation changes: the IP
// header of one family, and the transport header, which may be cut off after
// eight bytes in a quote and is nil in a LaterFragment.
type headers struct {
	ip        wire.IPv4
	ip6       wire.IPv6
	transport []byte
	// partial says that there is the sum of the pseudo header in the place of
	// the transport checksum.
	partial bool
}

// SetSrc rewrites source address and port, in the tuple too, and mends the
// checksums. The identifier of an ICMP query counts as its port. An address
// of the other family changes nothing.
func (p *Packet) SetSrc(addr wire.Addr, port uint16) {
	if p.Tuple.Src == addr && p.Tuple.SrcPort == port || addr.Is4() != (p.IP != nil) {
		return
	}
	h := headers{p.IP, p.IP6, p.transport, p.Offload.ChecksumStart != 0}
	h.setSrc(&p.Tuple, addr, port)
}

// SetDst is SetSrc for the destination.
func (p *Packet) SetDst(addr wire.Addr, port uint16) {
	if p.Tuple.Dst == addr && p.Tuple.DstPort == port || addr.Is4() != (p.IP != nil) {
		return
	}
	h := headers{p.IP, p.IP6, p.transport, p.Offload.ChecksumStart != 0}
	h.setDst(&p.Tuple, addr, port)
}

func (h *headers) setSrc(t *Tuple, addr wire.Addr, port uint16) {
	if addr != t.Src {
		if h.ip != nil {
			h.ip.SetSrc(addr.As4())
		} else {
			h.ip6.SetSrc(addr)
		}
		h.mendAddr(t, t.Src, addr)
		t.Src = addr
	}
	if port != t.SrcPort {
		h.setPort(t, 0, t.SrcPort, port)
		t.SrcPort = port
		if t.HasID() {
			t.DstPort = port
		}
	}
}

func (h *headers) setDst(t *Tuple, addr wire.Addr, port uint16) {
	if addr != t.Dst {
		if h.ip != nil {
			h.ip.SetDst(addr.As4())
		} else {
			h.ip6.SetDst(addr)
		}
		h.mendAddr(t, t.Dst, addr)
		t.Dst = addr
	}
	if port != t.DstPort {
		h.setPort(t, 2, t.DstPort, port)
		t.DstPort = port
		if t.HasID() {
			t.SrcPort = port
		}
	}
}

// checksumAt is where a transport checksum is, or -1; address says that it has
// to cover the pseudo header.
func (h *headers) checksumAt(t *Tuple, address bool) int {
	at := -1
	switch t.Proto {
	case wire.ProtoTCP:
		at = 16
	case wire.ProtoUDP:
		at = 6
	case wire.ProtoICMP:
		if !address {
			at = 2
		}
	case wire.ProtoICMP6:
		at = 2
	}
	if at+2 > len(h.transport) {
		return -1
	}
	return at
}

// mendAddr mends the transport checksum after a change of address.
func (h *headers) mendAddr(t *Tuple, old, new wire.Addr) {
	if at := h.checksumAt(t, true); at >= 0 {
		check := binary.BigEndian.Uint16(h.transport[at:])
		if h.partial {
			binary.BigEndian.PutUint16(h.transport[at:], ^wire.UpdateAddr(^check, old, new))
			return
		}
		h.setChecksum(t, at, check, wire.UpdateAddr(check, old, new))
	}
}

// setPort writes a port at its place, 0 or 2, or an identifier.
func (h *headers) setPort(t *Tuple, place int, old, new uint16) {
	if t.HasID() {
		place = 4
	}
	if !t.HasPorts() || place+2 > len(h.transport) {
		return
	}
	binary.BigEndian.PutUint16(h.transport[place:], new)
	if h.partial {
		return // the pseudo header has no ports
	}
	if at := h.checksumAt(t, false); at >= 0 {
		check := binary.BigEndian.Uint16(h.transport[at:])
		h.setChecksum(t, at, check, wire.Update(check, old, new))
	}
}

// setChecksum writes a checksum. In UDP, 0 says that there is none, which
// stays so, and a sum that comes out as 0 is written as 0xffff (RFC 768).
func (h *headers) setChecksum(t *Tuple, at int, old, new uint16) {
	if t.Proto == wire.ProtoUDP {
		if old == 0 {
			return
		}
		if new == 0 {
			new = 0xffff
		}
	}
	binary.BigEndian.PutUint16(h.transport[at:], new)
}

// DNAT gives the flow that this datagram begins another destination, address
// or port or both; the zero Addr and port 0 mean that it stays. It takes effect
// at once. A datagram of a flow that is known goes where its flow goes,
// whatever addr and port say. The verdict is Accept; it is Drop for an address
// of the other family. A port means nothing for protocols without ports.
func (p *Packet) DNAT(addr wire.Addr, port uint16) Verdict {
	if p.Known || p.State != New {
		p.TranslateDst()
		return Accept
	}
	addr, port, ok := p.wanted(addr, port, p.Tuple.Dst, p.Tuple.DstPort)
	if !ok {
		return Drop
	}
	p.SetDst(addr, port)
	return Accept
}

// SNAT is DNAT for the source. Another port than the one asked for is used if
// the answers could not be told from those of another flow.
func (p *Packet) SNAT(addr wire.Addr, port uint16) Verdict {
	if p.Known || p.State != New {
		p.TranslateSrc()
		return Accept
	}
	addr, port, ok := p.wanted(addr, port, p.Tuple.Src, p.Tuple.SrcPort)
	if !ok {
		return Drop
	}
	p.SetSrc(addr, port)
	return Accept
}

func (p *Packet) wanted(addr wire.Addr, port uint16, nowAddr wire.Addr, nowPort uint16) (wire.Addr, uint16, bool) {
	if addr.IsZero() {
		addr = nowAddr
	}
	if port == 0 || p.Tuple.Proto != wire.ProtoTCP && p.Tuple.Proto != wire.ProtoUDP {
		port = nowPort
	}
	return addr, port, addr.Is4() == nowAddr.Is4()
}

// TranslateDst gives a datagram of a known flow the destination that its flow
// has, and TranslateSrc the source.
func (p *Packet) TranslateDst() {
	if p.Translated {
		p.SetDst(p.Target.Dst, p.Target.DstPort)
	}
}

// TranslateSrc is described at TranslateDst.
func (p *Packet) TranslateSrc() {
	if p.Translated {
		p.SetSrc(p.Target.Src, p.Target.SrcPort)
	}
}
