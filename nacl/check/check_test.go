package check

import (
	"strings"
	"testing"

	"tender/nacl/diag"
	"tender/nacl/program"
	"tender/nacl/syntax"
)

// run checks a text; it returns what was said, LINE:COLUMN: MESSAGE each.
func run(text string) (*program.Program, []string) {
	src := diag.NewSource("f.nacl", text)
	errs := diag.NewList(src)
	p := Check(syntax.Parse(src, errs), errs)
	var all []string
	for _, d := range errs.All() {
		all = append(all, strings.TrimPrefix(strings.Replace(d.String(), " error:", "", 1), "f.nacl:"))
	}
	return p, all
}

// refusal is a program and what is said about it.
type refusal struct{ text, want string }

func refuse(t *testing.T, all []refusal) {
	t.Helper()
	for _, c := range all {
		_, said := run(c.text)
		if got := strings.Join(said, "|"); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	refuse(t, []refusal{
		{"Filter::IP { accept }", "1:1: the name is missing: a function outside of functions has one"},
		{"a: 1\na: 2", "2:1: a is defined twice: first on line 1"},
		{"Iface a { index: 0 }\nFilter::IP a { accept }", "2:12: a is defined twice: first on line 1"},
		{"x: {a: 1, a: 2}", "1:11: a is set twice: first on line 1"},
		{"x: {a: 1}\nx.a: 2", "2:1: x.a is defined twice: first on line 1"},
		{"x: {a: {b: 1}}\nx.a.c: 2\nx.a.c: 3", "3:1: x.a.c is defined twice: first on line 2"},
		{"Iface a { index: 0 }\na.INDEX: 1", "2:1: a.INDEX is defined twice: first on line 1"},
		{"Iface a { index: 0 }\nGateway gw { r1: { net: 10.0.0.0, netmask: 255.0.0.0, iface: a, cost: 5 } }\ngw.r1.cost: 7", "3:1: gw.r1.cost is defined twice: first on line 2"},
		{"a-b: 1", "1:1: the name a-b has a -: only members of objects may have one"},
		{"TCP: 1", "1:1: no element can be called TCP: that is a protocol"},
		{"ct.x: 1", "1:1: no element can be called ct: that is a protocol"},
		{"Filter::IP icmp { accept }", "1:12: no element can be called icmp: that is a protocol"},
		{"Ifce a { index: 0 }", "1:1: there is no type Ifce: Iface, Gateway, Conntrack, Load_balancer, Syslog or Timer"},
		{"Vlan a { index: 0 }", "1:1: there is no type Vlan: write Iface a { vlan: …, index: … }"},
		{"Gateway a [ { net: 10.0.0.0, netmask: 255.0.0.0, iface: i } ]\nGateway b [ { net: 10.0.0.0, netmask: 255.0.0.0, iface: i } ]\nIface i { index: 0 }",
			"2:1: a second Gateway: there is one already, a on line 1"},
		{"Conntrack a { limit: 5 }\nConntrack b { limit: 5 }", "2:1: a second Conntrack: there is one already, a on line 1"},
		{"Syslog a { address: 10.0.0.1, port: 514 }\nSyslog b { address: 10.0.0.1, port: 514 }", "2:1: a second Syslog: there is one already, a on line 1"},
		{"a: b", "1:4: b is not defined"},
		{"Target: 5\na: target", "2:4: target is not defined; there is Target, and case matters"},
		{"a: {b: 1}\nc: a.d", "2:6: a has no member d"},
		{"a: {b: {c: 1}}\nd: a.b.e.f", "2:8: a.b has no member e"},
		{"a: 5\nb: a.c", "2:6: a has no member c"},
		{"b.c: 5", "1:1: b is not defined"},
		{"a: 5\na.c: 5", "2:1: a is no object: nothing can be added to it"},
		{"a: {b: 1}\na.c.d: 5", "2:3: a has no member c to which something could be added"},
		{"Filter::IP f { accept }\nf.x: 5", "2:1: f is a function: it has no members"},
		{"Filter::IP f { accept }\na: f.x", "2:4: f is a function: it has no members"},
		{"a: b\nb: a", "1:1: a is made of itself, or of more than 64 names, one after the other"},
		{"a: [1, {x: [a]}]", "1:1: a is made of itself, or of more than 64 names, one after the other"},
		{"a: ip.saddr", "1:4: ip.saddr is different in each packet: it cannot be in a constant"},
		{"a: ip.foo", "1:4: there is no property ip.foo: ip has version, hdrlength, dscp, ecn, length, id, frag-off, ttl, protocol, checksum, saddr and daddr"},
	})
}

func TestProperties(t *testing.T) {
	refuse(t, []refusal{
		{"Filter::IP f { if (arp.op == 1) { accept } }", "1:20: arp is not defined"},
		{"Filter::IP f { if (ct.id == 1) { accept } }", "1:20: there is no property ct.id: ct has state"},
		{"Filter::TCP f { if (tcp.port == 1) { accept } }", "1:21: there is no property tcp.port: tcp has sport, dport, sequence, ackseq, doff, reserved, flags, window, checksum and urgptr"},
		{"Filter::UDP f { if (tcp.dport == 1) { accept } }", "1:21: tcp.dport cannot be read in a Filter::UDP, which reads udp, ip and ct"},
		{"Filter::IP f { if (tcp.dport == 1) { accept } }", "1:20: tcp.dport cannot be read in a Filter::IP, which reads ip and ct"},
		{"Filter::TCP f { Filter::IP { if (tcp.dport == 1) { accept } } }", "1:34: tcp.dport cannot be read in a Filter::IP, which reads ip and ct"},
		{"Filter::IP f { if (ip6.hoplimit == 1) { accept } }", "1:20: ip6.hoplimit is in IPv6 packets, and this Filter::IP is for IPv4 packets"},
		{"Filter::IP6 f { if (ip.ttl == 1) { accept } }", "1:21: ip.ttl is in IPv4 packets, and this Filter::IP6 is for IPv6 packets"},
		{"Filter::TCP f { if (ip.ttl == 1 or ip6.hoplimit == 1) { accept } }", "1:36: ip6.hoplimit is in IPv6 packets, and this Filter::TCP is for IPv4 packets"},
		{"Filter::TCP f { if (tcp.flags) { accept } }", "1:21: tcp.flags is no condition by itself: compare it with a value"},
		{"Filter::IP f { if (not ip.ttl) { accept } }", "1:24: ip.ttl is no condition by itself: compare it with a value"},
		{"Filter::IP f { if (\"x\") { accept } }", "1:20: \"x\" is no condition: a comparison, true or false is needed"},
		{"Filter::IP f { if (f) { accept } }", "1:20: f is no condition: a comparison, true or false is needed"},
		{"Filter::IP f { if (established) { accept } }", "1:20: established is no condition: a comparison, true or false is needed"},
	})
}

func TestComparisons(t *testing.T) {
	refuse(t, []refusal{
		{"Filter::IP f { if (10.0.0.0/8 in ip.saddr) { accept } }", "1:20: 10.0.0.0/8 is a set: it can only be on the right of in"},
		{"Filter::IP f { if (1-5 == ip.ttl) { accept } }", "1:20: 1-5 is a set: == does not compare with sets, in does"},
		{"Filter::IP f { if ([1] in [1]) { accept } }", "1:20: [1] is a set: it can only be on the right of in"},
		{"o: {a: 1}\nFilter::IP f { if (o == 5) { accept } }", "2:20: o is a set: == does not compare with sets, in does"},
		{"Filter::IP f { if (ip.saddr == 10.0.0.0/8) { accept } }", "1:32: 10.0.0.0/8 is a set: == does not compare with sets, in does"},
		{"l: [1]\nFilter::IP f { if (ip.ttl > l) { accept } }", "2:29: l is a set: > does not compare with sets, in does"},
		{"Filter::IP f { if (ip.ttl in 5) { accept } }", "1:30: 5 is no set: in needs a range, network, list or object; otherwise it is =="},
		{"Filter::IP f { if (ip.ttl in ip.id) { accept } }", "1:30: ip.id is no set: in needs a range, network, list or object; otherwise it is =="},
		{"Filter::IP f { if (ip.ttl == f) { accept } }", "1:30: f is a function and cannot be compared"},
		{"Filter::IP f { if (f == 5) { accept } }", "1:20: f is a function and cannot be compared"},
		{"Filter::IP f { if (ip.saddr in [f]) { accept } }", "1:33: f cannot be in a set: it is no value"},
		{"Iface i { index: 0 }\nFilter::IP f { if (ip.saddr in i) { accept } }", "2:32: i is a Iface and cannot be compared"},
		{"Filter::IP f { if (ip.saddr == 80) { accept } }", "1:20: an IPv4 address is compared with a number: they can never be equal"},
		{"Filter::IP f { if (ct.state > new) { accept } }", "1:29: a state of connections has no order: only == and != and in make sense"},
		{"Filter::IP f { if (ip.ttl == \"x\") { accept } }", "1:30: a string cannot be compared, and is on the right"},
		{"Filter::IP f { if (ip.ttl in [1, \"x\"]) { accept } }", "1:34: a string cannot be compared, and is in a set"},
		{"Filter::IP f { if (ip.ttl == round_robin) { accept } }", "1:30: round_robin cannot be used here: it is the algorithm of a Load_balancer"},
		{"Filter::IP f { if (ip.ttl == oif) { accept } }", "1:30: oif cannot be used here: the interface is known by the chain a function is on"},
		{"Filter::ICMP f { if (icmp.type == packet-too-big) { accept } }", "1:35: packet-too-big is a type of ICMPv6 only: compare it with icmp6.type"},
		{"Filter::ICMP6 f { if (icmp6.type == timestamp-reply) { accept } }", "1:37: timestamp-reply is no type of ICMPv6"},
		{"Filter::IP f { if (ip.ttl == 300) { accept } }", "1:20: warning: ip.ttl is 0 to 255: this comparison is always the same"},
		{"Filter::IP f { if (ip.ttl in [10.0.0.1]) { accept } }", "1:20: warning: nothing in the set is a number: this is never true"},
	})
}

func TestActions(t *testing.T) {
	refuse(t, []refusal{
		{"Filter::IP f { reject }", "1:16: there is no action and no function reject"},
		{"Filter::IP f { G }\nFilter::IP g { accept }", "1:16: there is no function G; there is g, and case matters"},
		{"x: 5\nFilter::IP f { x }", "2:16: x is no function: it cannot be called"},
		{"Filter::IP f { dnat(10.0.0.1) }", "1:16: dnat is not possible in a Filter::IP: it has accept, drop, log and syslog"},
		{"Nat::IP f { accept }", "1:13: accept is not possible in a Nat::IP: it has dnat, snat, log and syslog"},
		{"Filter::IP f { accept(1) }", "1:23: accept has no arguments"},
		{"Filter::IP f { drop(f) }", "1:21: drop has no arguments"},
		{"Filter::IP f { g(1) }\nFilter::IP g { accept }", "1:18: g has no parameters"},
		{"Nat::IP f { dnat }", "1:13: dnat has no arguments: an address, a port, or an address and a port"},
		{"Nat::IP f { snat() }", "1:13: snat has no arguments: an address, a port, or an address and a port"},
		{"Nat::IP f { dnat(\"x\") }", "1:18: \"x\" is neither an IPv4 address nor a port"},
		{"Nat::IP f { dnat(10.0.0.0/8) }", "1:18: 10.0.0.0/8 is neither an IPv4 address nor a port"},
		{"Nat::IP f { dnat(::1) }", "1:18: ::1 is neither an IPv4 address nor a port"},
		{"Nat::IP f { dnat(80, 10.0.0.1) }", "1:18: 80 is no IPv4 address: dnat(address, port)"},
		{"Nat::IP f { dnat(10.0.0.1, 10.0.0.2) }", "1:28: 10.0.0.2 is no port: dnat(address, port)"},
		{"Nat::IP f { dnat(0) }", "1:18: 0 is no port: those are 1 to 65535"},
		{"Nat::IP f { dnat(10.0.0.1, 65536) }", "1:28: 65536 is no port: those are 1 to 65535"},
		{"Nat::IP f { dnat(10.0.0.1, 80, 5) }", "1:32: warning: dnat ignores what is behind address and port"},
		{"Filter::IP f { syslog }", "1:16: syslog has no severity: emerg, alert, crit, err, warning, notice, info or debug"},
		{"Filter::IP f { syslog(\"x\") }", "1:23: \"x\" is no severity: emerg, alert, crit, err, warning, notice, info or debug"},
		{"Filter::IP f { syslog(loud, \"x\") }", "1:23: loud is no severity: emerg, alert, crit, err, warning, notice, info or debug"},
		{"Filter::IP f { syslog(INFO) }", "1:16: syslog has nothing to print behind the severity"},
		{"Filter::IP f { log() }", "1:16: log has nothing to print: strings and properties are its arguments"},
		{"Filter::IP f { log }", "1:16: log has nothing to print: strings and properties are its arguments"},
		{"Filter::IP f { log(5) }", "1:20: 5 cannot be printed: strings and properties can"},
		{"p: 5\nFilter::IP f { log(\"a\", p, [1]) }", "2:25: p cannot be printed: strings and properties can|2:28: [1] cannot be printed: strings and properties can"},
		{"Filter::IP f { syslog(INFO, f) }", "1:29: f cannot be printed: strings and properties can"},
		{"Filter::IP f { log(tcp.dport) }", "1:20: tcp.dport cannot be read in a Filter::IP, which reads ip and ct"},
		{"Filter::IP f { g }\nNat::IP g { log(\"x\") }", "1:16: g, a Nat::IP, cannot be in a Filter::IP: both must be of one type"},
		{"Nat::IP f { Filter::IP { accept } }", "1:13: Filter::IP cannot be in a Nat::IP: both must be of one type"},
		{"Filter::TCP f { Filter::UDP { accept } }", "1:17: Filter::UDP cannot be in a Filter::TCP, which holds IP, TCP and IP6"},
		{"Filter::ICMP f { g }\nFilter::TCP g { accept }", "1:18: g, a Filter::TCP, cannot be in a Filter::ICMP, which holds IP and ICMP"},
		{"Filter::IP f { Filter::IP6 { accept } }", "1:16: Filter::IP6 cannot be in a Filter::IP, which holds IP, TCP, UDP and ICMP"},
		{"Filter::IP6 f { g }\nFilter::TCP g { if (ip.ttl == 1) { accept } }", "1:17: what g reads is in IPv4 packets, and this Filter::IP6 is for IPv6 packets"},
		{"Filter::IP f { f }", "1:16: f calls itself"},
		{"Filter::IP a { b }\nFilter::IP b { c }\nFilter::IP c { if (true) { a } }", "3:28: a calls itself through b and c"},
		{"Rewrite::IP r { accept }", "1:1: Rewrite is reserved: no action is possible in it"},
		{"Nat::IP6 n { log(\"x\") }", "1:1: there is no Nat::IP6: only IPv4 addresses are translated"},
	})
}

func TestChains(t *testing.T) {
	with := func(rest string) string { return "Iface a { index: 0 }\n" + rest }
	refuse(t, []refusal{
		{with("a.input: f"), "2:10: f is not defined"},
		{with("x: 5\na.input: x"), "3:10: x is no function, and input has nothing else"},
		{with("a.input: [5, a]"), "2:11: 5 is no function, and input has nothing else|2:14: a is no function, and input has nothing else"},
		{with("a.output: f\nFilter::TCP f { drop }"), "2:11: f is a Filter::TCP: only Filter::IP and Filter::IP6 can be on a chain"},
		{with("a.output: f\nFilter::IP f { log(\"x\") }"), "2:11: f does not end in accept or drop: a function on a chain must come to a verdict"},
		{with("a.output: f\nFilter::IP f { accept() }"), "2:11: f does not end in accept or drop: a function on a chain must come to a verdict"},
		{with("a.output: f\nFilter::IP f { if (true) { accept } else { drop } }"), "2:11: f does not end in accept or drop: a function on a chain must come to a verdict"},
		{with("Gateway g { r: { net: 10.0.0.0, netmask: 255.0.0.0, iface: a }, forward: n }\nNat::IP n { dnat(5) }"), "2:74: n is a Nat: those are on chains of an Iface, not on forward"},
		{"Iface a { index: 0, input: f, input: f }\nFilter::IP f { drop }", "1:31: input is set twice: first on line 1"},
		{with("a.input: f\na.Input: f\nFilter::IP f { drop }"), "3:1: a.Input is defined twice: first on line 2"},
		{with("a.input: [f, f]\nFilter::IP f { drop }"), "2:14: input has the function f twice"},
	})
}

func TestIface(t *testing.T) {
	refuse(t, []refusal{
		{"Iface a { address: 10.0.0.1, netmask: 255.0.0.0 }", "1:7: Iface a needs the member index"},
		{"Iface a { vlan: 5 }", "1:7: Iface a needs the member index|1:7: Iface a is a vlan: it needs address and netmask, or config: dhcp"},
		{"Iface a dhcp", "1:7: Iface a needs the member index"},
		{"Iface a { index: 1 }\nIface b { index: 1 }", "2:11: Iface b has the index of Iface a: only vlans share a device"},
		{"Iface a { index: 1, vlan: 5, config: dhcp }\nIface b { index: 1, vlan: 5, config: dhcp }", "2:21: Iface b is the same vlan of the same device as Iface a"},
		{"Iface a { index: 63 }", "1:18: index is 0 to 62, and not 63"},
		{"Iface a { index: 1.5 }", "1:18: index is a whole number from 0 to 62, and not 1.5"},
		{"Iface a { index: \"eth0\" }", "1:18: index is the number of a network device or an Ethernet address such as \"02:00:00:00:00:01\""},
		{"Iface a { index: 0, mtu: 1500 }", "1:21: Iface a has no member mtu: there are index, address, netmask, gateway, dns, config, vlan, masquerade, send_queue_limit, buffer_limit, prerouting, input, output, postrouting, address6, prefix6 and gateway6"},
		{"Iface a bootp\na.index: 0", "1:9: config is static, dhcp or dhcp-with-fallback, and not bootp"},
		{"Iface a { index: 0, config: 5 }", "1:29: config is static, dhcp or dhcp-with-fallback, and not 5"},
		{"Iface a { index: 0, address: 10.0.0.1 }", "1:21: Iface a has an address and no netmask"},
		{"Iface a { index: 0, address: 10, netmask: 255.0.255.0 }", "1:30: address is an IPv4 address, and not 10|1:43: 255.0.255.0 is no netmask: its ones are all on the left, as in 255.255.255.0"},
		{"Iface a { index: 0, vlan: 5 }", "1:7: Iface a is a vlan: it needs address and netmask, or config: dhcp"},
		{"Iface a { index: 0, vlan: 5, config: dhcp, dns: 10.0.0.1 }", "1:44: Iface a is a vlan whose configuration is dhcp: it cannot have a member dns"},
		{"Iface a { index: 0, vlan: 5, config: dhcp, buffer_limit: 10, send_queue_limit: 5 }",
			"1:44: Iface a is a vlan: buffer_limit is a member of the Iface it is on|1:62: Iface a is a vlan: send_queue_limit is a member of the Iface it is on"},
		{"Iface a { index: 0, vlan: 5000, config: dhcp }", "1:27: vlan is 1 to 4094, and not 5000"},
		{"Iface a { index: 0, masquerade: 1 }", "1:33: masquerade is true or false, and not 1"},
		{"Iface a 5", "1:7: Iface a is an object: { index: …, … }"},
		{"Iface a { index: 0, address6: 2001:db8::1 }", "1:31: address6 needs the length of its network: 2001:db8::1/64, or prefix6: 64"},
		{"Iface a { index: 0, address6: 10.0.0.1, prefix6: 64 }", "1:31: address6 is an IPv6 address, and not 10.0.0.1"},
		{"Iface a { index: 0, prefix6: 64 }", "1:21: Iface a has a prefix6 and no address6"},
	})
}

func TestGateway(t *testing.T) {
	with := func(rest string) string {
		return "Iface a { index: 0 }\nIface v { index: 0, vlan: 5, config: dhcp }\n" + rest
	}
	refuse(t, []refusal{
		{with("Gateway g 5"), "3:11: Gateway g is an object of named routes or a list of routes"},
		{with("Gateway g { r: { net: 10.0.0.0, netmask: 255.0.0.0 } }"), "3:13: route r needs the member iface"},
		{with("Gateway g [ { net: 10.0.0.0, iface: a } ]"), "3:13: a route of Gateway g needs the member netmask"},
		{with("Gateway g { r: { iface: a, netmask: 255.0.0.0 } }"), "3:13: route r needs the member net or host"},
		{with("Gateway g { r: { net: 10.0.0.0, host: 10.0.0.1, netmask: 255.0.0.0, iface: a } }"), "3:33: route r has net and host: only one of them"},
		{with("Gateway g { r: { net: 10.0.0.0, netmask: 255.0.0.0, iface: a, via: 5 } }"), "3:63: route r has no member via: there are net, host, netmask, iface, nexthop, cost, net6, host6, prefix6 and nexthop6"},
		{with("Gateway g { r: { net: 10.0.0.0, netmask: 255.0.0.0, iface: b } }"), "3:60: b is not defined"},
		{with("b: 5\nGateway g { r: { net: 10.0.0.0, netmask: 255.0.0.0, iface: b } }"), "4:60: iface is the name of an Iface, and not b"},
		{with("Gateway g { r: 5 }"), "3:13: route r is an object: { net: …, … }"},
		{with("Gateway g { r: { net: 10.0.0.0, netmask: 255.0.0.0, iface: a }, s: { net: 11.0.0.0, netmask: 255.0.0.0, iface: v } }"),
			"3:65: the routes of Gateway g must all be over vlans or none: v is a vlan, a is none"},
		{with("Gateway g { r: { net: 10.0.0.0, netmask: 255.0.0.0, iface: a }, send_time_exceeded: 5 }"), "3:85: send_time_exceeded is true or false, and not 5"},
		{with("Gateway g { r: { net6: 2001:db8::/32, netmask: 255.0.0.0, iface: a } }"), "3:39: route r is an IPv6 route: it has no netmask"},
		{with("Gateway g { r: { net6: 2001:db8::, iface: a } }"), "3:24: net6 needs the length of its network: 2001:db8::/64, or prefix6: 64"},
		{with("Gateway g { r: { net: 10.0.0.0, netmask: 255.0.0.0, iface: a, nexthop6: ::1 } }"), "3:63: route r is an IPv4 route: it has no nexthop6"},
	})
}

func TestServices(t *testing.T) {
	lb := func(clients, servers string) string {
		return "Iface a { index: 0 }\nLoad_balancer b { layer: tcp, clients: {" + clients + "},\nservers: {" + servers + "} }"
	}
	good := "iface: a, algorithm: round_robin, pool: [{address: 10.0.0.1, port: 80}]"
	refuse(t, []refusal{
		{"Conntrack c { Limit: 5 }", "1:15: Conntrack c has no member Limit: there are limit, reserve, stateful_tcp and timeout"},
		{"Conntrack c { limit: 0, limit: 5 }", "1:22: limit is 1 to 4194304, and not 0|1:25: limit is set twice: first on line 1"},
		{"Conntrack c { stateful_tcp: 1 }", "1:29: stateful_tcp is true or false, and not 1"},
		{"Conntrack c { timeout: 5 }", "1:24: timeout is an object, and not 5"},
		{"Conntrack c { timeout: { closed: {tcp: 5} } }", "1:26: timeout has no member closed: there are established, unconfirmed and confirmed"},
		{"Conntrack c { timeout: { confirmed: {sctp: 5, tcp: 0} } }", "1:38: confirmed has no member sctp: there are tcp, udp and icmp|1:52: tcp is 1 to 2147483647, and not 0"},
		{"Syslog s { address: 10.0.0.1 }", "1:8: Syslog s needs the member port"},
		{"Syslog s { Address: 10.0.0.1, port: 5 }", "1:8: Syslog s needs the member address|1:12: Syslog s has no member Address: there are address and port"},
		{"Syslog s { address: 5, port: 70000 }", "1:21: address is an address, and not 5"},
		{"Syslog s { address: 10.0.0.1, port: 70000 }", "1:37: port is 1 to 65535, and not 70000"},
		{"Timer t { interval: 0, data: cpu }", "1:21: interval is a whole number of seconds from 1 to 31622400, and not 0"},
		{"Timer t { interval: 1.5, data: [cpu] }", "1:21: interval is a whole number of seconds from 1 to 31622400, and not 1.5"},
		{"Timer t { interval: (-5), data: [cpu] }", "1:21: interval is a whole number of seconds from 1 to 31622400, and not (-5)"},
		{"Timer t { interval: 5, data: [cpu, disk] }", "1:36: disk is no kind of data: timestamp, stats, memory, cpu, lb, stack-sampling or timers"},
		{"Timer t { interval: 5, INTERVAL: 6, data: [cpu, CPU] }", "1:24: INTERVAL is set twice: first on line 1|1:49: cpu is there twice"},
		{"Timer t { data: [cpu] }", "1:7: Timer t needs the member interval"},
		{"Load_balancer b { layer: tcp }", "1:15: Load_balancer b needs the members clients and servers"},
		{"Iface a { index: 0 }\nLoad_balancer b { layer: udp, clients: {iface: a, port: 1}, servers: {" + good + "} }", "2:26: layer is tcp or tcp6, and not udp"},
		{lb("iface: a", good), "2:31: clients needs the member port"},
		{lb("iface: a, port: 80, Port: 80", good), "2:61: clients has no member Port: there are iface, port, wait_queue_limit and session_limit"},
		{lb("iface: a, port: 80, session_limit: true", good), "2:76: session_limit is a whole number from 1 to 1048576, and not true"},
		{lb("iface: a, port: 80", "iface: a, pool: [{address: 10.0.0.1, port: 80}]"), "3:1: servers needs the member algorithm"},
		{lb("iface: a, port: 80", "iface: a, algorithm: random, pool: [{address: 10.0.0.1, port: 80}]"), "3:32: algorithm is round_robin, and not random"},
		{lb("iface: a, port: 80", "iface: a, algorithm: round_robin, pool: 5"), "3:51: pool is a list of servers, and not 5"},
		{lb("iface: a, port: 80", "iface: a, algorithm: round_robin, pool: [{address: 10.0.0.1}]"), "3:52: a server of the pool needs the member port"},
		{lb("iface: a, port: 80", "iface: a, algorithm: round_robin, pool: [{address: ::1, port: 1}]"), "3:62: address is an IPv4 address, and not ::1"},
		{lb("iface: a, port: 80", good) + "\nLoad_balancer c { layer: tcp, clients: {iface: a, port: 80}, servers: {" + good + "} }",
			"4:15: a second Load_balancer for layer tcp: there is one already, b on line 2"},
	})
}

// What could not be read is one error, not one for each use of its name.
func TestNoCascades(t *testing.T) {
	refuse(t, []refusal{
		{"a: {x: }\nb: a.x\nb.y: 5\nFilter::IP f { if (ip.ttl in a) { accept } }", "1:8: a value expected, found }|3:1: b is no object: nothing can be added to it"},
		{"Iface a { index: % }\nGateway g [ { net: 10.0.0.0, netmask: 255.0.0.0, iface: a } ]", "1:18: NaCl has no character %|1:20: a value expected, found }"},
		{"Iface a { index: 0, input: f }\nFilter::IP f { accept; }", "2:22: NaCl has no character ;"},
		{"Iface a { index: 0, input: f }\nFilter::IP f { g drop }\nFilter::IP g { if (ip.ttl = 5) { accept }\n h }",
			"3:27: NaCl has no character =|3:29: ) for the ( of line 3 expected, found 5|4:2: there is no action and no function h"},
	})
}
