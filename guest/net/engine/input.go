package engine

import (
	"tender/guest/net/packet"
	"tender/guest/net/route"
	"tender/guest/net/wire"
)

// ethernet checks the header of a frame that has one, and is not too long, and
// hands it to its protocol.
func (e *Engine) ethernet(n *iface, frame []byte) Fate {
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
	case wire.TypeIPv6:
		if len(n.Addrs6) > 0 {
			return e.ipv6(n, frame, dst.IsMulticast())
		}
	}
	return DropEtherType
}

// ipv4 checks a datagram. group says that the frame was to a group of
// stations.
func (e *Engine) ipv4(n *iface, frame []byte, group bool) Fate {
	ip, err := wire.ParseIPv4Part(frame[wire.EthernetLen:], e.packet.RestBytes())
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
	if n.Bootstrap != nil && n.bootstrap(ip) {
		return Delivered
	}
	to := e.way4(ip.Dst())
	if fate := e.checkAddresses(n, ip, &to, group); fate != Forwarded {
		return fate
	}
	if fate := refusal(e.packet.Parse(frame, ip)); fate != Forwarded {
		return fate
	}
	return e.datagram(n, to)
}

// refusal is the fate for an error of packet.Parse.
func refusal(err error) Fate {
	switch err {
	case nil:
		return Forwarded
	case packet.ErrTransportChecksum:
		return DropTransportChecksum
	case packet.ErrFragment:
		return DropFragment
	}
	return DropTransport
}

// checkAddresses returns Forwarded if source and destination can be in a
// datagram that came in on n.
func (e *Engine) checkAddresses(n *iface, ip wire.IPv4, to *way, group bool) Fate {
	dst, src := ip.Dst(), ip.Src()
	if group || dst == wire.Broadcast4 || dst.IsMulticast() || to.ok && to.kind == route.Broadcast {
		return DropBroadcast
	}
	if dst.IsMartian() || src.IsMartian() || src.IsMulticast() || src == dst {
		return DropMartian
	}
	back := e.way4(src)
	return e.checkBack(n, &back)
}

// checkBack judges a source by the way back to it.
func (e *Engine) checkBack(n *iface, back *way) Fate {
	switch {
	case (!back.ok || back.iface != n.number) && !e.config.AnySource:
		return DropSpoofed
	case back.ok && !back.leads():
		return DropMartian
	}
	return Forwarded
}

// datagram goes on with e.packet, whose headers and addresses are in order:
// fragment rules, connection tracking, Prerouting, and the choice between us
// and others.
func (e *Engine) datagram(n *iface, to way) Fate {
	p := &e.packet
	p.In = n.number
	switch p.Fragment {
	case packet.LaterFragment:
		if !e.fragments.Allows(p, e.nowNanos) {
			return DropFragmentOrphan
		}
		return e.relayFragment(n, p)
	case packet.FirstFragment:
		e.fragments.Refuse(p) // until it is sent
	}
	match := e.flows.Classify(p, e.nowNanos)
	if p.State == packet.Invalid {
		return DropInvalid
	}
	if n.Prerouting != nil && n.Prerouting(p) == packet.Drop {
		return DropPrerouting
	}
	if len(e.balancers) > 0 {
		if fate, taken := e.balance(n, p, to, match); taken {
			return fate
		}
	}
	if p.Translated {
		p.TranslateDst()
		if p.State == packet.Related {
			e.flows.TranslateQuote(p, match)
		}
	}
	if p.Tuple.Dst != p.Original.Dst {
		to = e.way(p.Tuple.Dst)
	}
	if to.ok && to.kind == route.Local {
		return e.local(n, p, match)
	}
	return e.relay(n, p, to, match)
}
