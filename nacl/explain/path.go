// Package explain says what a program does with a packet, and why: which
// functions it meets on its way, which of their lines decide, and what becomes
// of it.
package explain

import (
	"fmt"
	"net/netip"
	"slices"

	"tender/nacl/interp"
	"tender/nacl/program"
)

// Explanation is what becomes of a packet.
type Explanation struct {
	// Outcome is interp.Accept or interp.Drop, and Open if a function that was
	// asked for by name came to no verdict.
	Outcome interp.Outcome
	Reason  string
	Stages  []Stage
}

// Stage is a chain that the packet met.
type Stage struct {
	// Title says which, for people.
	Title string
	interp.Result
	// From and To are what the packet was before and after a translation,
	// empty if there was none.
	From, To string
}

// Packet explains what the program does with a packet, in the form of Syntax.
func Packet(p *program.Program, text string) (*Explanation, error) {
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	packet, err := d.packet()
	if err != nil {
		return nil, err
	}
	w := &way{program: p, packet: packet, description: d}
	if d.iface != "" {
		if w.in = w.iface(d.iface); w.in == nil {
			return nil, fmt.Errorf("the program has no Iface %s", d.iface)
		}
	}
	w.walk()
	return &w.Explanation, nil
}

// Function explains what a function of the program does with a packet.
func Function(p *program.Program, name, text string) (*Explanation, error) {
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	packet, err := d.packet()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(p.Functions, func(f *program.Function) bool { return f.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("the program has no function %s", name)
	}
	r := interp.Call(p.Functions[i], packet)
	e := &Explanation{Outcome: r.Outcome, Stages: []Stage{{Title: "function " + name, Result: r}}}
	switch {
	case r.Outcome == interp.Open && p.Functions[i].Nat:
		e.Outcome, e.Reason = interp.Accept, "the function's end was reached: a Nat accepts"
	case r.Outcome == interp.Open:
		e.Reason = "the function's end was reached"
	}
	return e, nil
}

// way is the way of a packet through the program.
type way struct {
	program     *program.Program
	packet      *interp.Packet
	description *description
	in          *program.Iface
	Explanation
}

func (w *way) iface(name string) *program.Iface {
	for _, i := range w.program.Ifaces {
		if i.Name == name {
			return i
		}
	}
	return nil
}

func (w *way) end(o interp.Outcome, reason string, args ...any) {
	w.Outcome, w.Reason = o, fmt.Sprintf(reason, args...)
}

// walk goes the way of doc.go of the packet engine: prerouting, then input or
// forward and postrouting.
func (w *way) walk() {
	if w.packet.State == program.Invalid {
		w.end(interp.Drop, "connection tracking finds the packet invalid")
		return
	}
	if from := w.owner(w.description.source); from != nil && w.in == nil {
		out := w.route(w.description.target)
		if w.chain("output of "+from.Name, from.Output) && (out == nil || w.chain("postrouting of "+out.Name, out.Postrouting)) {
			w.end(interp.Accept, "it is sent by the appliance itself")
		}
		return
	}
	if w.in == nil {
		w.in = w.route(w.description.source)
	}
	if w.in == nil {
		w.end(interp.Drop, "no Iface leads to the source %v: say where the packet comes in with iface NAME", w.description.source)
		return
	}
	if !w.chain("prerouting of "+w.in.Name, w.in.Prerouting) {
		return
	}
	target := w.target()
	if to := w.owner(target); to != nil {
		if w.chain("input of "+w.in.Name, w.in.Input) {
			w.end(interp.Accept, "it is for the appliance itself, address %v of %s", target, to.Name)
		}
		return
	}
	w.forward(target)
}

func (w *way) forward(target netip.Addr) {
	out := w.route(target)
	if out == nil {
		w.end(interp.Drop, "there is no route to %v", target)
		return
	}
	if g := w.program.Gateway; g != nil && !w.chain("forward of "+g.Name, g.Forward) {
		return
	}
	if !w.chain("postrouting of "+out.Name, out.Postrouting) {
		return
	}
	if w.program.Gateway == nil && !w.translated() && !out.Masquerade && w.packet.State == program.New {
		w.end(interp.Drop, "without a Gateway only what is translated is forwarded")
		return
	}
	if out.Masquerade {
		w.end(interp.Accept, "it is forwarded, out of %s, and has the address of %s from there on", out.Name, out.Name)
		return
	}
	w.end(interp.Accept, "it is forwarded, out of %s", out.Name)
}

func (w *way) translated() bool {
	return slices.ContainsFunc(w.Stages, func(s Stage) bool { return len(s.Translations) > 0 })
}

// chain runs a chain, and reports whether the packet goes on.
func (w *way) chain(title string, chain []*program.Function) bool {
	if len(chain) == 0 {
		return true
	}
	s := Stage{Title: title, From: w.ends()}
	s.Result = interp.Chain(chain, w.packet)
	if s.To = w.ends(); s.From == s.To {
		s.From, s.To = "", ""
	}
	w.Stages = append(w.Stages, s)
	if s.Outcome == interp.Drop {
		reason := "by " + title
		if len(s.Steps) == 0 {
			reason = "the " + title + " has no Filter for this version of IP"
		}
		w.end(interp.Drop, "%s", reason)
		return false
	}
	return true
}

// ends are source and destination as they are now.
func (w *way) ends() string {
	p := w.packet
	source, target := p.Field(program.IPSource)+p.Field(program.IP6Source), p.Field(program.IPDestination)+p.Field(program.IP6Destination)
	sport, dport := p.Field(program.TCPSourcePort)+p.Field(program.UDPSourcePort), p.Field(program.TCPDestinationPort)+p.Field(program.UDPDestinationPort)
	if sport == "" {
		return source + " > " + target
	}
	if w.description.source.Is4() {
		return source + ":" + sport + " > " + target + ":" + dport
	}
	return "[" + source + "]:" + sport + " > [" + target + "]:" + dport
}

// target is the destination as it is now.
func (w *way) target() netip.Addr {
	a, err := netip.ParseAddr(w.packet.Field(program.IPDestination) + w.packet.Field(program.IP6Destination))
	if err != nil {
		return w.description.target
	}
	return a
}

// owner is the Iface that has an address.
func (w *way) owner(a netip.Addr) *program.Iface {
	for _, i := range w.program.Ifaces {
		if i.Addr.IsValid() && i.Addr.Addr() == a || i.Addr6.IsValid() && i.Addr6.Addr() == a {
			return i
		}
	}
	return nil
}

// route is the Iface that leads to an address: that of the longest prefix, and
// among equals the cheapest.
func (w *way) route(a netip.Addr) *program.Iface {
	var best *program.Iface
	bits, cost := -1, 0
	offer := func(i *program.Iface, p netip.Prefix, c int) {
		if p.IsValid() && p.Contains(a) && (p.Bits() > bits || p.Bits() == bits && c < cost) {
			best, bits, cost = i, p.Bits(), c
		}
	}
	for _, i := range w.program.Ifaces {
		offer(i, i.Addr, -1)
		offer(i, i.Addr6, -1)
	}
	if g := w.program.Gateway; g != nil {
		for _, r := range g.Routes {
			offer(r.Iface, r.Prefix, r.Cost)
		}
		return best
	}
	for _, i := range w.program.Ifaces {
		if i.Gateway.IsValid() {
			offer(i, netip.PrefixFrom(netip.IPv4Unspecified(), 0), 1)
		}
		if i.Gateway6.IsValid() {
			offer(i, netip.PrefixFrom(netip.IPv6Unspecified(), 0), 1)
		}
	}
	return best
}
