package nacl

import (
	"fmt"
	"strings"

	"tender/guest/net/wire"
)

// sides are the Ifaces of an appliance, and the ports of a Linux router.
var sides = [2]string{"outside", "inside"}

// What is translated becomes something that is not there without translation,
// so that two connections never become one: then whoever translates has to
// find another port, and may take any.
const (
	otherHost = 100  // is added to an address
	otherPort = 2000 // is added to a port
)

// translations writes a Nat for each chain of an Iface that may have one.
func (w *lawyer) translations() {
	for side, iface := range sides {
		fmt.Fprintf(&w.nacl, "Nat::IP to_%s {\n", sides[1-side])
		fmt.Fprintf(&w.nft, "chain pre_%s {\ntype nat hook prerouting priority -100; policy accept;\n", iface)
		w.translate("dnat", "daddr", "dport", networks[1-side], fmt.Sprintf("iifname %q", iface))
		fmt.Fprintf(&w.nacl, "}\nNat::IP from_%s {\n", sides[1-side])
		fmt.Fprintf(&w.nft, "}\nchain post_%s {\ntype nat hook postrouting priority 100; policy accept;\n", iface)
		w.translate("snat", "saddr", "sport", networks[1-side], fmt.Sprintf("oifname %q", iface))
		w.nacl.WriteString("}\n")
		w.nft.WriteString("}\n")
		fmt.Fprintf(&w.nacl, "%s.prerouting: to_%s\n%[1]s.postrouting: from_%[2]s\n", iface, sides[1-side])
	}
}

// translate writes some rules that translate the address or port of one end, of
// hosts in a network.
func (w *lawyer) translate(action, address, port string, network wire.Addr4, device string) {
	values := questionPorts
	if port == "sport" {
		values = clientPorts
	}
	for range 2 + w.IntN(8) {
		host := network + wire.Addr4(1+w.IntN(hosts))
		number := values[w.IntN(len(values))]
		protocol := w.pick("tcp", "udp", "icmp")
		condition, linux := fmt.Sprintf("ip.%s == %v", address, host), fmt.Sprintf("ip %s %v", address, host)
		ours, theirs := fmt.Sprint(host+otherHost), fmt.Sprint(host+otherHost)
		if protocol != "icmp" {
			of := fmt.Sprintf("%s.%s == %d", protocol, port, number)
			switch w.IntN(4) {
			case 0: // the port of any host
				condition, linux = of, ""
				ours, theirs = fmt.Sprint(number+otherPort), fmt.Sprintf(":%d", number+otherPort)
			case 1:
				condition += " and " + of
				ours, theirs = fmt.Sprintf("%v, %d", host+otherHost, number+otherPort), fmt.Sprintf("%v:%d", host+otherHost, number+otherPort)
			case 2:
				condition += " and " + of
			}
			if strings.Contains(condition, of) {
				linux += fmt.Sprintf(" %s %s %d", protocol, port, number)
			}
		}
		fmt.Fprintf(&w.nacl, "\tNat::%s { if (%s) { %s(%s) } }\n", strings.ToUpper(protocol), condition, action, ours)
		fmt.Fprintf(&w.nft, "%s meta l4proto %s %s %s to %s\n", device, protocol, linux, action, theirs)
	}
}
