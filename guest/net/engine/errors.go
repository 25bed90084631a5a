package engine

import (
	"time"

	"tender/guest/net/wire"
)

const (
	// maxError is the length of the longest ICMP error's datagram (RFC 1812
	// §4.3.2.3).
	maxError = 576
	// maxMessage is enough for it and for ARP.
	maxMessage = wire.EthernetLen + maxError
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

// sendError tells the sender of a frame that came in on n, and whose addresses
// were checked, why its datagram is not forwarded. It is sent back the way the
// frame came. rest is the second word of the ICMP header.
func (e *Engine) sendError(n *iface, frame []byte, icmpType, code uint8, rest uint32) {
	offending := wire.IPv4(frame[wire.EthernetLen:])
	if !mayAnswerByError(offending) || !e.errors.allow(e.nowNanos) {
		return
	}
	const headers = wire.IPv4MinLen + wire.ICMPLen
	quoted := min(len(offending), maxError-headers, n.MTU-headers)
	answer := e.message[:wire.EthernetLen+headers+quoted]
	ip := wire.IPv4(answer[wire.EthernetLen:])
	copy(ip[headers:], offending[:quoted])
	e.ipID++
	ip.SetHeader(wire.IPv4Fields{
		TOS: errorTOS, TotalLen: len(ip), ID: e.ipID, TTL: ownTTL, Protocol: wire.ProtoICMP,
		Src: n.Addrs[0].Addr, Dst: offending.Src(),
	})
	wire.ICMP(ip.Payload()).SetHeader(icmpType, code, rest)
	e.say(n, answer, wire.Ethernet(frame).Src())
}

// mayAnswerByError holds back errors about later fragments and about ICMP
// other than queries (RFC 1812 §4.3.2.7). Group and martian addresses never
// come this far.
func mayAnswerByError(ip wire.IPv4) bool {
	if ip.FragmentOffset() > 0 {
		return false
	}
	if ip.Protocol() != wire.ProtoICMP {
		return true
	}
	payload := ip.Payload()
	return len(payload) >= wire.ICMPLen && !wire.ICMP(payload).IsError()
}
