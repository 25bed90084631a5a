package engine

import (
	"tender/guest/net/packet"
	"tender/guest/net/route"
	"tender/guest/net/wire"
)

// ethernet checks the frame and hands it to its protocol.
func (e *Engine) ethernet(n *iface, frame []byte) Fate {
	if len(frame) < wire.EthernetLen {
		return DropFrameShort
	}
	if len(frame) > wire.EthernetLen+n.MTU {
		return DropFrameLong
	}
	eth := wire.Ethernet(frame)
	if src := eth.Src(); !src.IsStation() || src == n.MAC {
		return DropFrameSource
	}
	dst := eth.Dst()
	if dst != n.MAC && !dst.IsMulticast() {
		return DropNotForUs
	}
	switch eth.Type() {
	case wire.TypeIPv4:
		return e.ipv4(n, frame, dst.IsMulticast())
	case wire.TypeARP:
		return e.arp(n, eth)
	}
	return DropEtherType
}

// ipv4 checks a datagram and decides between us and others. group says that
// the frame was to a group of stations.
func (e *Engine) ipv4(n *iface, frame []byte, group bool) Fate {
	ip, err := wire.ParseIPv4(frame[wire.EthernetLen:])
	switch err {
	case nil:
	case wire.ErrIPHeader:
		return DropIPHeader
	case wire.ErrIPLength:
		return DropIPLength
	default:
		return DropIPChecksum
	}
	frame = frame[:wire.EthernetLen+len(ip)]
	if options := ip.Options(); len(options) > 0 && !wire.OptionsForwardable(options) {
		return DropIPOptions
	}
	dst := e.routes.Lookup(ip.Dst())
	if fate := e.checkAddresses(n, ip, dst, group); fate != Forwarded {
		return fate
	}
	p := &e.packet
	switch p.Parse(frame, ip) {
	case nil:
	case packet.ErrTransportChecksum:
		return DropTransportChecksum
	case packet.ErrFragment:
		return DropFragment
	default:
		return DropTransport
	}
	p.In, p.Out, p.State = n.number, packet.None, packet.Invalid
	switch p.Fragment {
	case packet.LaterFragment:
		if !e.fragments.Allows(p, e.nowNanos) {
			return DropFragmentOrphan
		}
		return e.relayFragment(n, p, dst)
	case packet.FirstFragment:
		e.fragments.Refuse(p) // until it is sent
	}
	match := e.flows.Classify(p, e.nowNanos)
	if p.State = match.State; p.State == packet.Invalid {
		return DropInvalid
	}
	if n.Prerouting != nil && n.Prerouting(p) == packet.Drop {
		return DropPrerouting
	}
	if dst != nil && dst.Kind == route.Local {
		return e.local(n, p)
	}
	return e.relay(n, p, dst, match)
}

// checkAddresses returns Forwarded if source and destination can be in a
// datagram that came in on n.
func (e *Engine) checkAddresses(n *iface, ip wire.IPv4, dst *route.Route, group bool) Fate {
	to, from := ip.Dst(), ip.Src()
	if group || to == wire.Broadcast4 || to.IsMulticast() || dst != nil && dst.Kind == route.Broadcast {
		return DropBroadcast
	}
	if to.IsMartian() || from.IsMartian() || from.IsMulticast() || from == to {
		return DropMartian
	}
	back := e.routes.Lookup(from)
	switch {
	case back == nil || back.Iface != n.number:
		return DropSpoofed
	case back.Kind != route.Forward:
		return DropMartian
	}
	return Forwarded
}
