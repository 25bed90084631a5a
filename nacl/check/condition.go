package check

import (
	"tender/nacl/program"
	"tender/nacl/syntax"
)

// condition checks a condition of a function; nil if it is wrong.
func (f *body) condition(cond syntax.Cond) program.Cond {
	switch cond := cond.(type) {
	case nil: // it could not be read
		return nil
	case *syntax.Logic:
		l := &program.Logic{Or: cond.Or}
		for _, t := range cond.Terms {
			if t := f.condition(t); t != nil {
				l.Terms = append(l.Terms, t)
			}
		}
		if len(l.Terms) < len(cond.Terms) {
			return nil
		}
		return l
	case *syntax.Negation:
		if t := f.condition(cond.Term); t != nil {
			return &program.Negation{Term: t}
		}
		return nil
	case *syntax.Bare:
		return f.bare(cond)
	}
	compare := cond.(*syntax.Compare)
	if compare.Op == syntax.In {
		return f.member(compare)
	}
	return f.compare(compare)
}

// bare is a value as a condition: true, false, or a number that is not 0.
func (f *body) bare(cond *syntax.Bare) program.Cond {
	at := cond.Value.Place()
	m, ok := f.meaning(cond.Value)
	switch {
	case !ok:
		return nil
	case m.field != program.NoField:
		f.errorf(at, "%s is no condition by itself: compare it with a value", m.field)
		return nil
	}
	if s, ok := f.scalar(m, program.NoField); ok {
		switch s.Shape {
		case program.Truth:
			return &program.Constant{Value: s.Truth}
		case program.Number:
			return &program.Constant{Value: s.Compare(program.Whole(0)) != 0}
		}
	}
	f.errorf(at, "%s is no condition: a comparison, true or false is needed", f.source(at))
	return nil
}

var operators = map[syntax.Kind]program.Op{
	syntax.Equal: program.Equal, syntax.NotEqual: program.NotEqual,
	syntax.Less: program.Less, syntax.LessEqual: program.LessEqual,
	syntax.Greater: program.Greater, syntax.GreaterEqual: program.GreaterEqual,
}

// mirrored are the operators that mean the same if the sides are swapped.
var mirrored = map[program.Op]program.Op{
	program.Equal: program.Equal, program.NotEqual: program.NotEqual,
	program.Less: program.Greater, program.LessEqual: program.GreaterEqual,
	program.Greater: program.Less, program.GreaterEqual: program.LessEqual,
}

var shapeNames = map[program.Shape]string{
	program.Number: "a number", program.Address4: "an IPv4 address", program.Address6: "an IPv6 address",
	program.Truth: "true or false", program.ConnState: "a state of connections",
}

func (f *body) compare(cond *syntax.Compare) program.Cond {
	op := f.source(cond.OpSpan)
	left, ok1 := f.meaning(cond.Left)
	right, ok2 := f.meaning(cond.Right)
	if !ok1 || !ok2 || !f.comparable(left, "on the left") || !f.noSet(left, op) || !f.comparable(right, "on the right") || !f.noSet(right, op) {
		return nil
	}
	l, ok1 := f.operand(left, right.field)
	r, ok2 := f.operand(right, left.field)
	if !ok1 || !ok2 {
		return nil
	}
	c := &program.Compare{Op: operators[cond.Op], Left: l, Right: r}
	switch shape := l.Shape(); {
	case shape != r.Shape():
		f.errorf(left.at.To(right.at), "%s is compared with %s: they can never be equal", shapeNames[shape], shapeNames[r.Shape()])
		return nil
	case (shape == program.Truth || shape == program.ConnState) && c.Op != program.Equal && c.Op != program.NotEqual:
		f.errorf(cond.OpSpan, "%s has no order: only == and != and in make sense", shapeNames[shape])
		return nil
	case l.Field == program.NoField && r.Field == program.NoField:
		return &program.Constant{Value: c.Op.Holds(l.Value, r.Value)}
	case l.Field == program.NoField:
		c.Op, c.Left, c.Right = mirrored[c.Op], r, l
	}
	if c.Right.Field == program.NoField && c.Right.Shape() == program.Number && outside(c) {
		f.errs.Warnf(left.at.To(right.at), "%s is 0 to %d: this comparison is always the same", c.Left.Field, c.Left.Field.Max())
	}
	return c
}

// outside reports a comparison of a field with a number it never has.
func outside(c *program.Compare) bool {
	v := c.Right.Value
	return v.Compare(program.Whole(0)) < 0 || v.Compare(program.Whole(c.Left.Field.Max())) > 0
}

func (f *body) member(cond *syntax.Compare) program.Cond {
	left, ok1 := f.meaning(cond.Left)
	right, ok2 := f.meaning(cond.Right)
	if !ok1 || !ok2 || !f.comparable(left, "on the left") {
		return nil
	}
	if f.isSet(left) {
		f.errorf(left.at, "%s is a set: it can only be on the right of in", f.source(left.at))
		return nil
	}
	l, ok := f.operand(left, program.NoField)
	if !ok || !f.comparable(right, "in a set") {
		return nil
	}
	if !f.isSet(right) {
		f.errorf(right.at, "%s is no set: in needs a range, network, list or object; otherwise it is ==", f.source(right.at))
		return nil
	}
	set, ok := f.flatten(right)
	if !ok {
		return nil
	}
	fields := f.fields(set, l)
	c := &program.Member{Left: l, Set: f.ranges(set, l)}
	if len(c.Set) == 0 && len(fields) == 0 {
		f.errs.Warnf(left.at.To(right.at), "nothing in the set is %s: this is never true", shapeNames[l.Shape()])
	}
	if l.Field == program.NoField {
		return &program.Logic{Or: true, Terms: append(fields, &program.Constant{Value: contains(c.Set, l.Value)})}
	}
	if len(fields) > 0 {
		return &program.Logic{Or: true, Terms: append(fields, c)}
	}
	return c
}

func contains(set []program.Range, s program.Scalar) bool {
	for _, r := range set {
		if r.Low.Compare(s) <= 0 && s.Compare(r.High) <= 0 {
			return true
		}
	}
	return false
}

// fields are comparisons with the fields in a set.
func (f *body) fields(set []member, left program.Operand) []program.Cond {
	var all []program.Cond
	for _, m := range set {
		if m.field == program.NoField || !f.visible(m.field, m.at) || program.Info[m.field].Shape != left.Shape() {
			continue
		}
		all = append(all, &program.Compare{Op: program.Equal, Left: program.Operand{Field: m.field}, Right: left})
	}
	return all
}

// comparable refuses what has no value in a comparison.
func (f *body) comparable(m meaning, where string) bool {
	if m.element != nil {
		what := m.element.typ
		if m.element.function != nil {
			what = "function"
		}
		f.errorf(m.at, "%s is a %s and cannot be compared", m.element.name.Text, what)
		return false
	}
	if _, ok := m.literal.(*syntax.String); ok {
		f.errorf(m.at, "a string cannot be compared, and is %s", where)
		return false
	}
	return true
}

func (f *body) isSet(m meaning) bool {
	switch m.literal.(type) {
	case *syntax.List, *syntax.Object, *syntax.Range, *syntax.Prefix:
		return true
	}
	return m.node != nil
}

func (f *body) noSet(m meaning, op string) bool {
	if f.isSet(m) {
		f.errorf(m.at, "%s is a set: %s does not compare with sets, in does", f.source(m.at), op)
		return false
	}
	return true
}

// operand makes a field or a scalar of a value that is compared with another
// field, or NoField.
func (f *body) operand(m meaning, other program.Field) (program.Operand, bool) {
	if m.field != program.NoField {
		return program.Operand{Field: m.field}, f.visible(m.field, m.at)
	}
	s, ok := f.scalar(m, other)
	return program.Operand{Value: s}, ok
}
