package engine

import (
	"tender/guest/net/flow"
	"tender/guest/net/packet"
	"tender/guest/net/route"
	"tender/guest/net/wire"
)

// relay forwards a datagram that has met connection tracking and Prerouting.
func (e *Engine) relay(n *iface, p *packet.Packet, dst *route.Route, match flow.Match) Fate {
	if dst == nil {
		e.sendError(n, p.Frame, wire.ICMPUnreachable, wire.CodeNetUnreachable, 0)
		return DropNoRoute
	}
	out := &e.ifaces[dst.Iface]
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
	if !e.flows.Commit(p, match, e.nowNanos) {
		return DropFlowsFull
	}
	if p.Fragment == packet.FirstFragment {
		e.fragments.Accept(p, e.nowNanos)
	}
	return e.send(n, p.Frame, out, dst)
}

// relayFragment forwards a fragment that follows an accepted one.
func (e *Engine) relayFragment(n *iface, p *packet.Packet, dst *route.Route) Fate {
	if dst == nil || dst.Kind != route.Forward {
		return DropFragmentOrphan
	}
	out := &e.ifaces[dst.Iface]
	p.Out = out.number
	if fate := e.checkHop(n, p, out); fate != Forwarded {
		return fate
	}
	return e.send(n, p.Frame, out, dst)
}

// checkHop returns Forwarded if TTL and MTU let the datagram go out.
func (e *Engine) checkHop(n *iface, p *packet.Packet, out *iface) Fate {
	if p.IP.TTL() <= 1 {
		e.sendError(n, p.Frame, wire.ICMPTimeExceeded, 0, 0)
		return DropTTL
	}
	// Options would have to be told apart in fragments; nobody needs it.
	if len(p.IP) > out.MTU && (p.IP.DontFragment() || p.IP.HeaderLen() > wire.IPv4MinLen) {
		e.sendError(n, p.Frame, wire.ICMPUnreachable, wire.CodeFragNeeded, uint32(out.MTU))
		return DropTooBig
	}
	return Forwarded
}

// send transmits the frame, or holds it while its next hop is asked for.
func (e *Engine) send(n *iface, frame []byte, out *iface, dst *route.Route) Fate {
	hop := dst.NextHop
	if hop == 0 {
		hop = wire.IPv4(frame[wire.EthernetLen:]).Dst()
	}
	mac, ok := out.arp.Lookup(hop)
	if ok {
		return out.transmit(frame, mac)
	}
	if !out.arp.Hold(hop, frame, n.number, e.nowNanos) {
		return DropNeighbourQueue
	}
	return held
}

// transmit sends a forwarded frame to a neighbour.
func (out *iface) transmit(frame []byte, mac wire.MAC) Fate {
	ip := wire.IPv4(frame[wire.EthernetLen:])
	ip.DecrementTTL()
	wire.Ethernet(frame).SetHeader(mac, out.MAC, wire.TypeIPv4)
	if len(ip) > out.MTU {
		return out.transmitPieces(frame, ip)
	}
	if !out.write(frame, &out.counters.TxForwarded) {
		return DropPort
	}
	return Forwarded
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
