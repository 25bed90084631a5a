package gen

import (
	"fmt"
	"strings"

	"tender/nacl/program"
	"tender/nacl/syntax"
)

// chain is a list of functions at a place that packets pass.
type chain struct {
	// name is that of the Go function, title what it is for people.
	name, title string
	functions   []*program.Function
}

// chainsOf are the chains of an interface, in the order of the way of packets;
// empty ones too.
func chainsOf(i *program.Iface) []chain {
	return []chain{
		{"prerouting_" + i.Name, "prerouting of " + i.Name, i.Prerouting},
		{"input_" + i.Name, "input of " + i.Name, i.Input},
		{"output_" + i.Name, "output of " + i.Name, i.Output},
		{"postrouting_" + i.Name, "postrouting of " + i.Name, i.Postrouting},
	}
}

func forwardOf(w *program.Gateway) chain {
	return chain{"forward_" + w.Name, "forward of " + w.Name, w.Forward}
}

// chains writes a Go function for each chain that has functions.
func (g *generator) chains() {
	for _, i := range g.program.Ifaces {
		for _, c := range chainsOf(i) {
			g.chain(c)
		}
	}
	if w := g.program.Gateway; w != nil {
		g.chain(forwardOf(w))
	}
}

func (g *generator) chain(c chain) {
	if len(c.functions) == 0 {
		return
	}
	fmt.Fprintf(&g.code, "// %s is the chain %s.\nfunc %s(p *packet.Packet) packet.Verdict {\nswitch {\ncase p.State == packet.Invalid:\nreturn packet.Drop\n", c.name, c.title, c.name)
	fmt.Fprintf(&g.code, "case p.IP != nil:\n%s", c.branch(syntax.IP))
	if six := c.branch(syntax.IP6); six != "" {
		fmt.Fprintf(&g.code, "default:\n%s", six)
	}
	g.code.WriteString("}\nreturn packet.Accept\n}\n\n")
}

// branch is the code of a chain for one version of IP.
func (c *chain) branch(version syntax.Protocol) string {
	var out strings.Builder
	filters, judged := false, false
	for _, f := range c.functions {
		filters = filters || !f.Nat
		judged = judged || !f.Nat && f.Protocol == version
	}
	if filters && !judged {
		return fmt.Sprintf("return packet.Drop // no Filter of the chain is a Filter::%s\n", version)
	}
	for _, f := range c.functions {
		test := ""
		switch {
		case f.Protocol == version:
		case f.Nat && version == syntax.IP:
			test = presence[f.Protocol] + " != nil && "
		default:
			continue
		}
		fmt.Fprintf(&out, "if %s%s(p) == ruleset.Drop {\nreturn packet.Drop\n}\n", test, nameInGo(f))
	}
	return out.String()
}
