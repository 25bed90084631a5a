package syntax

// or reads conditions with or between them, which binds least.
func (p *parser) or() Cond { return p.logic(Or, p.and) }

// and reads conditions with and between them.
func (p *parser) and() Cond { return p.logic(And, p.term) }

func (p *parser) logic(k Kind, term func() Cond) Cond {
	first := term()
	if first == nil || !p.is(k) {
		return first
	}
	l := &Logic{Or: k == Or, Terms: []Cond{first}}
	for p.take(k) {
		t := term()
		if t == nil {
			return nil
		}
		l.Terms = append(l.Terms, t)
	}
	return l
}

// term reads a comparison, a value or a parenthesis, negated or not.
func (p *parser) term() Cond {
	negated := false
	for p.take(Not) {
		negated = !negated
	}
	var c Cond
	// A minus makes it a number.
	if p.is(LeftParen) && p.ahead(1) != Minus {
		c = p.parenthesis()
	} else {
		c = p.comparison()
	}
	if negated && c != nil {
		return &Negation{c}
	}
	return c
}

func (p *parser) parenthesis() Cond {
	if !p.enter() {
		return nil
	}
	defer p.leave()
	opened := p.token().Span
	p.next()
	c := p.or()
	if c == nil || !p.closeCondition(opened) {
		return nil
	}
	return c
}

func (p *parser) comparison() Cond {
	left := p.value()
	if left == nil {
		return nil
	}
	op := p.token()
	if op.Kind < Equal || op.Kind > In {
		return &Bare{left}
	}
	p.next()
	right := p.value()
	if right == nil {
		return nil
	}
	return &Compare{Op: op.Kind, OpSpan: op.Span, Left: left, Right: right}
}
