// Package interp runs the functions of a checked program on packets, statement by
// statement, as the language describes it: the reference that compiled programs
// are compared with, and what explains a verdict to people. It is slow and
// shares no code with the generator.
package interp

import (
	"strings"

	"tender/nacl/diag"
	"tender/nacl/program"
	"tender/nacl/syntax"
)

// Outcome is what a function came to.
type Outcome uint8

// Outcomes.
const (
	// Open is no verdict: the function's end was reached.
	Open Outcome = iota
	Accept
	Drop
)

// String is the outcome as a word.
func (o Outcome) String() string { return [...]string{"no verdict", "accept", "drop"}[o] }

// Result is what one or more functions did with a packet.
type Result struct {
	Outcome Outcome
	// Translations are those asked for, in their order.
	Translations []*program.Translate
	Lines        []Line
	Steps        []Step
}

// Line is what log or syslog said.
type Line struct {
	Severity program.Severity
	Text     string
}

// Step is a statement that was executed.
type Step struct {
	At diag.Span
	// Test says that the statement is a condition or block, True whether its
	// body was executed, and Else whether another one was.
	Test, True, Else bool
	// Text is what a log said.
	Text string
}

// run is a function at work.
type run struct {
	packet *Packet
	Result
}

// Call runs a function on a packet, which is not changed.
func Call(f *program.Function, p *Packet) Result {
	r := run{packet: p}
	switch {
	case p.State == program.Invalid:
		r.Outcome = Drop
	case p.Has(f.Protocol) && (f.Family == program.Both || byte(f.Family) == p.version()):
		r.body(f.Body)
	}
	return r.Result
}

// Chain runs the functions of a chain until one drops. Translations of a packet
// that begins a connection are done at once, in the packet. Where a chain has
// Filters and none is for the packet's version of IP, the packet is dropped.
func Chain(chain []*program.Function, p *Packet) Result {
	out := Result{Outcome: Accept}
	if p.State == program.Invalid || !judges(chain, p) {
		out.Outcome = Drop
		return out
	}
	for _, f := range chain {
		r := Call(f, p)
		out.Translations = append(out.Translations, r.Translations...)
		out.Lines = append(out.Lines, r.Lines...)
		out.Steps = append(out.Steps, r.Steps...)
		if r.Outcome == Drop {
			out.Outcome = Drop
			return out
		}
		for _, t := range r.Translations {
			p.Translate(t)
		}
	}
	return out
}

// judges reports that a chain has no Filters, or one for the packet.
func judges(chain []*program.Function, p *Packet) bool {
	filters := false
	for _, f := range chain {
		if !f.Nat && p.Has(f.Protocol) {
			return true
		}
		filters = filters || !f.Nat
	}
	return !filters
}

// body runs statements until there is a verdict.
func (r *run) body(all []program.Stmt) {
	for _, s := range all {
		if r.Outcome != Open {
			return
		}
		r.statement(s)
	}
}

func (r *run) statement(s program.Stmt) {
	step := Step{At: s.Place()}
	switch s := s.(type) {
	case *program.Verdict:
		r.Steps = append(r.Steps, step)
		if r.Outcome = Drop; s.Accept {
			r.Outcome = Accept
		}
	case *program.Translate:
		r.Steps = append(r.Steps, step)
		r.Translations = append(r.Translations, s)
		r.Outcome = Accept
	case *program.Log:
		step.Text = r.text(s)
		r.Steps = append(r.Steps, step)
		r.Lines = append(r.Lines, Line{s.Severity, step.Text})
	case *program.Call:
		if r.packet.Has(s.Function.Protocol) {
			r.Steps = append(r.Steps, step)
			r.body(s.Function.Body)
		}
	case *program.Block:
		step.Test, step.True = true, r.packet.Has(s.Protocol)
		r.Steps = append(r.Steps, step)
		if step.True {
			r.body(s.Body)
		}
	case *program.If:
		step.Test, step.True = true, r.holds(s.Cond)
		step.Else = !step.True && s.Else != nil
		r.Steps = append(r.Steps, step)
		if step.True {
			r.body(s.Then)
		} else {
			r.body(s.Else)
		}
	}
}

func (r *run) text(l *program.Log) string {
	var b strings.Builder
	for _, part := range l.Parts {
		if part.Field == program.NoField {
			b.WriteString(part.Text)
			continue
		}
		b.WriteString(r.packet.field(part.Field).String())
	}
	return b.String()
}

// holds evaluates a condition.
func (r *run) holds(c program.Cond) bool {
	switch c := c.(type) {
	case *program.Logic:
		for _, t := range c.Terms {
			if r.holds(t) == c.Or {
				return c.Or
			}
		}
		return !c.Or
	case *program.Negation:
		return !r.holds(c.Term)
	case *program.Constant:
		return c.Value
	case *program.Compare:
		return c.Op.Holds(r.operand(c.Left), r.operand(c.Right))
	}
	m := c.(*program.Member)
	v := r.operand(m.Left)
	for _, s := range m.Set {
		if s.Low.Compare(v) <= 0 && v.Compare(s.High) <= 0 {
			return true
		}
	}
	return false
}

func (r *run) operand(o program.Operand) program.Scalar {
	if o.Field == program.NoField {
		return o.Value
	}
	return r.packet.field(o.Field)
}

// family is the protocol of a version of IP.
func family(version byte) syntax.Protocol {
	if version == 6 {
		return syntax.IP6
	}
	return syntax.IP
}
