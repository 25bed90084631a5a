package engine

import (
	"tender/guest/net/packet"
	"tender/guest/net/route"
	"tender/guest/net/wire"
)

// ipv6 is ipv4 for IPv6.
func (e *Engine) ipv6(n *iface, frame []byte, group bool) Fate {
	ip, err := wire.ParseIPv6Part(frame[wire.EthernetLen:], e.packet.RestBytes())
	switch err {
	case nil:
	case wire.ErrIPLength:
		return DropIPLength
	default:
		return DropIPHeader
	}
	frame = frame[:wire.EthernetLen+len(ip)]
	src, dst := ip.Src(), ip.Dst()
	if src.IsMulticast() || src.IsMartian() || dst.IsMartian() || dst.IsZero() || src == dst {
		return DropMartian
	}
	p := &e.packet
	if fate := refusal(p.Parse6(frame, ip)); fate != Forwarded {
		return fate
	}
	if p.ICMP6 != nil && p.ICMP6.IsNeighbour() && p.Fragment == packet.Whole {
		return e.discovery(n, p)
	}
	if group || dst.IsMulticast() {
		return DropBroadcast
	}
	if src.IsZero() {
		return DropMartian
	}
	if src.IsLinkLocal() || dst.IsLinkLocal() {
		if dst != n.linkLocal && !n.owns(dst) {
			return DropScope
		}
		return e.datagram(n, way{iface: n.number, kind: route.Local, ok: true})
	}
	back := e.way(src)
	if fate := e.checkBack(n, &back); fate != Forwarded {
		return fate
	}
	return e.datagram(n, e.way(dst))
}

// discovery hears a message of neighbour discovery (RFC 4861) and answers a
// solicitation for an address of ours. Routers' messages are not for a router.
func (e *Engine) discovery(n *iface, p *packet.Packet) Fate {
	src := p.Tuple.Src
	if p.IP6.HopLimit() != 255 || p.IP6.NextHeader() != wire.ProtoICMP6 {
		return DropNeighbourSpoofed // it has come through a router
	}
	m, ok := wire.ParseNeighbour(p.ICMP6)
	if !ok {
		return DropNeighbourMalformed
	}
	mac, hasMAC := m.MAC()
	switch p.ICMP6.Type() {
	case wire.ICMP6NeighbourSolicit:
		return e.solicited(n, p, m.Target(), mac, hasMAC)
	case wire.ICMP6NeighbourAdvert:
		target := m.Target()
		switch {
		case n.owns(target):
			n.counters.ARPConflicts++
			return DropNeighbourSpoofed
		case !hasMAC || mac != wire.Ethernet(p.Frame).Src() || !n.onLink(target) || !n.onLink(src):
			return DropNeighbourSpoofed
		}
		n.neighbours.Heard(target, mac, e.nowNanos)
		return Discovery
	}
	return Discovery
}

// solicited answers a neighbour solicitation.
func (e *Engine) solicited(n *iface, p *packet.Packet, target wire.Addr, mac wire.MAC, hasMAC bool) Fate {
	src := p.Tuple.Src
	to, flags := src, uint32(wire.FlagRouter|wire.FlagSolicited|wire.FlagOverride)
	toMAC := wire.Ethernet(p.Frame).Src()
	switch {
	case src.IsZero(): // somebody looks whether the address is free
		to, flags, toMAC = wire.AllNodes, wire.FlagRouter|wire.FlagOverride, wire.AllNodes.GroupMAC()
	case n.owns(src):
		n.counters.ARPConflicts++
		return DropNeighbourSpoofed
	case !n.onLink(src) || hasMAC && mac != toMAC:
		return DropNeighbourSpoofed
	case hasMAC:
		n.neighbours.Heard(src, mac, e.nowNanos)
	}
	if n.owns(target) {
		n.sendNeighbour(wire.ICMP6NeighbourAdvert, flags, target, target, to, toMAC)
	}
	return Discovery
}

// sendNeighbour sends a solicitation or advertisement.
func (n *iface) sendNeighbour(icmpType uint8, flags uint32, target, src, dst wire.Addr, mac wire.MAC) {
	const size = wire.EthernetLen + wire.IPv6Len + wire.NeighbourLen
	frame := n.engine.message[:size]
	wire.Ethernet(frame).SetHeader(mac, n.MAC, wire.TypeIPv6)
	ip := wire.IPv6(frame[wire.EthernetLen:])
	ip.SetHeader(0, wire.ProtoICMP6, 255, wire.NeighbourLen, src, dst)
	wire.ICMP6(ip.Payload()).SetNeighbour(icmpType, flags, target, n.MAC, src, dst)
	n.write(frame, &n.counters.TxARP)
}
