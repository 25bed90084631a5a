package gen

import (
	"slices"

	"tender/nacl/program"
)

// cond is a condition in the form the generator works on: *test, *logic,
// *negation, *pair or truth.
type cond interface{ isCond() }

// test is true if the field has a value of the set, which is neither empty
// nor everything.
type test struct {
	field program.Field
	in    set
}

// logic is true if all terms are, or with or if one is; it has two or more.
type logic struct {
	or    bool
	terms []cond
}

// negation is not; its term is a pair.
type negation struct{ term cond }

// pair compares two fields.
type pair struct {
	op          program.Op
	left, right program.Field
}

// truth is a condition that is the same for all packets.
type truth bool

func (*test) isCond()     {}
func (*logic) isCond()    {}
func (*negation) isCond() {}
func (*pair) isCond()     {}
func (truth) isCond()     {}

// lower brings a condition into this form. What is said about one field in one
// and or or becomes a single test.
func lower(c program.Cond) cond {
	switch c := c.(type) {
	case *program.Constant:
		return truth(c.Value)
	case *program.Negation:
		return negate(lower(c.Term))
	case *program.Compare:
		if c.Right.Field != program.NoField {
			if c.Left.Field == program.NoField { // a constant in [field]
				return testOf(c.Right.Field, compared(c.Right.Field, c.Op, c.Left.Value))
			}
			return &pair{c.Op, c.Left.Field, c.Right.Field}
		}
		return testOf(c.Left.Field, compared(c.Left.Field, c.Op, c.Right.Value))
	case *program.Member:
		var all set
		for _, r := range c.Set {
			all = append(all, values(c.Left.Field, r.Low, r.High)...)
		}
		return testOf(c.Left.Field, union(all, nil))
	}
	l := c.(*program.Logic)
	terms := make([]cond, len(l.Terms))
	for i, t := range l.Terms {
		terms[i] = lower(t)
	}
	return join(l.Or, terms)
}

// testOf is a test, or a truth if all values or none are in the set.
func testOf(f program.Field, s set) cond {
	switch {
	case len(s) == 0:
		return truth(false)
	case s[0] == everything(f)[0]:
		return truth(true)
	}
	return &test{f, s}
}

// join makes a logic of terms, or something simpler that means the same.
func join(or bool, terms []cond) cond {
	terms = flatten(or, terms)
	var out []cond
	sets, place := map[program.Field][]set{}, map[program.Field]int{}
	for _, t := range terms {
		switch t := t.(type) {
		case truth:
			if bool(t) == or {
				return t
			}
			continue
		case *test:
			sets[t.field] = append(sets[t.field], t.in)
			if len(sets[t.field]) > 1 {
				continue
			}
			place[t.field] = len(out)
		}
		out = append(out, t)
	}
	for f, all := range sets {
		out[place[f]] = testOf(f, combine(or, all))
	}
	kept := out[:0]
	for _, t := range out {
		if known, ok := t.(truth); !ok {
			kept = append(kept, t)
		} else if bool(known) == or {
			return known
		}
	}
	switch len(kept) {
	case 0:
		return truth(!or)
	case 1:
		return kept[0]
	}
	return &logic{or, kept}
}

// flatten puts the terms of terms of the same kind in their place.
func flatten(or bool, terms []cond) []cond {
	var out []cond
	for _, t := range terms {
		if l, ok := t.(*logic); ok && l.or == or {
			out = append(out, l.terms...)
		} else {
			out = append(out, t)
		}
	}
	return out
}

func combine(or bool, all []set) set {
	if or {
		return union(slices.Concat(all...), nil)
	}
	s := all[0]
	for _, t := range all[1:] {
		s = intersection(s, t)
	}
	return s
}

// negate is not, moved inwards to where it costs nothing.
func negate(c cond) cond {
	switch c := c.(type) {
	case truth:
		return !c
	case *test:
		return &test{c.field, c.in.not(c.field)}
	case *negation:
		return c.term
	case *logic:
		terms := make([]cond, len(c.terms))
		for i, t := range c.terms {
			terms[i] = negate(t)
		}
		return join(!c.or, terms)
	}
	return &negation{c}
}
