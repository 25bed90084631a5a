package engine

import (
	"tender/guest/net/flow"
	"tender/guest/net/packet"
	"tender/guest/net/route"
	"tender/guest/net/wire"
)

// relay forwards a datagram that has met connection tracking and Prerouting.
func (e *Engine) relay(n *iface, p *packet.Packet, to way, match flow.Match) Fate {
	if !to.ok || to.kind == route.Own {
		e.sendError(n, p, noRoute)
		return DropNoRoute
	}
	if to.kind != route.Forward || p.Tuple.Src == p.Tuple.Dst {
		return DropMartian // a translation has made it so
	}
	out := &e.ifaces[to.iface]
	p.Out = out.number
	if e.forward(p) == packet.Drop {
		return DropForward
	}
	if fate := e.checkHop(n, p, out); fate != Forwarded {
		return fate
	}
	if out.Postrouting != nil && out.Postrouting(p) == packet.Drop {
		return DropPostrouting
	}
	out.translateSrc(p)
	if e.config.OnlyTranslated && p.Tuple == p.Original {
		return DropForward
	}
	if !e.flows.Commit(p, match, 0, e.nowNanos) {
		return DropFlowsFull
	}
	if p.Fragment == packet.FirstFragment {
		e.fragments.Accept(p, e.nowNanos)
	}
	return e.send(n.number, p, out, to.hop)
}

// translateSrc is the end of Postrouting.
func (out *iface) translateSrc(p *packet.Packet) {
	switch {
	case p.Known:
		p.TranslateSrc()
	case out.Masquerade && p.IP != nil && p.State == packet.New && len(out.Addrs) > 0:
		p.SNAT(wire.From4(out.Addrs[0].Addr), 0)
	}
}

// relayFragment forwards a fragment that follows an accepted one.
func (e *Engine) relayFragment(n *iface, p *packet.Packet) Fate {
	p.SetSrc(p.Target.Src, 0)
	p.SetDst(p.Target.Dst, 0)
	to := e.way(p.Tuple.Dst)
	if !to.ok || to.kind != route.Forward {
		return DropFragmentOrphan
	}
	out := &e.ifaces[to.iface]
	p.Out = out.number
	if fate := e.checkHop(n, p, out); fate != Forwarded {
		return fate
	}
	return e.send(n.number, p, out, to.hop)
}

// checkHop returns Forwarded if TTL and MTU let the datagram go out.
func (e *Engine) checkHop(n *iface, p *packet.Packet, out *iface) Fate {
	if p.IP6 != nil {
		return e.checkHop6(n, p, out)
	}
	if p.IP.TTL() <= 1 {
		if !e.config.SilentTTL {
			e.sendError(n, p, timeExceeded)
		}
		return DropTTL
	}
	// Options would have to be told apart in fragments; nobody needs it.
	if p.Longest() > out.MTU && (p.IP.DontFragment() || p.IP.HeaderLen() > wire.IPv4MinLen) {
		e.sendError(n, p, tooBig(out.MTU))
		return DropTooBig
	}
	return Forwarded
}

// checkHop6 is checkHop for IPv6, which no router fragments.
func (e *Engine) checkHop6(n *iface, p *packet.Packet, out *iface) Fate {
	if p.IP6.HopLimit() <= 1 {
		if !e.config.SilentTTL {
			e.sendError(n, p, timeExceeded)
		}
		return DropTTL
	}
	if p.Longest() > out.MTU {
		e.sendError(n, p, tooBig(out.MTU))
		return DropTooBig
	}
	return Forwarded
}

// send transmits a datagram, or holds it while its next hop is asked for. tag
// is the interface it came in on, or packet.None for one of our own.
func (e *Engine) send(tag int, p *packet.Packet, out *iface, hop wire.Addr) Fate {
	if hop.IsZero() {
		hop = p.Tuple.Dst
	}
	if p.Offload.ChecksumStart != 0 {
		return e.sendOffload(tag, p, out, hop)
	}
	mac, ok := out.neighbours.Lookup(hop)
	if ok {
		return out.transmit(tag, p.Frame, mac)
	}
	if !out.neighbours.Hold(hop, p.Frame, tag, e.nowNanos) {
		return DropNeighbourQueue
	}
	return held
}

// transmit sends a frame with a datagram to a neighbour; tag is as for send.
// What is forwarded loses one hop of its time to live.
func (out *iface) transmit(tag int, frame []byte, mac wire.MAC) Fate {
	if tag == packet.None {
		wire.Ethernet(frame).SetHeader(mac, out.MAC, typeOf(frame))
		if !out.write(frame, &out.counters.TxOwn) {
			return DropPort
		}
		return Forwarded
	}
	if frame[wire.EthernetLen]>>4 == 6 {
		wire.IPv6(frame[wire.EthernetLen:]).DecrementHopLimit()
		wire.Ethernet(frame).SetHeader(mac, out.MAC, wire.TypeIPv6)
	} else {
		ip := wire.IPv4(frame[wire.EthernetLen:])
		ip.DecrementTTL()
		wire.Ethernet(frame).SetHeader(mac, out.MAC, wire.TypeIPv4)
		if len(ip) > out.MTU {
			return out.transmitPieces(frame, ip)
		}
	}
	if !out.write(frame, &out.counters.TxForwarded) {
		return DropPort
	}
	return Forwarded
}

// typeOf is the EtherType for the datagram in a frame.
func typeOf(frame []byte) uint16 {
	if frame[wire.EthernetLen]>>4 == 6 {
		return wire.TypeIPv6
	}
	return wire.TypeIPv4
}

// transmitPieces sends a datagram without options in fragments (RFC 791).
func (out *iface) transmitPieces(frame []byte, ip wire.IPv4) Fate {
	const headers = wire.EthernetLen + wire.IPv4MinLen
	piece := out.engine.piece
	copy(piece, frame[:headers])
	data, offset, more := ip.Payload(), ip.FragmentOffset(), ip.MoreFragments()
	room := (out.MTU - wire.IPv4MinLen) &^ 7
	for len(data) > 0 {
		size := min(len(data), room)
		copy(piece[headers:], data[:size])
		data = data[size:]
		wire.IPv4(piece[wire.EthernetLen:]).SetFragment(offset, more || len(data) > 0, wire.IPv4MinLen+size)
		offset += size
		if !out.write(piece[:headers+size], &out.counters.TxFragments) {
			return DropPort
		}
	}
	return Fragmented
}
