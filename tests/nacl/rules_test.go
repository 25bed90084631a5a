package nacl

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"tender/guest/net/wire"
)

// ruleSet is a random set of rules in two languages.
type ruleSet struct{ nacl, nft string }

// term is a comparison in both.
type term struct{ nacl, nft string }

// Hosts have few addresses and ports, so that rules, packets and connections
// meet: addresses 1 to hosts of their side's network.
const hosts = 12

var networks = [2]wire.Addr4{0xac100000, 0xac140000} // outside 172.16.0.0, inside 172.20.0.0

// guide is the host in a side's network whose datagrams pass all rules.
func guide(side int) wire.Addr4 { return networks[side] + 0xff01 }

// around is what is around the rules in NaCl.
const around = `
Iface outside { index: 0, address: 10.0.0.2, netmask: 255.255.255.0 }
Iface inside { index: 1, address: 192.168.0.1, netmask: 255.255.255.0 }
Gateway gw {
	outer: { net: 172.16.0.0, netmask: 255.255.0.0, nexthop: 10.0.0.1, iface: outside },
	inner: { net: 172.20.0.0, netmask: 255.255.0.0, nexthop: 192.168.0.20, iface: inside },
	forward: rules
}
Conntrack patient { timeout: {
	unconfirmed: { tcp: 600, udp: 600, icmp: 600 },
	confirmed: { tcp: 600, udp: 600, icmp: 600 },
	established: { tcp: 600, udp: 600, icmp: 600 }
} }
`

// lawyer writes rules.
type lawyer struct {
	*rand.Rand
	nacl, nft strings.Builder
}

// randomRules makes a set of some dozens of rules, with translation or without.
func randomRules(r *rand.Rand, translating bool) ruleSet {
	w := &lawyer{Rand: r}
	w.nacl.WriteString(around)
	w.nft.WriteString("table ip filter {\n")
	if translating {
		w.translations()
	}
	var functions []string
	for i := range 3 {
		name := fmt.Sprintf("f%d", i)
		fmt.Fprintf(&w.nacl, "Filter::IP %s {\n", name)
		fmt.Fprintf(&w.nft, "chain %s {\n", name)
		w.rules(3+w.IntN(6), functions)
		w.nacl.WriteString("}\n")
		w.nft.WriteString("}\n")
		functions = append(functions, name)
	}
	fmt.Fprintf(&w.nacl, "Filter::IP rules {\n\tif (ip.saddr in [%v, %v]) { accept }\n", guide(0), guide(1))
	fmt.Fprintf(&w.nft, "chain forward {\ntype filter hook forward priority 0; policy accept;\nct state invalid drop\nip saddr { %v, %v } accept\n", guide(0), guide(1))
	if w.IntN(2) == 0 {
		w.nacl.WriteString("\tif (ct.state == established or ct.state == related) { accept }\n")
		w.nft.WriteString("ct state established,related accept\n")
	}
	w.rules(10+w.IntN(20), functions)
	last := w.pick("accept", "drop")
	fmt.Fprintf(&w.nacl, "\t%s\n}\n", last)
	fmt.Fprintf(&w.nft, "%s\n}\n}\n", last)
	return ruleSet{w.nacl.String(), w.nft.String()}
}

func (w *lawyer) pick(words ...string) string { return words[w.IntN(len(words))] }

// rules writes n of them, of which some call functions.
func (w *lawyer) rules(n int, functions []string) {
	open := 0 // how many are in the else of another
	for range n {
		action, jump := w.pick("accept", "drop"), ""
		if len(functions) > 0 && w.IntN(4) == 0 {
			action, jump = functions[w.IntN(len(functions))], "jump "
		}
		protocol := w.pick("", "", "TCP", "TCP", "UDP", "UDP", "ICMP")
		var alternatives []string
		for range 1 + w.IntN(4)/3 {
			var terms []string
			nft := ""
			if protocol != "" {
				nft = "meta l4proto " + strings.ToLower(protocol) + " "
			}
			for range 1 + w.IntN(3) {
				t := w.term(protocol)
				terms = append(terms, t.nacl)
				nft += t.nft + " "
			}
			alternatives = append(alternatives, strings.Join(terms, " and "))
			fmt.Fprintf(&w.nft, "%s%s%s\n", nft, jump, action)
		}
		rule := fmt.Sprintf("if (%s) { %s }", strings.Join(alternatives, " or "), action)
		if protocol != "" {
			rule = fmt.Sprintf("Filter::%s { %s }", protocol, rule)
		}
		w.nacl.WriteString("\t" + rule)
		if protocol == "" && jump == "" && w.IntN(4) == 0 {
			// What comes after a verdict may as well be in its else.
			w.nacl.WriteString(" else {")
			open++
		}
		w.nacl.WriteString("\n")
	}
	if open > 0 {
		fmt.Fprintf(&w.nacl, "\tif (ip.ttl == 255) { accept }\n%s\n", strings.Repeat("}", open))
		w.nft.WriteString("ip ttl 255 accept\n")
	}
}

// term is a random comparison that functions of a protocol may make.
func (w *lawyer) term(protocol string) term {
	if protocol != "" && w.IntN(3) > 0 {
		return w.ofProtocol(protocol)
	}
	switch w.IntN(6) {
	case 0:
		// Linux counts it down before its rules see it.
		return w.compare("ip.ttl", "ip ttl", texts(ttls, 0), texts(ttls, -1))
	case 1:
		return w.number("ip.length", "ip length", []int{28, 30, 40, 44, 48, 60})
	case 2:
		states := []string{"new", "established", "related"}
		state := states[w.IntN(3)]
		switch w.IntN(3) {
		case 0:
			return term{"ct.state == " + state, "ct state " + state}
		case 1:
			return term{"ct.state != " + state, "ct state != " + state}
		}
		return term{"ct.state in [new, " + state + "]", "ct state new," + state}
	}
	return w.address(w.pick("saddr", "daddr"))
}

func (w *lawyer) ofProtocol(protocol string) term {
	switch protocol {
	case "TCP":
		switch w.IntN(6) {
		case 0:
			return w.number("tcp.sequence", "tcp sequence", []int{1000, 1001, 5000, 5001})
		case 1:
			flags := w.pick("syn", "ack", "18", "4")
			return term{"tcp.flags == " + flags, "tcp flags == " + flags}
		}
		return w.port("tcp")
	case "UDP":
		if w.IntN(6) == 0 {
			return w.number("udp.length", "udp length", []int{8, 10, 12, 16, 20})
		}
		return w.port("udp")
	}
	return w.number("icmp.type", "icmp type", []int{0, 3, 8, 11, 13, 14})
}

func (w *lawyer) port(protocol string) term {
	field := w.pick("sport", "dport")
	return w.number(protocol+"."+field, protocol+" "+field, ports)
}

// number compares a field with some of the values.
func (w *lawyer) number(nacl, nft string, values []int) term {
	return w.compare(nacl, nft, texts(values, 0), texts(values, 0))
}

// texts are numbers as text, with something added.
func texts(values []int, more int) []string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = fmt.Sprint(v + more)
	}
	return words
}

// address compares an address with some of either side.
func (w *lawyer) address(field string) term {
	nacl, nft := "ip."+field, "ip "+field
	side := networks[w.IntN(2)]
	if w.IntN(3) == 0 {
		bits := 28 + w.IntN(4)
		net := (side + wire.Addr4(w.IntN(hosts+2))) &^ (1<<(32-bits) - 1)
		prefix := fmt.Sprintf("%v/%d", net, bits)
		if w.IntN(3) == 0 {
			return term{"not " + nacl + " in " + prefix, nft + " != " + prefix}
		}
		return term{nacl + " in " + prefix, nft + " " + prefix}
	}
	var words []string
	for i := range hosts {
		words = append(words, (side + wire.Addr4(i+1)).String())
	}
	return w.compare(nacl, nft, words, words)
}

// compare compares a field with some of the values, which are in order; theirs
// are those of nft.
func (w *lawyer) compare(nacl, nft string, values, theirs []string) term {
	i := w.IntN(len(values) - 1)
	j := i + 1 + w.IntN(len(values)-i-1)
	ours, linux := values[i]+" - "+values[j], theirs[i]+"-"+theirs[j]
	switch w.IntN(6) {
	case 0:
		operator := w.pick("<", "<=", ">", ">=", "!=")
		return term{nacl + " " + operator + " " + values[i], nft + " " + operator + " " + theirs[i]}
	case 1:
		return term{nacl + " in " + ours, nft + " " + linux}
	case 2:
		return term{"!(" + nacl + " in " + ours + ")", nft + " != " + linux}
	case 3:
		var a, b []string
		for _, k := range w.Perm(len(values))[:1+w.IntN(len(values)/2)] {
			a, b = append(a, values[k]), append(b, theirs[k])
		}
		return term{nacl + " in [" + strings.Join(a, ", ") + "]", nft + " { " + strings.Join(b, ", ") + " }"}
	}
	return term{nacl + " == " + values[i], nft + " " + theirs[i]}
}
