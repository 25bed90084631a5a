package engine

import (
	"time"

	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

const (
	// maxError and maxError6 are the lengths of the longest ICMP errors'
	// datagrams (RFC 1812 §4.3.2.3, RFC 4443 §2.4).
	maxError  = 576
	maxError6 = 1280
	// maxMessage is enough for them, for ARP and for neighbour discovery.
	maxMessage = wire.EthernetLen + maxError6
	// errorTOS is internetwork control (RFC 1812 §4.3.2.5).
	errorTOS = 0xc0
)

// errorLimit lets a number of errors through per second, and a short burst of
// a tenth of that, at least one.
type errorLimit struct {
	intervalNanos, burstNanos int64
	// nextNanos is when the next error would be in time at an even rate.
	nextNanos  int64
	suppressed uint64
}

func newErrorLimit(perSecond int) errorLimit {
	interval := int64(time.Second) / int64(perSecond)
	return errorLimit{intervalNanos: interval, burstNanos: interval * int64(perSecond/10)}
}

func (l *errorLimit) allow(nowNanos int64) bool {
	if nowNanos < l.nextNanos-l.burstNanos {
		l.suppressed++
		return false
	}
	l.nextNanos = max(l.nextNanos, nowNanos) + l.intervalNanos
	return true
}

// problem is why a datagram is not forwarded, as ICMP and ICMPv6 say it.
type problem struct {
	icmpType, code   uint8
	rest             uint32
	icmp6Type, code6 uint8
	rest6            uint32
}

var (
	noRoute      = problem{icmpType: wire.ICMPUnreachable, code: wire.CodeNetUnreachable, icmp6Type: wire.ICMP6Unreachable, code6: wire.Code6NoRoute}
	noNeighbour  = problem{icmpType: wire.ICMPUnreachable, code: wire.CodeHostUnreachable, icmp6Type: wire.ICMP6Unreachable, code6: wire.Code6AddressUnreachable}
	timeExceeded = problem{icmpType: wire.ICMPTimeExceeded, icmp6Type: wire.ICMP6TimeExceeded}
)

func tooBig(mtu int) problem {
	return problem{icmpType: wire.ICMPUnreachable, code: wire.CodeFragNeeded, rest: uint32(mtu), icmp6Type: wire.ICMP6PacketTooBig, rest6: uint32(mtu)}
}

// sendError tells the sender of a datagram that came in on n, and whose
// addresses were checked, why it is not forwarded. It is sent back the way it
// came, about the datagram as it was before translation, or about the first of
// the segments that it stands for. p is not to be sent after that.
func (e *Engine) sendError(n *iface, p *packet.Packet, why problem) {
	if p.Fragment == packet.LaterFragment || !mayAnswerByError(p) || !e.errors.allow(e.nowNanos) {
		return
	}
	p.SetSrc(p.Original.Src, p.Original.SrcPort)
	p.SetDst(p.Original.Dst, p.Original.DstPort)
	e.completeFirst(p)
	mac := wire.Ethernet(p.Frame).Src()
	if p.IP6 != nil {
		e.sendError6(n, p, why, mac)
		return
	}
	if len(n.Addrs) == 0 {
		return
	}
	const headers = wire.IPv4MinLen + wire.ICMPLen
	quoted := min(len(p.IP), maxError-headers, n.MTU-headers)
	answer := e.message[:wire.EthernetLen+headers+quoted]
	ip := wire.IPv4(answer[wire.EthernetLen:])
	copy(ip[headers:], p.IP[:quoted])
	e.ipID++
	ip.SetHeader(wire.IPv4Fields{
		TOS: errorTOS, TotalLen: len(ip), ID: e.ipID, TTL: ownTTL, Protocol: wire.ProtoICMP,
		Src: n.Addrs[0].Addr, Dst: p.IP.Src(),
	})
	wire.ICMP(ip.Payload()).SetHeader(why.icmpType, why.code, why.rest)
	e.say(n, answer, mac)
}

// sendError6 is the end of sendError for IPv6.
func (e *Engine) sendError6(n *iface, p *packet.Packet, why problem, mac wire.MAC) {
	if len(n.Addrs6) == 0 {
		return
	}
	const headers = wire.IPv6Len + wire.ICMPLen
	quoted := min(len(p.IP6), maxError6-headers)
	answer := e.message[:wire.EthernetLen+headers+quoted]
	ip := wire.IPv6(answer[wire.EthernetLen:])
	copy(ip[headers:], p.IP6[:quoted])
	src, dst := n.Addrs6[0].Addr, p.IP6.Src()
	ip.SetHeader(0, wire.ProtoICMP6, ownTTL, wire.ICMPLen+quoted, src, dst)
	wire.ICMP6(ip.Payload()).SetHeader(why.icmp6Type, why.code6, why.rest6, src, dst)
	e.say(n, answer, mac)
}

// mayAnswerByError holds back errors about ICMP other than queries (RFC 1812
// §4.3.2.7, RFC 4443 §2.4). Group and martian addresses never come this far.
func mayAnswerByError(p *packet.Packet) bool {
	if p.Tuple.Proto == wire.ProtoICMP6 && p.ICMP6 == nil || p.Tuple.Proto == wire.ProtoICMP && p.ICMP == nil {
		return false
	}
	return !p.IsError()
}
