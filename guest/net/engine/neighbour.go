package engine

import (
	"tender/guest/net/neighbour"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

var _ neighbour.Link = (*iface)(nil)

// arp hears an ARP message and answers a request for an address of ours.
func (e *Engine) arp(n *iface, eth wire.Ethernet) Fate {
	m, ok := wire.ParseARP(eth.Payload())
	if !ok || m.Op() != wire.ARPRequest && m.Op() != wire.ARPReply {
		return DropARPMalformed
	}
	sender, senderMAC, request := wire.From4(m.SenderIP()), m.SenderMAC(), m.Op() == wire.ARPRequest
	if senderMAC != eth.Src() {
		return DropARPSpoofed
	}
	switch {
	case m.SenderIP() == 0 && request: // somebody looks whether an address is free (RFC 5227)
	case n.owns(sender):
		n.counters.ARPConflicts++
		return DropARPSpoofed
	case !n.onLink(sender):
		return DropARPSpoofed
	default:
		n.neighbours.Heard(sender, senderMAC, e.nowNanos)
	}
	if target := m.TargetIP(); request && n.owns(wire.From4(target)) {
		n.sendARP(senderMAC, wire.ARPReply, target, senderMAC, m.SenderIP())
	}
	return ARP
}

// Announce tells the neighbours of all interfaces where our addresses are.
func (e *Engine) Announce() {
	for i := range e.ifaces {
		n := &e.ifaces[i]
		for _, a := range n.Addrs {
			n.sendARP(wire.BroadcastMAC, wire.ARPRequest, a.Addr, wire.MAC{}, a.Addr)
		}
		for _, a := range n.Addrs6 {
			n.sendNeighbour(wire.ICMP6NeighbourAdvert, wire.FlagRouter|wire.FlagOverride, a.Addr, a.Addr, wire.AllNodes, wire.AllNodes.GroupMAC())
		}
	}
}

// SendRequest is part of neighbour.Link.
func (n *iface) SendRequest(target wire.Addr) {
	if !target.Is4() {
		group := target.SolicitedNode()
		n.sendNeighbour(wire.ICMP6NeighbourSolicit, 0, target, n.linkLocal, group, group.GroupMAC())
		return
	}
	if from, ok := n.sourceFor(target); ok {
		n.sendARP(wire.BroadcastMAC, wire.ARPRequest, from.As4(), wire.MAC{}, target.As4())
	}
}

// Resolved is part of neighbour.Link; tag is the interface the frame came in
// on, or packet.None.
func (n *iface) Resolved(frame []byte, tag int, mac wire.MAC) {
	fate := n.transmit(tag, frame, mac)
	if tag == packet.None {
		return
	}
	in := &n.engine.ifaces[tag]
	in.counters.Held--
	in.settle(fate)
}

// GaveUp is part of neighbour.Link.
func (n *iface) GaveUp(frame []byte, tag int, why neighbour.Reason) {
	if tag == packet.None {
		return
	}
	in := &n.engine.ifaces[tag]
	in.counters.Held--
	if why == neighbour.Displaced {
		in.settle(DropNeighbourQueue)
		return
	}
	n.engine.giveUp(in, frame)
	in.settle(DropNeighbour)
}

// giveUp tells the sender of a held datagram that there is no neighbour. The
// datagram is translated already; its sender knows it in another form.
func (e *Engine) giveUp(in *iface, frame []byte) {
	p := &e.packet
	if !e.parse(p, frame) {
		return
	}
	e.flows.Restore(p)
	p.Original = p.Tuple
	e.sendError(in, p, noNeighbour)
}

func (n *iface) sendARP(dst wire.MAC, op uint16, from wire.Addr4, targetMAC wire.MAC, target wire.Addr4) {
	frame := n.engine.message[:wire.EthernetLen+wire.ARPLen]
	wire.Ethernet(frame).SetHeader(dst, n.MAC, wire.TypeARP)
	wire.ARP(frame[wire.EthernetLen:]).Set(op, n.MAC, from, targetMAC, target)
	n.write(frame, &n.counters.TxARP)
}
