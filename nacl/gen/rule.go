package gen

import (
	"tender/nacl/diag"
	"tender/nacl/program"
	"tender/nacl/syntax"
)

// rule is a statement or a body that is executed if a condition holds. A body
// of statements is the same as a list of rules: conditions only look at the
// packet, and nothing changes it before a verdict.
type rule struct {
	when cond
	// body is what is done; one statement that is no If and no Block, or any
	// number of rules.
	do    program.Stmt
	rules []rule
	at    diag.Span
}

// present is the condition that a packet has the header of a protocol.
type present struct{ protocol syntax.Protocol }

func (*present) isCond() {}

// presence are the headers in Go.
var presence = map[syntax.Protocol]string{
	syntax.IP: "p.IP", syntax.IP6: "p.IP6", syntax.TCP: "p.TCP", syntax.UDP: "p.UDP", syntax.ICMP: "p.ICMP", syntax.ICMP6: "p.ICMP6",
}

// rulesOf makes rules of statements. known are the protocols whose header the
// packet surely has. What cannot be reached is left out.
func rulesOf(body []program.Stmt, known []syntax.Protocol) []rule {
	var all []rule
	for _, s := range body {
		switch s := s.(type) {
		case *program.If:
			then := rule{when: lower(s.Cond), rules: rulesOf(s.Then, known), at: s.At}
			all = addRule(all, then)
			if len(s.Else) > 0 {
				other := rule{when: negate(then.when), rules: rulesOf(s.Else, known), at: s.At}
				if then.final() { // who comes here has not met the condition
					other.when = truth(true)
				}
				all = addRule(all, other)
			}
		case *program.Block:
			all = addRule(all, presentRule(s.Protocol, known, s.At, func(known []syntax.Protocol) []rule { return rulesOf(s.Body, known) }))
		case *program.Call:
			all = addRule(all, presentRule(s.Function.Protocol, known, s.At, func([]syntax.Protocol) []rule {
				return []rule{{when: truth(true), do: s, at: s.At}}
			}))
		default:
			all = addRule(all, rule{when: truth(true), do: s, at: s.Place()})
		}
		if n := len(all); n > 0 && all[n-1].when == truth(true) && all[n-1].final() {
			break
		}
	}
	return all
}

// presentRule is a rule for packets of a protocol.
func presentRule(p syntax.Protocol, known []syntax.Protocol, at diag.Span, body func([]syntax.Protocol) []rule) rule {
	for _, k := range known {
		if k == p {
			return rule{when: truth(true), rules: body(known), at: at}
		}
	}
	return rule{when: &present{p}, rules: body(append(known[:len(known):len(known)], p)), at: at}
}

// addRule appends a rule, in a simpler form if there is one.
func addRule(all []rule, r rule) []rule {
	if r.when == truth(false) || r.do == nil && len(r.rules) == 0 {
		return all
	}
	if r.do == nil && r.when == truth(true) {
		return append(all, r.rules...)
	}
	// Conditions one in the other are one.
	for r.do == nil && len(r.rules) == 1 {
		inner := r.rules[0]
		if !mayJoin(r.when) || !mayJoin(inner.when) {
			break
		}
		r.when, r.do, r.rules = join(false, []cond{r.when, inner.when}), inner.do, inner.rules
	}
	if r.when == truth(false) {
		return all
	}
	// Blocks of one protocol one behind the other are one.
	if n := len(all); n > 0 && r.do == nil && all[n-1].do == nil {
		a, ok1 := all[n-1].when.(*present)
		b, ok2 := r.when.(*present)
		if ok1 && ok2 && a.protocol == b.protocol {
			all[n-1].rules = append(all[n-1].rules, r.rules...)
			return all
		}
	}
	return append(all, r)
}

// mayJoin reports that a condition does not guard others: what is behind a
// header must not be read before it is known to be there.
func mayJoin(c cond) bool {
	_, guard := c.(*present)
	return !guard
}

// final reports that the rule always comes to a verdict where it holds.
func (r *rule) final() bool {
	switch r.do.(type) {
	case *program.Verdict, *program.Translate:
		return true
	}
	for i := range r.rules {
		if r.rules[i].when == truth(true) && r.rules[i].final() {
			return true
		}
	}
	return false
}

// on is the part of the condition that is about one field alone, and the rest;
// ok is false if there is no such part.
func (r *rule) on(f program.Field) (in set, rest cond, ok bool) {
	switch c := r.when.(type) {
	case *test:
		if c.field == f {
			return c.in, truth(true), true
		}
	case *logic:
		if c.or {
			break
		}
		for i, t := range c.terms {
			if t, ok := t.(*test); ok && t.field == f {
				others := append(append([]cond(nil), c.terms[:i]...), c.terms[i+1:]...)
				return t.in, join(false, others), true
			}
		}
	}
	return nil, nil, false
}

// fields are those that the condition has parts about.
func (r *rule) fields() []program.Field {
	var all []program.Field
	switch c := r.when.(type) {
	case *test:
		all = append(all, c.field)
	case *logic:
		if c.or {
			break
		}
		for _, t := range c.terms {
			if t, ok := t.(*test); ok {
				all = append(all, t.field)
			}
		}
	}
	return all
}
