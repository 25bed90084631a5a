package main

import (
	"fmt"
	"strings"

	"tender/tests/rig"
)

// The rules drop what is not sent: a packet of the measurement is compared with
// all of them and passes, unless a system is cleverer.

// address is the i-th source address that is refused.
func address(i int) string { return fmt.Sprintf("172.16.%d.%d", i/250, i%250+1) }

// port is the i-th destination port that is refused; those of the measurements
// are below 10000.
func port(i int) int { return 10000 + i }

// naclNetwork is the part of a NaCl program without rules. forward is the
// gateway's attribute of that name, or "".
func naclNetwork(forward string) string {
	return fmt.Sprintf(`Iface outside { address: %s, netmask: 255.255.255.0, index: 0 }
Iface inside { address: %s, netmask: 255.255.255.0, index: 1 }
Gateway gw {%s
  outer: { net: 10.0.0.0, netmask: 255.255.255.0, iface: outside },
  inner: { net: 192.168.0.0, netmask: 255.255.255.0, iface: inside }
}
`, rig.OutsideRouter, rig.InsideRouter, forward)
}

// naclForward is a router in NaCl, without a filter.
func naclForward() string { return naclNetwork("") }

// naclRules is the firewall of the measurement in NaCl.
func naclRules(kind string, n int) string {
	var s strings.Builder
	s.WriteString(naclNetwork("\n  forward: rules,"))
	s.WriteString("Filter::IP rules {\n")
	for i := range n {
		if kind == "saddr" {
			fmt.Fprintf(&s, "  if (ip.saddr == %s) { drop }\n", address(i))
		} else {
			fmt.Fprintf(&s, "  Filter::UDP { if (udp.dport == %d) { drop } }\n", port(i))
		}
	}
	s.WriteString("  accept\n}\n")
	return s.String()
}

// legacyRules is what iptables-legacy-restore reads.
func legacyRules(kind string, n int) (tool, text string) {
	var s strings.Builder
	s.WriteString("*filter\n:FORWARD ACCEPT [0:0]\n")
	for i := range n {
		if kind == "saddr" {
			fmt.Fprintf(&s, "-A FORWARD -s %s -j DROP\n", address(i))
		} else {
			fmt.Fprintf(&s, "-A FORWARD -p udp --dport %d -j DROP\n", port(i))
		}
	}
	s.WriteString("COMMIT\n")
	return "iptables-legacy-restore", s.String()
}

// nftLinear has a rule for each.
func nftLinear(kind string, n int) (tool, text string) {
	var s strings.Builder
	s.WriteString("table ip filter {\n\tchain forward {\n\t\ttype filter hook forward priority 0; policy accept;\n")
	for i := range n {
		if kind == "saddr" {
			fmt.Fprintf(&s, "\t\tip saddr %s drop\n", address(i))
		} else {
			fmt.Fprintf(&s, "\t\tudp dport %d drop\n", port(i))
		}
	}
	s.WriteString("\t}\n}\n")
	return "nft", s.String()
}

// nftSet has one rule and a set, and tracks connections, as the NaCl firewall
// does.
func nftSet(kind string, n int) (tool, text string) {
	elements := make([]string, n)
	for i := range n {
		elements[i] = address(i)
		if kind == "dport" {
			elements[i] = fmt.Sprint(port(i))
		}
	}
	typ, match := "ipv4_addr", "ip saddr @refused drop"
	if kind == "dport" {
		typ, match = "inet_service", "udp dport @refused drop"
	}
	set := fmt.Sprintf("\tset refused { type %s; ", typ)
	if n > 0 {
		set += "elements = { " + strings.Join(elements, ", ") + " } "
	}
	return "nft", "table ip filter {\n" + set + "}\n\tchain forward {\n" +
		"\t\ttype filter hook forward priority 0; policy accept;\n\t\tct state invalid drop\n\t\t" + match + "\n\t}\n}\n"
}
