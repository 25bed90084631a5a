package syntax

import (
	"strings"

	"tender/nacl/diag"
)

// value reads any value; nil is an error.
func (p *parser) value() Value {
	switch p.kind() {
	case LeftBrace:
		if o := p.object(); o != nil {
			return o
		}
	case LeftBracket:
		if l := p.list(); l != nil {
			return l
		}
	case True, False:
		b := &Bool{p.token().Span, p.is(True)}
		p.next()
		return b
	case Text:
		s := &String{p.token().Span, unquote(p.text())}
		p.next()
		return s
	case Ident:
		if p.ahead(1) == Colon { // of the next key or declaration
			p.expected("a value")
			return nil
		}
		if n := p.name(); n != nil {
			return n
		}
	case Number, Addr6, LeftParen, Colon:
		return p.numeric()
	default:
		p.expected("a value")
	}
	return nil
}

// name reads words with dots between them.
func (p *parser) name() *Name {
	n := &Name{Words: []Word{p.word()}}
	for p.take(Dot) {
		// A reserved word may be a member: it cannot mean anything else.
		if k := p.kind(); k != Ident && k < In {
			p.expected("a name after the dot")
			return nil
		}
		n.Words = append(n.Words, p.word())
	}
	return n
}

func (p *parser) list() *List {
	if !p.enter() {
		return nil
	}
	defer p.leave()
	opened := p.token().Span
	p.next()
	if p.is(RightBracket) {
		p.errorf(opened.To(p.token().Span), "the list is empty: at least one value is needed")
		return nil
	}
	l := &List{}
	for {
		v := p.value()
		if v == nil {
			return nil
		}
		l.Items = append(l.Items, v)
		if !p.take(Comma) {
			break
		}
		if p.trailing(RightBracket) {
			return nil
		}
	}
	if !p.close(RightBracket, opened) {
		return nil
	}
	l.Span = opened.To(p.last())
	return l
}

// object reads an object. It goes on behind wrong members.
func (p *parser) object() *Object {
	if !p.enter() {
		return nil
	}
	defer p.leave()
	opened := p.token().Span
	p.next()
	if p.is(RightBrace) {
		p.errorf(opened.To(p.token().Span), "the object is empty: at least one member is needed")
		return nil
	}
	o, good := &Object{}, true
	for {
		if pair, ok := p.pair(); ok {
			o.Pairs = append(o.Pairs, pair)
		} else {
			good = false
			p.skipPair()
		}
		if !p.take(Comma) {
			break
		}
		if p.trailing(RightBrace) {
			good = false
			break
		}
	}
	if !p.close(RightBrace, opened) || !good {
		return nil
	}
	o.Span = opened.To(p.last())
	return o
}

func (p *parser) pair() (Pair, bool) {
	if !p.is(Ident) {
		p.expected("a key")
		return Pair{}, false
	}
	key := p.word()
	if p.is(Dot) {
		p.errorf(p.token().Span, "a key is one name: nest objects, or assign %s.… outside", key.Text)
		return Pair{}, false
	}
	if !p.need(Colon, ": after the key "+key.Text) {
		return Pair{}, false
	}
	v := p.value()
	return Pair{key, v}, v != nil
}

// trailing reports a comma before a closing brace or bracket.
func (p *parser) trailing(closing Kind) bool {
	if !p.is(closing) {
		return false
	}
	p.errorf(p.last(), "a comma before %s: the last value has none behind it", p.text())
	return true
}

// skipPair goes to the comma or brace behind a wrong member.
func (p *parser) skipPair() {
	open := 0
	for ; !p.is(EOF) && !p.elementAhead(); p.next() {
		k := p.kind()
		if open <= 0 && (k == Comma || k == RightBrace) {
			return
		}
		open += nesting(k)
	}
}

// unquote is the content of a string token, comments left out.
func unquote(text string) string {
	text = strings.TrimSuffix(strings.TrimPrefix(text, `"`), `"`)
	var b strings.Builder
	for len(text) > 0 {
		size, _ := commentLen(text)
		switch {
		case size > 0:
			text = text[size:]
		case strings.HasPrefix(text, `\n`):
			b.WriteByte('\n')
			text = text[2:]
		default:
			b.WriteByte(text[0])
			text = text[1:]
		}
	}
	return b.String()
}

// spanFrom is from the start of one token to the end of the last one taken.
func (p *parser) spanFrom(start int32) diag.Span { return diag.Span{Start: start, End: p.last().End} }
