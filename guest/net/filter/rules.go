// Package filter decides about datagrams by an ordered list of rules: the
// first rule that matches gives the verdict.
package filter

import (
	"fmt"
	"math"

	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// MaxRules bounds a rule set.
const MaxRules = 1 << 16

// AnyProto is the protocol of a rule that matches all of them.
const AnyProto = -1

// AnyICMPType matches all ICMP types.
const AnyICMPType = -1

// Ports is a range of port numbers, both ends included.
type Ports struct{ First, Last uint16 }

// AnyPort matches every port, and datagrams without ports.
var AnyPort = Ports{0, math.MaxUint16}

func (r Ports) contains(port uint16) bool { return r.First <= port && port <= r.Last }

// States is a set of packet.State; the empty set stands for all of them.
type States uint8

// StatesOf makes a set.
func StatesOf(states ...packet.State) States {
	var set States
	for _, s := range states {
		set |= 1 << s
	}
	return set
}

// Rule matches a datagram if every field does. Use Any() as the start.
type Rule struct {
	// In and Out are interface numbers, packet.None for any.
	In, Out int
	// Src and Dst are networks; the zero Prefix4 is every address.
	Src, Dst wire.Prefix4
	// Proto is an IP protocol number or AnyProto.
	Proto int
	// SrcPorts and DstPorts need Proto TCP or UDP unless they are AnyPort.
	SrcPorts, DstPorts Ports
	// ICMPType is a number or AnyICMPType; a number needs Proto ICMP.
	ICMPType int
	States   States
	Verdict  packet.Verdict
}

// Any is a rule that matches every datagram and drops it.
func Any() Rule {
	return Rule{In: packet.None, Out: packet.None, Proto: AnyProto, SrcPorts: AnyPort, DstPorts: AnyPort, ICMPType: AnyICMPType}
}

// check says what is wrong with a rule that could not mean what its author
// wanted.
func (r *Rule) check() error {
	ports := r.SrcPorts != AnyPort || r.DstPorts != AnyPort
	switch {
	case ports && r.Proto != wire.ProtoTCP && r.Proto != wire.ProtoUDP:
		return fmt.Errorf("ports need protocol tcp or udp")
	case r.SrcPorts.First > r.SrcPorts.Last || r.DstPorts.First > r.DstPorts.Last:
		return fmt.Errorf("a port range ends before it begins")
	case r.ICMPType != AnyICMPType && r.Proto != wire.ProtoICMP:
		return fmt.Errorf("an ICMP type needs protocol icmp")
	case r.Src.Bits > 32 || r.Dst.Bits > 32:
		return fmt.Errorf("a prefix has at most 32 bits")
	case r.Proto < AnyProto || r.Proto > 255 || r.ICMPType < AnyICMPType || r.ICMPType > 255:
		return fmt.Errorf("protocols and ICMP types are 0 to 255")
	}
	return nil
}

// compiled is a rule in the form the frame path wants.
type compiled struct {
	src, srcMask, dst, dstMask wire.Addr4
	srcPorts, dstPorts         Ports
	in, out                    int32
	proto, icmpType            int16
	states                     States
	verdict                    packet.Verdict
}

// Rules is an immutable rule set, safe for concurrent use.
type Rules struct {
	rules   []compiled
	Default packet.Verdict
}

// New checks the rules. Where none matches, the verdict is def.
func New(rules []Rule, def packet.Verdict) (*Rules, error) {
	if len(rules) > MaxRules {
		return nil, fmt.Errorf("%d rules are more than the %d a rule set holds", len(rules), MaxRules)
	}
	set := &Rules{Default: def}
	for i := range rules {
		r := &rules[i]
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
		states := r.States
		if states == 0 {
			states = math.MaxUint8
		}
		set.rules = append(set.rules, compiled{
			src: r.Src.Network(), srcMask: r.Src.Mask(), dst: r.Dst.Network(), dstMask: r.Dst.Mask(),
			srcPorts: r.SrcPorts, dstPorts: r.DstPorts, in: int32(r.In), out: int32(r.Out),
			proto: int16(r.Proto), icmpType: int16(r.ICMPType), states: states, verdict: r.Verdict,
		})
	}
	return set, nil
}

// Verdict is a packet.Chain. Its time grows with the number of rules before
// the one that matches.
//
// Rules are about IPv4: no rule matches IPv6. A LaterFragment has no ports: a
// rule that names ports does not match it.
func (s *Rules) Verdict(p *packet.Packet) packet.Verdict {
	if !p.Tuple.Src.Is4() {
		return s.Default
	}
	src, dst := p.Tuple.Src.As4(), p.Tuple.Dst.As4()
	for i := range s.rules {
		if s.rules[i].matches(p, src, dst) {
			return s.rules[i].verdict
		}
	}
	return s.Default
}

func (r *compiled) matches(p *packet.Packet, src, dst wire.Addr4) bool {
	t := &p.Tuple
	if dst&r.dstMask != r.dst || src&r.srcMask != r.src || r.states&(1<<p.State) == 0 {
		return false
	}
	if r.proto != AnyProto {
		if uint16(r.proto) != t.Proto {
			return false
		}
		if p.Fragment == packet.LaterFragment && (r.srcPorts != AnyPort || r.dstPorts != AnyPort || r.icmpType != AnyICMPType) {
			return false
		}
		// Tuples of ICMP keep an identifier where others have ports, and
		// check() lets no ports into a rule for ICMP.
		if !r.dstPorts.contains(t.DstPort) || !r.srcPorts.contains(t.SrcPort) {
			return false
		}
		if r.icmpType != AnyICMPType && uint16(r.icmpType) != t.ICMPType {
			return false
		}
	}
	return (r.in == packet.None || int(r.in) == p.In) && (r.out == packet.None || int(r.out) == p.Out)
}

var _ packet.Chain = (*Rules)(nil).Verdict
