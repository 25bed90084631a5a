package syntax

import (
	"fmt"
	"strings"

	"tender/nacl/diag"
)

// maxDepth bounds how deep values, conditions and bodies may be nested.
const maxDepth = 100

// parser makes a tree of tokens. A method that returns false or nil has
// reported an error, and left the tokens where it met it.
type parser struct {
	src    *diag.Source
	tokens []Token
	at     int
	depth  int
	errs   *diag.List
	// wrong are the offsets at which errors were reported.
	wrong map[int32]bool
	// unclosed says that the end of the text was reported inside a brace.
	unclosed bool
}

// Parse reads a source; errs gets what is wrong with it.
func Parse(src *diag.Source, errs *diag.List) *File {
	f := &File{Source: src}
	f.Tokens, f.Comments = scan(src, errs)
	p := &parser{src: src, tokens: f.Tokens, errs: errs, wrong: map[int32]bool{}}
	for p.kind() != EOF && !errs.Full() {
		p.depth = 0
		start := p.at
		p.mark(Item)
		d, ok := p.declaration()
		if !ok {
			p.skipDeclaration(start)
		}
		if d != nil {
			f.Decls = append(f.Decls, d)
		}
	}
	return f
}

func (p *parser) token() *Token    { return &p.tokens[p.at] }
func (p *parser) kind() Kind       { return p.tokens[p.at].Kind }
func (p *parser) ahead(n int) Kind { return p.tokens[min(p.at+n, len(p.tokens)-1)].Kind }
func (p *parser) is(k Kind) bool   { return p.kind() == k }
func (p *parser) mark(r Role)      { p.tokens[p.at].Role = r }
func (p *parser) text() string     { return p.src.Slice(p.token().Span) }

// next goes on by a token, but not beyond the end.
func (p *parser) next() { p.at = min(p.at+1, len(p.tokens)-1) }

// last is the place of the token before.
func (p *parser) last() diag.Span { return p.tokens[max(p.at-1, 0)].Span }

// word takes the identifier under way.
func (p *parser) word() Word {
	w := Word{p.token().Span, p.text()}
	p.next()
	return w
}

// take goes on if the token is of the kind.
func (p *parser) take(k Kind) bool {
	if !p.is(k) {
		return false
	}
	p.next()
	return true
}

// errorf reports an error. Of several at the same place the first is kept: the
// others follow from it.
func (p *parser) errorf(at diag.Span, format string, args ...any) {
	if !p.wrong[at.Start] {
		p.wrong[at.Start] = true
		p.errs.Errorf(at, format, args...)
	}
}

// found is the token under way, for messages.
func (p *parser) found() string {
	switch p.kind() {
	case EOF:
		return "the end of the file"
	case Text:
		return "a string"
	}
	return quoteSome(p.text())
}

// expected reports that something else should be here.
func (p *parser) expected(what string) {
	p.errorf(p.token().Span, "%s expected, found %s", what, p.found())
}

func (p *parser) need(k Kind, what string) bool {
	if p.take(k) {
		return true
	}
	p.expected(what)
	return false
}

// close takes the closing brace, bracket or parenthesis of one that was opened.
func (p *parser) close(k Kind, opened diag.Span) bool {
	if p.take(k) {
		return true
	}
	p.notClosed(opened, map[Kind]string{RightBrace: "}", RightBracket: "]", RightParen: ")"}[k])
	return false
}

func (p *parser) notClosed(opened diag.Span, closing string) {
	if p.is(EOF) {
		// The innermost one that is open is the one to tell about.
		if !p.unclosed {
			p.errorf(opened, "this %s is not closed: the file ends before %s", p.src.Slice(opened), closing)
		}
		p.unclosed = true
		return
	}
	line, _ := p.src.Position(opened.Start)
	p.expected(fmt.Sprintf("%s for the %s of line %d", closing, p.src.Slice(opened), line))
}

// enter bounds the nesting; each enter that returns true is followed by leave.
func (p *parser) enter() bool {
	if p.depth >= maxDepth {
		p.errorf(p.token().Span, "more than %d braces, brackets and parentheses are open here", maxDepth)
		return false
	}
	p.depth++
	return true
}

func (p *parser) leave() { p.depth-- }

// declaration reads one of them; nil with true is a number, which means
// nothing. With false there may be a *Broken.
func (p *parser) declaration() (Decl, bool) {
	switch p.kind() {
	case Number:
		start := p.token().Span
		for p.take(Number) {
		}
		p.errs.Warnf(start.To(p.last()), "a number by itself means nothing here")
		return nil, true
	case Ident:
	case RightBrace, RightBracket, RightParen:
		p.errorf(p.token().Span, "nothing is open that this %s could close", p.found())
		return nil, false
	default:
		p.expected("a declaration such as NAME: VALUE, Iface NAME { … } or Filter::IP NAME { … }")
		return nil, false
	}
	switch {
	case p.functionAhead():
		f, ok := p.function()
		if !ok {
			return &Broken{f.Name}, false
		}
		return f, true
	case p.ahead(1) == Colon, p.ahead(1) == Dot:
		name := p.name()
		if name == nil || !p.need(Colon, ": after a name") {
			return nil, false
		}
		if v := p.value(); v != nil {
			return &Untyped{name, v}, true
		}
		return &Broken{name.Words[0]}, false
	case p.ahead(1) == Ident:
		typ, name := p.word(), p.word()
		if p.is(Colon) {
			p.errorf(p.token().Span, "no : between the name and the value of an element with a type")
			return &Broken{name}, false
		}
		if v := p.value(); v != nil {
			return &Typed{typ, name, v}, true
		}
		return &Broken{name}, false
	}
	w := p.word()
	if p.is(LeftBrace) || p.is(LeftBracket) {
		p.errorf(w.Span, "the name is missing: %s NAME, or NAME: for a constant", w.Text)
		return nil, false
	}
	p.expected(fmt.Sprintf("a name or : after %s", w.Text))
	return nil, false
}

// functionAhead reports TYPE::, other than a constant that is the address ::.
func (p *parser) functionAhead() bool {
	return p.is(Ident) && p.ahead(1) == Colon && p.ahead(2) == Colon && p.ahead(3) != Colon
}

// function reads a function, or a block in one. With false it is not to be
// used, but for its name.
func (p *parser) function() (*Function, bool) {
	f := &Function{Broken: true}
	if !p.enter() {
		return f, false
	}
	defer p.leave()
	typ := p.word()
	p.mark(Scope)
	p.next()
	p.next()
	if !p.is(Ident) {
		p.expected("IP, TCP, UDP, ICMP, IP6 or ICMP6")
		return f, false
	}
	sub := p.word()
	f.Head = typ.To(sub.Span)
	action, ok1 := lookup(actionNames[:], typ.Text)
	protocol, ok2 := lookup(protocolNames[:], sub.Text)
	f.Action, f.Protocol = Action(action), Protocol(protocol)
	switch {
	case !ok1:
		p.errorf(typ.Span, "there is no type of functions called %s: Filter or Nat", typ.Text)
	case !ok2:
		p.errorf(sub.Span, "there is no subtype called %s: IP, TCP, UDP, ICMP, IP6 or ICMP6", sub.Text)
	}
	if p.is(Ident) {
		f.Name = p.word()
	}
	body, good := p.body()
	f.Body, f.Broken = body, !good
	return f, ok1 && ok2 && body != nil
}

// lookup finds a name in a list, whatever its case.
func lookup(names []string, text string) (int, bool) {
	for i, n := range names {
		if strings.EqualFold(n, text) {
			return i, true
		}
	}
	return 0, false
}

// skipDeclaration goes to where the next declaration seems to begin, behind
// the token number start.
func (p *parser) skipDeclaration(start int) {
	open := 0
	for i := start; i < p.at; i++ {
		open += nesting(p.tokens[i].Kind)
	}
	for ; !p.is(EOF); p.next() {
		t := p.token()
		if p.at > start && t.Kind == Ident && t.Lines > 0 && (open <= 0 || p.elementAhead()) {
			return
		}
		open += nesting(t.Kind)
	}
}

// nesting is what a token adds to the number of open braces. Brackets and
// parentheses do not count: a brace that closes ends them.
func nesting(k Kind) int {
	switch k {
	case LeftBrace:
		return 1
	case RightBrace:
		return -1
	}
	return 0
}

// elementAhead reports TYPE NAME { or TYPE NAME [ at the start of a line: a
// declaration, whatever seems to be open. Here a brace was forgotten.
func (p *parser) elementAhead() bool {
	t := p.token()
	return t.Kind == Ident && p.ahead(1) == Ident && (p.ahead(2) == LeftBrace || p.ahead(2) == LeftBracket) &&
		(t.Start == 0 || p.src.Text[t.Start-1] == '\n')
}
