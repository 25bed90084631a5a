package gen

import (
	"fmt"
	"strings"

	"tender/nacl/program"
)

// expressions are the fields in Go, on a packet p of type *packet.Packet that
// has the header.
var expressions = [program.Fields]string{
	program.IPVersion:      "p.IP[0]>>4",
	program.IPHeaderLength: "p.IP[0]&15",
	program.IPDSCP:         "p.IP.TOS()>>2",
	program.IPECN:          "p.IP.TOS()&3",
	program.IPLength:       "uint16(p.IP.TotalLen())",
	program.IPID:           "p.IP.ID()",
	program.IPFragOff:      "uint16(p.IP.FragmentOffset()/8)",
	program.IPTTL:          "p.IP.TTL()",
	program.IPProtocol:     "p.IP.Protocol()",
	program.IPChecksum:     "p.IP.Checksum()",
	program.IPSource:       "p.IP.Src()",
	program.IPDestination:  "p.IP.Dst()",

	program.IP6Version:     "p.IP6[0]>>4",
	program.IP6DSCP:        "p.IP6.TrafficClass()>>2",
	program.IP6ECN:         "p.IP6.TrafficClass()&3",
	program.IP6FlowLabel:   "p.IP6.FlowLabel()",
	program.IP6Length:      "uint16(p.IP6.PayloadLen())",
	program.IP6Protocol:    "p.IP6.NextHeader()",
	program.IP6HopLimit:    "p.IP6.HopLimit()",
	program.IP6Source:      "p.IP6.Src()",
	program.IP6Destination: "p.IP6.Dst()",

	program.TCPSourcePort:      "p.TCP.SrcPort()",
	program.TCPDestinationPort: "p.TCP.DstPort()",
	program.TCPSequence:        "p.TCP.Seq()",
	program.TCPAckSequence:     "p.TCP.Ack()",
	program.TCPDataOffset:      "p.TCP[12]>>4",
	program.TCPReserved:        "p.TCP[12]>>1&7",
	program.TCPFlags:           "(uint16(p.TCP[12]&1)<<8|uint16(p.TCP[13]))",
	program.TCPWindow:          "p.TCP.Window()",
	program.TCPChecksum:        "p.TCP.Checksum()",
	program.TCPUrgentPointer:   "p.TCP.Urgent()",

	program.UDPSourcePort:      "p.UDP.SrcPort()",
	program.UDPDestinationPort: "p.UDP.DstPort()",
	program.UDPLength:          "uint16(p.UDP.Length())",
	program.UDPChecksum:        "p.UDP.Checksum()",

	program.ICMPType:  "p.ICMP.Type()",
	program.ICMP6Type: "p.ICMP6.Type()",
	program.CTState:   "p.State",
}

var stateNames = [...]string{"packet.Invalid", "packet.New", "packet.Established", "packet.Related"}

// constant is a value of a field in Go.
func constant(f program.Field, k key) string {
	switch program.Info[f].Shape {
	case program.Address4:
		return fmt.Sprintf("0x%08x /* %d.%d.%d.%d */", k.lo, k.lo>>24, k.lo>>16&255, k.lo>>8&255, k.lo&255)
	case program.Address6:
		return address6(k)
	case program.ConnState:
		return stateNames[k.lo]
	}
	return fmt.Sprint(k.lo)
}

func address6(k key) string { return fmt.Sprintf("(wire.Addr{Hi: 0x%x, Lo: 0x%x})", k.hi, k.lo) }

// condition is a condition in Go. A table is made for a set of many intervals.
func (g *generator) condition(c cond) string {
	switch c := c.(type) {
	case truth:
		return fmt.Sprint(bool(c))
	case *negation:
		return "!(" + g.condition(c.term) + ")"
	case *pair:
		return g.pair(c)
	case *present:
		return presence[c.protocol] + " != nil"
	case *test:
		return g.test(c)
	}
	l := c.(*logic)
	terms := make([]string, len(l.terms))
	for i, t := range l.terms {
		terms[i] = g.condition(t)
		if inner, ok := t.(*logic); ok && inner.or != l.or || !ok && strings.Contains(terms[i], " || ") || !ok && l.or && strings.Contains(terms[i], " && ") {
			terms[i] = "(" + terms[i] + ")"
		}
	}
	if l.or {
		return strings.Join(terms, " || ")
	}
	return strings.Join(terms, " && ")
}

var operators = map[program.Op]string{
	program.Equal: "==", program.NotEqual: "!=", program.Less: "<", program.LessEqual: "<=",
	program.Greater: ">", program.GreaterEqual: ">=",
}

func (g *generator) pair(c *pair) string {
	left, right := expressions[c.left], expressions[c.right]
	switch program.Info[c.left].Shape {
	case program.Address6:
		return fmt.Sprintf("%s.Compare(%s) %s 0", left, right, operators[c.op])
	case program.Number:
		return fmt.Sprintf("uint32(%s) %s uint32(%s)", left, operators[c.op], right)
	}
	return left + " " + operators[c.op] + " " + right
}

// maxCompared is how many intervals are compared one by one.
const maxCompared = 3

func (g *generator) test(c *test) string {
	if len(c.in) <= maxCompared {
		return compareAll(c.field, c.in, false)
	}
	if rest := c.in.not(c.field); len(rest) <= maxCompared {
		return compareAll(c.field, rest, true)
	}
	t := g.table(c.field, numbered(c.in))
	return fmt.Sprintf("%s != 0", lookup(t, c.field))
}

// compareAll compares a field with the intervals of a set, or with those that
// it is not to be in.
func compareAll(f program.Field, s set, outside bool) string {
	if f == program.CTState {
		s = single(s)
	}
	terms := make([]string, len(s))
	for i, in := range s {
		terms[i] = compareOne(f, in, outside)
	}
	if len(terms) == 1 {
		return terms[0]
	}
	if outside {
		for i, t := range terms {
			if strings.Contains(t, " || ") {
				terms[i] = "(" + t + ")"
			}
		}
		return strings.Join(terms, " && ")
	}
	return strings.Join(terms, " || ")
}

// single has an interval for each value of a set, since the order of states
// means nothing.
func single(s set) set {
	var out set
	for _, in := range s {
		for v := in.low.lo; v <= in.high.lo; v++ {
			out = append(out, interval{key{0, v}, key{0, v}})
		}
	}
	return out
}

func compareOne(f program.Field, i interval, outside bool) string {
	x := expressions[f]
	pick := func(inside, out string) string {
		if outside {
			return out
		}
		return inside
	}
	low, high := constant(f, i.low), constant(f, i.high)
	six := program.Info[f].Shape == program.Address6
	switch {
	case i.low == i.high:
		return x + pick(" == ", " != ") + low
	case six:
		return pick("", "!") + fmt.Sprintf("ruleset.Between(%s, %s, %s)", low, x, high)
	case i.low == key{}:
		return x + pick(" <= ", " > ") + high
	case i.high == largest(f):
		return x + pick(" >= ", " < ") + low
	case outside:
		return fmt.Sprintf("%s < %s || %s > %s", x, low, x, high)
	}
	return fmt.Sprintf("%s >= %s && %s <= %s", x, low, x, high)
}
