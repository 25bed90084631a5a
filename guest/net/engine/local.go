package engine

import (
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// ownTTL is the TTL of datagrams the engine sends.
const ownTTL = 64

// local takes a datagram addressed to us. Echo requests are answered in the
// frame they came in; there is nothing else here yet.
func (e *Engine) local(n *iface, p *packet.Packet) Fate {
	if n.Input != nil && n.Input(p) == packet.Drop {
		return DropInput
	}
	if p.ICMP == nil || p.Fragment != packet.Whole || p.ICMP.Type() != wire.ICMPEchoRequest {
		return DropNoService
	}
	p.IP.Answer(ownTTL)
	p.ICMP.SetType(wire.ICMPEchoReply, 0)
	e.say(n, p.Frame, wire.Ethernet(p.Frame).Src())
	return Echo
}

// say sends a datagram of the engine's own to a neighbour on n, if the chains
// let it.
func (e *Engine) say(n *iface, frame []byte, mac wire.MAC) {
	if n.Output != nil || n.Postrouting != nil {
		p := &e.own
		if p.Parse(frame, wire.IPv4(frame[wire.EthernetLen:])) != nil {
			return
		}
		p.In, p.Out, p.State = packet.None, n.number, packet.Related
		if p.ICMP != nil && !p.ICMP.IsError() {
			p.State = packet.Established
		}
		if n.Output != nil && n.Output(p) == packet.Drop || n.Postrouting != nil && n.Postrouting(p) == packet.Drop {
			return
		}
	}
	wire.Ethernet(frame).SetHeader(mac, n.MAC, wire.TypeIPv4)
	n.write(frame, &n.counters.TxICMP)
}
