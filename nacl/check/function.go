package check

import (
	"slices"
	"strings"

	"tender/nacl/diag"
	"tender/nacl/program"
	"tender/nacl/syntax"
)

// Bounds of what a packet can set going.
const (
	maxCalls = 64
	maxSteps = 1 << 20
)

// body is the work on a body: what holds in it.
type body struct {
	*checker
	// of is the function of the top level, whose Family becomes known on the way.
	of *program.Function
	e  *element
	// head and protocol are those of the innermost function.
	head     string
	protocol syntax.Protocol
}

// mayHold are the protocols of the functions that one can hold and call.
var mayHold = map[syntax.Protocol][]syntax.Protocol{
	syntax.IP:    {syntax.IP, syntax.TCP, syntax.UDP, syntax.ICMP},
	syntax.TCP:   {syntax.IP, syntax.TCP, syntax.IP6},
	syntax.UDP:   {syntax.IP, syntax.UDP, syntax.IP6},
	syntax.ICMP:  {syntax.IP, syntax.ICMP},
	syntax.IP6:   {syntax.IP6, syntax.TCP, syntax.UDP, syntax.ICMP6},
	syntax.ICMP6: {syntax.IP6, syntax.ICMP6},
}

// families are those of the protocols; TCP and UDP are in both.
var families = map[syntax.Protocol]program.Family{
	syntax.IP: program.V4, syntax.ICMP: program.V4, syntax.IP6: program.V6, syntax.ICMP6: program.V6,
}

// function checks a function, those it calls first. The result is there even
// if something is wrong with it.
func (c *checker) function(e *element) *program.Function {
	if e.state == done {
		return e.checked
	}
	d := e.function
	e.state = busy
	defer func() { e.state = done }()
	f := &program.Function{
		Name: e.name.Text, At: d.Head.To(d.Name.Span), Nat: d.Action == syntax.Nat,
		Protocol: d.Protocol, Family: families[d.Protocol],
	}
	e.checked = f
	b := &body{checker: c, of: f, e: e, head: head(d), protocol: d.Protocol}
	switch {
	case d.Action == syntax.Rewrite:
		c.errorf(d.Head, "Rewrite is reserved: no action is possible in it")
		return f
	case f.Nat && f.Family == program.V6:
		c.errorf(d.Head, "there is no %s: only IPv4 addresses are translated", b.head)
		return f
	case f.Nat:
		f.Family = program.V4
	}
	c.calls = append(c.calls, e)
	f.Body = b.statements(d.Body)
	c.calls = c.calls[:len(c.calls)-1]
	return f
}

func head(d *syntax.Function) string { return d.Action.String() + "::" + d.Protocol.String() }

func (b *body) statements(all []syntax.Stmt) []program.Stmt {
	var out []program.Stmt
	for _, s := range all {
		if b.e.steps++; b.e.steps > maxSteps {
			b.errorf(b.of.At, "%s executes more than %d actions for one packet, calls included", b.of.Name, maxSteps)
		}
		if s := b.statement(s); s != nil {
			out = append(out, s)
		}
	}
	return out
}

func (b *body) statement(s syntax.Stmt) program.Stmt {
	switch s := s.(type) {
	case *syntax.Branch:
		cond := b.condition(s.Cond)
		return &program.If{At: s.Head, Cond: cond, Then: b.statements(s.Then), Else: b.statements(s.Else)}
	case *syntax.Function:
		return b.nested(s)
	}
	return b.call(s.(*syntax.Call))
}

// nested checks a block.
func (b *body) nested(d *syntax.Function) program.Stmt {
	if !b.fits(d.Head, d.Action == syntax.Nat, d.Action == syntax.Rewrite, d.Protocol, head(d)) {
		return nil
	}
	inner := *b
	inner.head, inner.protocol = head(d), d.Protocol
	if b.of.Family == program.Both && families[d.Protocol] != program.Both {
		// The block runs for one family only; what it reads says nothing
		// about the function around it.
		of := *b.of
		of.Family = families[d.Protocol]
		inner.of = &of
	}
	return &program.Block{At: d.Head, Protocol: d.Protocol, Body: inner.statements(d.Body)}
}

// fits reports whether a function of a type and protocol can be in this one.
func (b *body) fits(at diag.Span, nat, rewrite bool, protocol syntax.Protocol, name string) bool {
	switch {
	case nat != b.of.Nat || rewrite:
		b.errorf(at, "%s cannot be in a %s: both must be of one type", name, b.head)
	case !slices.Contains(mayHold[b.protocol], protocol):
		var names []string
		for _, p := range mayHold[b.protocol] {
			names = append(names, p.String())
		}
		b.errorf(at, "%s cannot be in a %s, which holds %s", name, b.head, alternatives(names, "and"))
	case families[protocol] != program.Both && b.of.Family != program.Both && families[protocol] != b.of.Family:
		b.errorf(at, "%s cannot be in a function for %s packets", name, familyNames[b.of.Family])
	default:
		return true
	}
	return false
}

var familyNames = map[program.Family]string{program.V4: "IPv4", program.V6: "IPv6"}

// visible reports whether a field can be read here.
func (b *body) visible(field program.Field, at diag.Span) bool {
	info := program.Info[field]
	switch info.Protocol {
	case "ct":
		return true
	case "ip":
		return b.become(program.V4, at, field.String())
	case "ip6":
		return b.become(program.V6, at, field.String())
	}
	if info.Header != b.protocol {
		b.errorf(at, "%s cannot be read in a %s, which reads %s", field, b.head, readable(b.protocol))
		return false
	}
	return true
}

func readable(p syntax.Protocol) string {
	words := []string{strings.ToLower(p.String()), "ip", "ct"}
	switch p {
	case syntax.IP:
		words = words[1:]
	case syntax.IP6:
		words = []string{"ip6", "ct"}
	case syntax.ICMP6:
		words[1] = "ip6"
	}
	return alternatives(words, "and")
}

// become notes that the function is for packets of one family.
func (b *body) become(family program.Family, at diag.Span, what string) bool {
	if b.of.Family == program.Both {
		b.of.Family = family
	}
	if b.of.Family != family {
		b.errorf(at, "%s is in %s packets, and this %s is for %s packets", what, familyNames[family], b.head, familyNames[b.of.Family])
		return false
	}
	return true
}

// callFunction checks a call of another function.
func (b *body) callFunction(s *syntax.Call, e *element) program.Stmt {
	at, d := s.Name.Span, e.function
	if len(s.Args) > 0 {
		b.errorf(s.Args[0].Place(), "%s has no parameters", e.name.Text)
		return nil
	}
	if e.state == busy {
		b.errorf(at, "%s", b.recursion(e))
		return nil
	}
	if len(b.calls) >= maxCalls {
		b.errorf(at, "more than %d functions call each other here", maxCalls)
		return nil
	}
	f := b.function(e)
	if b.e.steps += e.steps; b.e.steps > maxSteps {
		b.errorf(b.of.At, "%s executes more than %d actions for one packet, calls included", b.of.Name, maxSteps)
	}
	if !b.fits(at, d.Action == syntax.Nat, d.Action == syntax.Rewrite, d.Protocol, e.name.Text+", a "+head(d)+",") {
		return nil
	}
	if families[d.Protocol] == program.Both && f.Family != program.Both && !b.become(f.Family, at, "what "+e.name.Text+" reads") {
		return nil
	}
	return &program.Call{At: s.Span, Function: f}
}

// recursion describes the calls that lead back to a function.
func (b *body) recursion(e *element) string {
	if b.e == e {
		return e.name.Text + " calls itself"
	}
	var names []string
	for _, c := range b.calls[slices.Index(b.calls, e)+1:] {
		names = append(names, c.name.Text)
	}
	return e.name.Text + " calls itself through " + alternatives(names, "and")
}
