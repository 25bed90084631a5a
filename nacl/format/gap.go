package format

import "tender/nacl/syntax"

// gap is what belongs before a token.
func (p *printer) gap(i int) gap {
	t, before := p.file.Tokens[i], p.kind(i-1)
	switch {
	case i == 0, t.Kind == syntax.EOF:
		return line
	case t.Role == syntax.Item:
		if p.inline() {
			return space
		}
		return line
	case before == syntax.LeftBrace || before == syntax.LeftBracket:
		if p.broken[i-1] {
			return line
		}
	case t.Kind == syntax.RightBrace || t.Kind == syntax.RightBracket:
		if p.broken[i] {
			return line
		}
	case before == syntax.Comma && t.Lines > 0:
		return line
	case p.afterOperator(i) && (t.Lines > 0 || p.file.Tokens[i-1].Lines > 0):
		return line
	}
	if p.tight(i) {
		return none
	}
	return space
}

// afterOperator reports that the token before is and or or.
func (p *printer) afterOperator(i int) bool {
	return p.kind(i-1) == syntax.And || p.kind(i-1) == syntax.Or
}

// inline reports that the innermost braces are on one line.
func (p *printer) inline() bool {
	n := len(p.braces)
	return n > 0 && !p.braces[n-1]
}

// tight reports that there is nothing between a token and the one before.
func (p *printer) tight(i int) bool {
	t, b := p.file.Tokens[i], p.file.Tokens[i-1]
	switch b.Kind {
	case syntax.LeftParen, syntax.LeftBracket, syntax.Dot, syntax.Slash:
		return true
	case syntax.Minus:
		return b.Role == syntax.Sign
	case syntax.Not:
		return p.file.Source.Text[b.Start] == '!'
	case syntax.Colon:
		if b.Role == syntax.Scope || b.Role == syntax.Zero {
			return true // the second colon
		}
		if i > 1 && p.file.Tokens[i-2].Role == syntax.Scope {
			return true
		}
	}
	switch t.Kind {
	case syntax.RightParen, syntax.RightBracket, syntax.Comma, syntax.Dot, syntax.Slash:
		return true
	case syntax.Colon:
		return t.Role != syntax.Zero
	case syntax.LeftParen:
		return b.Kind == syntax.Ident
	}
	return false
}
