package syntax

import "tender/nacl/diag"

// body reads the braces of a function or condition and what is in them. It
// goes on behind wrong statements, and returns false if there were any; nil
// with false is no body at all.
func (p *parser) body() ([]Stmt, bool) {
	opened := p.token().Span
	if !p.is(LeftBrace) {
		p.expected("{")
		return nil, false
	}
	p.mark(Body)
	p.next()
	if p.is(RightBrace) {
		p.errorf(opened.To(p.token().Span), "these braces are empty: at least one action is needed")
		p.next()
		return []Stmt{}, false
	}
	all, good := []Stmt{}, true
	for !p.is(RightBrace) && !p.is(EOF) && !p.errs.Full() && !p.elementAhead() {
		start := p.at
		p.mark(Item)
		if s := p.statement(); s != nil {
			all = append(all, s)
			continue
		}
		good = false
		p.skipStatement(start)
	}
	return all, p.close(RightBrace, opened) && good
}

// statement reads one element of a body; nil is an error.
func (p *parser) statement() Stmt {
	switch {
	case p.is(If):
		if s := p.condition(); s != nil {
			return s
		}
	case p.functionAhead():
		if f, ok := p.function(); ok {
			return f
		}
	case p.is(Ident):
		if s := p.call(); s != nil {
			return s
		}
	default:
		p.expected("an action, a function, if or }")
	}
	return nil
}

func (p *parser) call() *Call {
	c := &Call{Span: p.token().Span, Name: p.word()}
	opened := p.token().Span
	if !p.take(LeftParen) {
		switch p.kind() {
		case Colon, Dot, Comma:
			p.errorf(p.token().Span, "%s cannot follow an action: constants and objects are outside of functions", p.found())
			return nil
		}
		return c
	}
	c.Parens = true
	if p.take(RightParen) {
		c.Span = c.To(p.last())
		return c
	}
	for {
		v := p.value()
		if v == nil {
			return nil
		}
		c.Args = append(c.Args, v)
		if !p.take(Comma) {
			break
		}
	}
	if !p.close(RightParen, opened) {
		return nil
	}
	c.Span = c.To(p.last())
	return c
}

// condition reads an if with its bodies.
func (p *parser) condition() *Branch {
	if !p.enter() {
		return nil
	}
	defer p.leave()
	s := &Branch{Head: p.token().Span}
	p.next()
	opened := p.token().Span
	if !p.need(LeftParen, "( after if") {
		return nil
	}
	if s.Cond = p.or(); s.Cond == nil || !p.closeCondition(opened) {
		if s.Cond = nil; !p.skipCondition() {
			return nil
		}
	}
	s.Head = s.Head.To(p.last())
	if s.Then, _ = p.body(); s.Then == nil {
		return nil
	}
	if p.take(Else) {
		if p.is(If) {
			p.errorf(p.last().To(p.token().Span), "there is no else if: put the if into the braces of else { … }")
			p.condition()
		} else if s.Else, _ = p.body(); s.Else == nil {
			return nil
		}
	}
	return s
}

// skipCondition goes behind a wrong condition, to the brace of the body; false
// if there seems to be none.
func (p *parser) skipCondition() bool {
	for ; !p.is(EOF) && !p.is(RightBrace); p.next() {
		if p.is(LeftBrace) {
			return true
		}
		if t := p.token(); t.Lines > 0 && (t.Kind == Ident || t.Kind == If) {
			return false
		}
	}
	return false
}

func (p *parser) closeCondition(opened diag.Span) bool {
	if k := p.kind(); Equal <= k && k <= In {
		p.errorf(p.token().Span, "%s compares two values, and there is none before it", p.found())
		return false
	}
	return p.close(RightParen, opened)
}

// skipStatement goes behind the statement that began with the token number
// start: to the next line or the closing brace on its level.
func (p *parser) skipStatement(start int) {
	open := 0
	for i := start; i < p.at; i++ {
		open += nesting(p.tokens[i].Kind)
	}
	for ; !p.is(EOF); p.next() {
		t := p.token()
		begins := p.at > start && t.Lines > 0 && (t.Kind == Ident || t.Kind == If)
		if open <= 0 && (begins || t.Kind == RightBrace) || p.elementAhead() {
			return
		}
		open += nesting(t.Kind)
	}
}
