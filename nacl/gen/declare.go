package gen

import (
	"fmt"
	"net"
	"net/netip"
	"path"
	"strings"

	"tender/nacl/program"
)

// Devices are the names of the network devices that a program needs, in the
// order of their indexes; those that are meant by an Ethernet address are the
// last. A device is called after its Iface, without what no manifest takes.
func Devices(p *program.Program) []string {
	var names []string
	taken := map[string]bool{}
	name := func(index int) string {
		for _, i := range p.Ifaces {
			if i.Index == index && i.MAC == "" && i.VLAN == 0 {
				return clean(i.Name)
			}
		}
		return ""
	}
	add := func(n string) {
		if n == "" || taken[n] {
			n = fmt.Sprintf("nic%d", len(names))
		}
		for taken[n] {
			n += "x"
		}
		taken[n] = true
		names = append(names, n)
	}
	last := -1
	for _, i := range p.Ifaces {
		last = max(last, i.Index)
	}
	for index := range last + 1 {
		add(name(index))
	}
	macs := map[string]bool{}
	for _, i := range p.Ifaces {
		if i.MAC != "" && !macs[i.MAC] {
			macs[i.MAC] = true
			add(clean(i.Name))
		}
	}
	return names
}

// clean is a name without _.
func clean(name string) string { return strings.ReplaceAll(name, "_", "") }

// declaration is the Go text of the program's declaration and its main
// function.
func (g *generator) declaration(nics []string) (string, error) {
	p := g.program
	var b strings.Builder
	b.WriteString("func main() { appliance.Main(&program) }\n\n// log is what the rules speak through.\nvar log = journal.New(journal.Config{})\n\n")
	fmt.Fprintf(&b, "// program is the appliance that %s declares.\nvar program = appliance.Program{\nJournal: log,\nNICs: []string{", path.Base(p.Source.Name))
	for _, n := range nics {
		fmt.Fprintf(&b, "%q, ", n)
	}
	b.WriteString("},\n")
	if len(p.Ifaces) == 0 {
		return "", fmt.Errorf("%s declares no Iface: there is nothing to make an image of", p.Source.Name)
	}
	b.WriteString("Ifaces: []appliance.Iface{\n")
	for _, i := range p.Ifaces {
		if i.Index >= len(nics) {
			line, _ := p.Source.Position(i.At.Start)
			return "", fmt.Errorf("%s:%d: Iface %s is network device %d, and the manifest has %d of them", p.Source.Name, line, i.Name, i.Index, len(nics))
		}
		b.WriteString(iface(i))
	}
	b.WriteString("},\n")
	if p.Gateway != nil {
		b.WriteString(g.gateway())
	}
	if p.Conntrack != nil {
		b.WriteString(conntrack(p.Conntrack))
	}
	if s := p.Syslog; s != nil {
		fmt.Fprintf(&b, "Syslog: &appliance.Syslog{Address: %s, Port: %d},\n", address(s.Address.Addr()), s.Address.Port())
	}
	if len(p.Timers) > 0 {
		b.WriteString("Timers: []appliance.Timer{\n")
		for _, t := range p.Timers {
			b.WriteString(timer(t))
		}
		b.WriteString("},\n")
	}
	if len(p.Balancers) > 0 {
		b.WriteString("Balancers: []appliance.Balancer{\n")
		for _, l := range p.Balancers {
			b.WriteString(g.balancer(l))
		}
		b.WriteString("},\n")
	}
	return b.String() + "}\n", nil
}

func iface(i *program.Iface) string {
	var b strings.Builder
	fmt.Fprintf(&b, "{\nName: %q,\n", i.Name)
	if i.MAC != "" {
		mac, _ := net.ParseMAC(i.MAC) // the checker has parsed it
		fmt.Fprintf(&b, "MAC: wire.MAC{%d, %d, %d, %d, %d, %d},\n", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5])
	} else {
		fmt.Fprintf(&b, "NIC: %d,\n", i.Index)
	}
	if i.VLAN != 0 {
		fmt.Fprintf(&b, "VLAN: %d,\n", i.VLAN)
	}
	if i.Config != program.Static {
		fmt.Fprintf(&b, "Mode: appliance.%s,\n", [...]string{"Static", "DHCP", "DHCPWithFallback"}[i.Config])
	}
	if i.Addr.IsValid() {
		fmt.Fprintf(&b, "Address: %s,\n", prefix4(i.Addr))
	}
	if i.Gateway.IsValid() {
		fmt.Fprintf(&b, "Gateway: %s,\n", constant(program.IPSource, keyOf(i.Gateway)))
	}
	if i.Addr6.IsValid() {
		fmt.Fprintf(&b, "Address6: %s,\n", prefix6(i.Addr6))
	}
	if i.Gateway6.IsValid() {
		fmt.Fprintf(&b, "Gateway6: %s,\n", address(i.Gateway6))
	}
	if i.Masquerade {
		b.WriteString("Masquerade: true,\n")
	}
	if i.SendQueueLimit != 0 {
		fmt.Fprintf(&b, "SendQueueLimit: %d,\n", i.SendQueueLimit)
	}
	if i.BufferLimit != 0 {
		fmt.Fprintf(&b, "BufferLimit: %d,\n", i.BufferLimit)
	}
	for n, c := range chainsOf(i) {
		if len(c.functions) > 0 {
			fmt.Fprintf(&b, "%s: []packet.Chain{%s},\n", [...]string{"Prerouting", "Input", "Output", "Postrouting"}[n], c.name)
		}
	}
	return b.String() + "},\n"
}

func prefix4(p netip.Prefix) string {
	return fmt.Sprintf("wire.Prefix4{Addr: %s, Bits: %d}", constant(program.IPSource, keyOf(p.Addr())), p.Bits())
}

func prefix6(p netip.Prefix) string {
	return fmt.Sprintf("wire.Prefix{Addr: %s, Bits: %d}", address(p.Addr()), p.Bits())
}

// address is an address of any family in Go.
func address(a netip.Addr) string {
	if a.Is4() {
		return fmt.Sprintf("wire.From4(%s)", constant(program.IPSource, keyOf(a)))
	}
	k := keyOf(a)
	return fmt.Sprintf("wire.Addr{Hi: 0x%x, Lo: 0x%x} /* %v */", k.hi, k.lo, a)
}
