package gen

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// writer makes random programs. Values are few, so that conditions meet and
// packets fit.
type writer struct {
	*rand.Rand
	b strings.Builder
	// functions are those that may be called, by type::protocol.
	functions map[string][]string
	depth     int
}

// randomProgram is a program with one Iface whose chains have functions.
func randomProgram(r *rand.Rand) string {
	w := &writer{Rand: r, functions: map[string][]string{}}
	w.b.WriteString("web: 7 host: 10.0.0.5 six: 2001:db8::5 yes: true\n")
	fmt.Fprintf(&w.b, "ports: [%s, %s, 3 - 5] hosts: { a: %s, b: [%s, %s], c: 6 }\nhosts.d: %s\n",
		w.number(20), w.number(20), w.addr4(), w.addr4(), w.prefix4(), w.addr4())
	for i := range 3 {
		for _, p := range []string{"IP", "TCP", "UDP", "ICMP"} {
			if w.IntN(2) == 0 {
				w.function("Filter", p, fmt.Sprintf("f%d%s", i, strings.ToLower(p)), "")
			}
		}
		if w.IntN(2) == 0 {
			w.function("Filter", "IP6", fmt.Sprintf("f%dip6", i), "")
		}
		if w.IntN(2) == 0 {
			w.function("Nat", []string{"IP", "TCP", "UDP", "ICMP"}[w.IntN(4)], fmt.Sprintf("n%d", i), "")
		}
	}
	w.function("Filter", "IP", "last4", w.pick("accept", "drop"))
	w.function("Filter", "IP6", "last6", w.pick("accept", "drop"))
	w.function("Nat", w.pick("IP", "TCP", "UDP"), "nat", "")
	fmt.Fprintf(&w.b, "Iface i { index: 0, prerouting: %s, input: %s, output: %s, postrouting: nat }\n",
		w.pick("[nat, last4, last6]", "[last4, last6]", "[last6, last4, nat]"), w.pick("last4", "last6", "nat"), w.pick("[last4, nat]", "[nat, last6]"))
	return w.b.String()
}

func (w *writer) pick(words ...string) string { return words[w.IntN(len(words))] }
func (w *writer) number(n int) string         { return fmt.Sprint(w.IntN(n)) }
func (w *writer) addr4() string               { return fmt.Sprintf("10.0.0.%d", w.IntN(20)) }
func (w *writer) addr6() string               { return fmt.Sprintf("2001:db8::%x", w.IntN(20)) }
func (w *writer) prefix4() string             { return fmt.Sprintf("10.0.0.%d/%d", w.IntN(32), 24+w.IntN(9)) }

func (w *writer) function(action, protocol, name, end string) {
	fmt.Fprintf(&w.b, "%s::%s %s {\n", action, protocol, name)
	w.body(action, protocol, protocol)
	fmt.Fprintf(&w.b, "%s\n}\n", end)
	key := action + protocol
	w.functions[key] = append(w.functions[key], name)
}

// body writes statements; outer is the protocol of the function around it.
func (w *writer) body(action, protocol, outer string) {
	if w.depth++; w.depth > 3 {
		w.action(action, protocol, outer)
		w.depth--
		return
	}
	for range 1 + w.IntN(3) {
		switch w.IntN(6) {
		case 0:
			w.action(action, protocol, outer)
		case 1, 2:
			w.branch(action, protocol, outer, w.condition(protocol, 0))
		case 3:
			w.run(action, protocol, outer)
		case 4:
			inner := w.inner(protocol, outer)
			fmt.Fprintf(&w.b, "%s::%s {\n", action, inner)
			w.body(action, inner, outer)
			w.b.WriteString("}\n")
		case 5:
			all := w.functions[action+w.inner(protocol, outer)]
			if len(all) == 0 {
				w.action(action, protocol, outer)
				break
			}
			w.b.WriteString(all[w.IntN(len(all))] + w.pick("", "()") + "\n")
		}
	}
	w.depth--
}

// inner is a protocol that a function can hold. Those for both versions of IP
// stay with the properties of their own.
func (w *writer) inner(protocol, outer string) string {
	switch protocol {
	case "IP":
		if outer == "IP" || outer == "ICMP" {
			return w.pick("IP", "TCP", "UDP", "ICMP")
		}
		return "IP"
	case "IP6":
		return w.pick("IP6", "IP6", "ICMP6")
	case "ICMP6":
		return w.pick("IP6", "ICMP6")
	case "TCP", "UDP":
		if outer == "IP" {
			return w.pick("IP", protocol)
		}
		return protocol
	}
	return w.pick("IP", protocol)
}

// run writes conditions that compare one field, which become tables.
func (w *writer) run(action, protocol, outer string) {
	field := w.field(protocol)
	length := 3 + w.IntN(8)
	if w.IntN(40) == 0 {
		length += 200
	}
	for range length {
		c := w.test(field)
		switch w.IntN(4) {
		case 0:
			c += " and " + w.condition(protocol, 2)
		case 1:
			c = w.condition(protocol, 3) + " and " + c
		}
		w.branch(action, protocol, outer, c)
	}
}

func (w *writer) branch(action, protocol, outer, condition string) {
	fmt.Fprintf(&w.b, "if (%s) {\n", condition)
	if w.IntN(3) > 0 {
		w.action(action, protocol, outer)
	} else {
		w.body(action, protocol, outer)
	}
	if w.IntN(4) == 0 {
		w.b.WriteString("} else {\n")
		w.action(action, protocol, outer)
	}
	w.b.WriteString("}\n")
}

func (w *writer) action(action, protocol, _ string) {
	switch w.IntN(4) {
	case 0:
		fmt.Fprintf(&w.b, "log(\"l%d \", %s, \"\\n\")\n", w.IntN(9), w.field(protocol))
		return
	case 1:
		fmt.Fprintf(&w.b, "syslog(%s, \"s%d \", %s)\n", w.pick("EMERG", "info", "Debug", "err"), w.IntN(9), w.field(protocol))
		return
	}
	if action == "Filter" {
		w.b.WriteString(w.pick("accept", "drop", "ACCEPT()") + "\n")
		return
	}
	fmt.Fprintf(&w.b, "%s(%s)\n", w.pick("dnat", "snat"), w.pick(w.addr4(), "host", "8", "web", w.addr4()+", 9", "host, web"))
}

var fieldsOf = map[string][]string{
	"IP":    {"ip.saddr", "ip.daddr", "ip.ttl", "ip.protocol", "ip.length", "ip.id", "ip.dscp", "ip.ecn", "ip.hdrlength", "ip.version", "ip.frag-off", "ip.checksum", "ct.state"},
	"TCP":   {"tcp.dport", "tcp.sport", "tcp.flags", "tcp.doff", "tcp.window", "tcp.sequence", "tcp.ackseq", "tcp.reserved", "tcp.urgptr", "tcp.checksum", "ct.state"},
	"UDP":   {"udp.dport", "udp.sport", "udp.length", "udp.checksum", "ct.state"},
	"ICMP":  {"icmp.type", "ip.saddr", "ip.ttl", "ct.state"},
	"IP6":   {"ip6.saddr", "ip6.daddr", "ip6.hoplimit", "ip6.protocol", "ip6.length", "ip6.dscp", "ip6.ecn", "ip6.flowlabel", "ip6.version", "ct.state"},
	"ICMP6": {"icmp6.type", "ip6.saddr", "ct.state"},
}

// field is a random one, the first two of a protocol more often than others.
func (w *writer) field(protocol string) string {
	all := fieldsOf[protocol]
	if w.IntN(3) > 0 {
		return all[w.IntN(2)]
	}
	return all[w.IntN(len(all))]
}

func (w *writer) condition(protocol string, depth int) string {
	switch n := w.IntN(12); {
	case n < 2 && depth < 3:
		return "(" + w.condition(protocol, depth+1) + " and " + w.condition(protocol, depth+1) + ")"
	case n < 4 && depth < 3:
		return "(" + w.condition(protocol, depth+1) + " or " + w.condition(protocol, depth+1) + ")"
	case n < 6 && depth < 3:
		return w.pick("not ", "!") + "(" + w.condition(protocol, depth+1) + ")"
	case n == 6:
		return w.pick("true", "false", "yes", "1", "5 in ports", "host == 10.0.0.5")
	case n == 7 && protocol == "TCP":
		return "tcp.sport " + w.operator() + " tcp.dport"
	case n == 7 && protocol == "IP":
		return w.pick("ip.saddr "+w.operator()+" ip.daddr", "ip.saddr in [ip.daddr, host]", "ip.ttl < ip.id")
	case n == 7 && protocol == "IP6":
		return "ip6.saddr " + w.operator() + " ip6.daddr"
	}
	return w.test(w.field(protocol))
}

func (w *writer) operator() string { return w.pick("==", "!=", "<", "<=", ">", ">=") }

// test compares a field with constants.
func (w *writer) test(field string) string {
	switch field {
	case "ct.state":
		return field + w.pick(" == new", " != new", " == established", " in [new, related]", " in [established, invalid]")
	case "ip.saddr", "ip.daddr":
		return w.pick(
			field+" "+w.operator()+" "+w.addr4(), field+" == host", w.addr4()+" "+w.operator()+" "+field, field+" in "+w.prefix4(),
			field+fmt.Sprintf(" in 10.0.0.%d - 10.0.0.%d", w.IntN(9), 9+w.IntN(9)), field+" in ["+w.addr4()+", "+w.prefix4()+", 5, "+w.addr4()+"]", field+" in hosts", field+" in hosts.b",
			field+" in 0.0.0.0/0",
		)
	case "ip6.saddr", "ip6.daddr":
		return w.pick(
			field+" "+w.operator()+" "+w.addr6(), field+" == six", field+fmt.Sprintf(" in 2001:db8::%x/%d", w.IntN(20), 120+w.IntN(9)),
			field+fmt.Sprintf(" in 2001:db8::%x - 2001:db8::%x", w.IntN(9), 9+w.IntN(9)), field+" in ["+w.addr6()+", "+w.addr6()+", "+w.addr6()+", "+w.addr6()+", "+w.addr6()+"]",
			field+" in ::/0",
		)
	}
	return w.pick(
		field+" "+w.operator()+" "+w.number(20), w.number(20)+" "+w.operator()+" "+field, field+" in ports", field+" == web",
		field+fmt.Sprintf(" in %d - %d", w.IntN(9), 9+w.IntN(9)), field+" in ["+w.number(20)+", "+w.number(20)+", "+w.number(20)+", "+w.number(20)+", "+w.number(20)+"]",
		field+" "+w.operator()+" "+w.number(20)+".5", field+" > (-1)", field+" in [4.5 - 6.5, 2]", field+" "+w.operator()+" 70000", field+" in hosts",
	)
}
