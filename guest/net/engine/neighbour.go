package engine

import (
	"tender/guest/net/arp"
	"tender/guest/net/wire"
)

var _ arp.Link = (*iface)(nil)

// arp hears an ARP message and answers a request for an address of ours.
func (e *Engine) arp(n *iface, eth wire.Ethernet) Fate {
	m, ok := wire.ParseARP(eth.Payload())
	if !ok || m.Op() != wire.ARPRequest && m.Op() != wire.ARPReply {
		return DropARPMalformed
	}
	sender, senderMAC, request := m.SenderIP(), m.SenderMAC(), m.Op() == wire.ARPRequest
	if senderMAC != eth.Src() {
		return DropARPSpoofed
	}
	switch {
	case sender == 0 && request: // somebody looks whether an address is free (RFC 5227)
	case n.owns(sender):
		n.counters.ARPConflicts++
		return DropARPSpoofed
	case !n.onLink(sender):
		return DropARPSpoofed
	default:
		n.arp.Heard(sender, senderMAC, e.nowNanos)
	}
	if target := m.TargetIP(); request && n.owns(target) {
		n.sendARP(senderMAC, wire.ARPReply, target, senderMAC, sender)
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
	}
}

// SendRequest is part of arp.Link.
func (n *iface) SendRequest(target wire.Addr4) {
	from := n.Addrs[0].Addr
	for _, a := range n.Addrs {
		if a.Contains(target) {
			from = a.Addr
			break
		}
	}
	n.sendARP(wire.BroadcastMAC, wire.ARPRequest, from, wire.MAC{}, target)
}

// Resolved is part of arp.Link; tag is the interface the frame came in on.
func (n *iface) Resolved(frame []byte, tag int, mac wire.MAC) {
	in := &n.engine.ifaces[tag]
	in.counters.Held--
	in.settle(n.transmit(frame, mac))
}

// GaveUp is part of arp.Link.
func (n *iface) GaveUp(frame []byte, tag int, why arp.Reason) {
	in := &n.engine.ifaces[tag]
	in.counters.Held--
	if why == arp.Displaced {
		in.settle(DropNeighbourQueue)
		return
	}
	n.engine.sendError(in, frame, wire.ICMPUnreachable, wire.CodeHostUnreachable, 0)
	in.settle(DropNeighbour)
}

func (n *iface) sendARP(dst wire.MAC, op uint16, from wire.Addr4, targetMAC wire.MAC, target wire.Addr4) {
	frame := n.engine.message[:wire.EthernetLen+wire.ARPLen]
	wire.Ethernet(frame).SetHeader(dst, n.MAC, wire.TypeARP)
	wire.ARP(frame[wire.EthernetLen:]).Set(op, n.MAC, from, targetMAC, target)
	n.write(frame, &n.counters.TxARP)
}
