package engine

import (
	"tender/guest/net/flow"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// ownTTL is the TTL of datagrams the engine sends.
const ownTTL = 64

// local takes a datagram addressed to us. Echo requests are answered in the
// frame they came in; the rest is for the services.
func (e *Engine) local(n *iface, p *packet.Packet, match flow.Match) Fate {
	if n.Input != nil && n.Input(p) == packet.Drop {
		return DropInput
	}
	if p.Fragment != packet.Whole {
		return DropNoService
	}
	echo := p.ICMP != nil && p.ICMP.Type() == wire.ICMPEchoRequest ||
		p.ICMP6 != nil && p.ICMP6.Type() == wire.ICMP6EchoRequest
	if echo {
		if !e.flows.Commit(p, match, 0, e.nowNanos) {
			return DropFlowsFull
		}
		e.answerEcho(n, p)
		return Echo
	}
	if len(e.balancers) > 0 && p.TCP != nil && p.Known {
		e.flows.Commit(p, match, 0, e.nowNanos)
		if e.checked(p) {
			return Delivered
		}
	}
	if len(e.config.Services) > 0 {
		e.complete(p)
	}
	for _, s := range e.config.Services {
		if s.Deliver(p, e.nowNanos) {
			if !e.flows.Commit(p, match, 0, e.nowNanos) {
				return DropFlowsFull
			}
			return Delivered
		}
	}
	return DropNoService
}

func (e *Engine) answerEcho(n *iface, p *packet.Packet) {
	if p.IP6 != nil {
		p.IP6.SetSrc(p.Tuple.Dst) // a swap leaves the checksum as it is
		p.IP6.SetDst(p.Tuple.Src)
		p.IP6.SetHopLimit(ownTTL)
		p.ICMP6.SetType(wire.ICMP6EchoReply, 0)
	} else {
		p.IP.Answer(ownTTL)
		p.ICMP.SetType(wire.ICMPEchoReply, 0)
	}
	e.say(n, p.Frame, wire.Ethernet(p.Frame).Src())
}

// say sends an ICMP message of the engine's own to a neighbour on n, if the
// chains let it.
func (e *Engine) say(n *iface, frame []byte, mac wire.MAC) {
	if p := &e.own; e.parse(p, frame) && e.judge(n, p) {
		wire.Ethernet(frame).SetHeader(mac, n.MAC, typeOf(frame))
		n.write(frame, &n.counters.TxICMP)
	}
}

// parse fills p from a frame with a datagram of our own or one that was held.
func (e *Engine) parse(p *packet.Packet, frame []byte) bool {
	if frame[wire.EthernetLen]>>4 == 6 {
		ip, err := wire.ParseIPv6(frame[wire.EthernetLen:])
		return err == nil && p.Parse6(frame, ip) == nil
	}
	ip, err := wire.ParseIPv4(frame[wire.EthernetLen:])
	return err == nil && p.Parse(frame, ip) == nil
}

// judge is the way of a datagram of our own: connection tracking and the
// chains Output and Postrouting. It reports whether the datagram may be sent.
func (e *Engine) judge(n *iface, p *packet.Packet) bool {
	match := e.flows.Classify(p, e.nowNanos)
	p.Out = n.number
	untracked := p.State == packet.Invalid
	if untracked {
		// An answer to something that left no trace.
		p.State = packet.Established
		if p.IsError() {
			p.State = packet.Related
		}
	}
	if n.Output != nil && n.Output(p) == packet.Drop {
		return false
	}
	p.TranslateDst()
	if n.Postrouting != nil && n.Postrouting(p) == packet.Drop {
		return false
	}
	p.TranslateSrc()
	return untracked || e.flows.Commit(p, match, 0, e.nowNanos)
}

// Send sends a datagram of the program's own: it is routed, and goes through
// Output and Postrouting. The frame holds room for an Ethernet header and then
// the whole datagram; it is the caller's again when Send returns. Send reports
// whether the datagram was sent or waits for a neighbour.
//
// It may be called between calls of Input, and from Service.Deliver and
// Interface.Bootstrap.
func (e *Engine) Send(frame []byte, nowNanos int64) bool {
	if len(frame) < wire.EthernetLen+wire.IPv4MinLen {
		return false
	}
	e.nowNanos = nowNanos
	p := &e.own
	if !e.parse(p, frame) {
		return false
	}
	to := e.way(p.Tuple.Dst)
	if !to.leads() {
		return false
	}
	out := &e.ifaces[to.iface]
	if len(frame)-wire.EthernetLen > out.MTU || !e.judge(out, p) {
		return false
	}
	fate := e.send(packet.None, p, out, to.hop)
	return fate == Forwarded || fate == held
}

// SourceTo returns the address that a datagram of the program's own to dst is
// sent from: one of the interface that leads there, in the network of the next
// hop if it can. It reports false if there is none.
func (e *Engine) SourceTo(dst wire.Addr) (wire.Addr, bool) {
	to := e.way(dst)
	if !to.leads() {
		return wire.Addr{}, false
	}
	if !to.hop.IsZero() {
		dst = to.hop
	}
	return e.ifaces[to.iface].sourceFor(dst)
}

// sourceFor is the address of n in the network of a neighbour, or its first.
func (n *iface) sourceFor(a wire.Addr) (wire.Addr, bool) {
	if a.Is4() {
		for _, p := range n.Addrs {
			if p.Contains(a.As4()) {
				return wire.From4(p.Addr), true
			}
		}
		if len(n.Addrs) == 0 {
			return wire.Addr{}, false
		}
		return wire.From4(n.Addrs[0].Addr), true
	}
	for _, p := range n.Addrs6 {
		if p.Contains(a) {
			return p.Addr, true
		}
	}
	if len(n.Addrs6) == 0 {
		return wire.Addr{}, false
	}
	return n.Addrs6[0].Addr, true
}

// bootstrap hands a datagram to Interface.Bootstrap if it is for port 68.
func (n *iface) bootstrap(ip wire.IPv4) bool {
	data := ip.Payload()
	if ip.Protocol() != wire.ProtoUDP || ip.IsFragment() || len(data) < wire.UDPLen {
		return false
	}
	d := wire.UDP(data)
	if d.DstPort() != bootstrapPort || d.Length() < wire.UDPLen || d.Length() > len(data) {
		return false
	}
	data = data[:d.Length()]
	missing := n.engine.packet.Offload.ChecksumStart != 0
	if !missing && d.Checksum() != 0 && wire.Sum(data, wire.PseudoSum(ip.Src(), ip.Dst(), wire.ProtoUDP, len(data))) != 0xffff {
		return false
	}
	n.Bootstrap(data[wire.UDPLen:], n.engine.nowNanos)
	return true
}

// bootstrapPort is where DHCP clients listen.
const bootstrapPort = 68

// Broadcast sends a datagram to all stations on an interface, without chains
// and without tracking: for what has no address yet. The frame is as for Send.
func (e *Engine) Broadcast(iface int, frame []byte, nowNanos int64) {
	e.nowNanos = nowNanos
	n := &e.ifaces[iface]
	wire.Ethernet(frame).SetHeader(wire.BroadcastMAC, n.MAC, typeOf(frame))
	n.write(frame, &n.counters.TxOwn)
}

// WayTo returns the interface that leads to an address, if one does.
func (e *Engine) WayTo(dst wire.Addr) (iface int, ok bool) {
	to := e.way(dst)
	return to.iface, to.leads()
}
