// Package format writes NaCl in one style: tabs, one space where words and
// operators need one, none elsewhere. Line breaks are the author's where they
// carry sense (between members, behind operators); objects, lists and bodies
// that are on several lines have their braces on lines of their own. Comments
// stay, and at most one empty line in a row. Formatting twice changes nothing.
package format

import (
	"fmt"
	"strings"

	"tender/nacl/diag"
	"tender/nacl/syntax"
)

// File formats a file that was parsed without errors.
func File(f *syntax.File) (string, error) {
	p := &printer{file: f, broken: brokenGroups(f)}
	for i := range f.Tokens {
		p.token(i)
	}
	text := p.out.String()
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	if err := same(f, text); err != nil {
		return "", err
	}
	return text, nil
}

// same makes sure that no program is ever damaged.
func same(f *syntax.File, text string) error {
	src := diag.NewSource(f.Source.Name, text)
	errs := diag.NewList(src)
	g := syntax.Parse(src, errs)
	if errs.Errors() > 0 || len(g.Tokens) != len(f.Tokens) || len(g.Comments) != len(f.Comments) {
		return fmt.Errorf("formatting %s would change its meaning: please report this", f.Source.Name)
	}
	for i, t := range f.Tokens {
		if t.Kind != g.Tokens[i].Kind || f.Source.Slice(t.Span) != src.Slice(g.Tokens[i].Span) {
			line, _ := f.Source.Position(t.Start)
			return fmt.Errorf("formatting %s would change its meaning in line %d: please report this", f.Source.Name, line)
		}
	}
	return nil
}

// brokenGroups tells of each brace and bracket whether it is on several lines.
func brokenGroups(f *syntax.File) []bool {
	broken := make([]bool, len(f.Tokens))
	var open []int
	comment := 0
	breaks := 0
	atOpening := make([]int, len(f.Tokens))
	for i, t := range f.Tokens {
		for ; comment < len(f.Comments) && int(f.Comments[comment].Before) == i; comment++ {
			c := f.Comments[comment]
			if c.Lines > 0 || !c.Block || strings.Contains(f.Source.Slice(c.Span), "\n") {
				breaks++
			}
		}
		if t.Lines > 0 {
			breaks++
		}
		switch t.Kind {
		case syntax.LeftBrace, syntax.LeftBracket, syntax.LeftParen:
			open = append(open, i)
			atOpening[i] = breaks
		case syntax.RightBrace, syntax.RightBracket, syntax.RightParen:
			if n := len(open); n > 0 {
				first := open[n-1]
				open = open[:n-1]
				split := breaks > atOpening[first] && t.Kind != syntax.RightParen
				broken[first], broken[i] = split, split
			}
		}
	}
	return broken
}

// printer writes tokens.
type printer struct {
	file    *syntax.File
	broken  []bool
	out     strings.Builder
	comment int
	// indent counts open broken groups and parentheses.
	indent int
	// braces are the open ones, true for those on several lines.
	braces []bool
	// ended says that the line under way has a line comment and must end.
	ended bool
}

// gap is what is between two tokens.
type gap uint8

const (
	none gap = iota
	space
	// line is a new line, flush with its neighbours; continued is one that
	// goes on with what was begun.
	line
	continued
)

func (p *printer) kind(i int) syntax.Kind {
	if i < 0 {
		return syntax.EOF
	}
	return p.file.Tokens[i].Kind
}

// token writes a token with the comments before it.
func (p *printer) token(i int) {
	t := p.file.Tokens[i]
	g := p.gap(i)
	closing := t.Kind == syntax.RightBrace || t.Kind == syntax.RightBracket || t.Kind == syntax.RightParen
	opened := p.kind(i-1) == syntax.LeftBrace || p.kind(i-1) == syntax.LeftBracket
	blank := t.Lines > 1
	for p.comment < len(p.file.Comments) && int(p.file.Comments[p.comment].Before) == i {
		c := p.file.Comments[p.comment]
		if p.out.Len() == 0 {
			c.Lines = 0
		}
		p.writeComment(c, g, i == 0 && p.out.Len() == 0, opened)
		p.comment++
		opened = false
		if g == none {
			g = space
		}
	}
	if closing && (t.Kind == syntax.RightParen || p.broken[i]) {
		p.indent--
	}
	if t.Kind == syntax.EOF {
		return
	}
	if p.ended && g < line {
		g = continued
	}
	switch {
	case p.out.Len() == 0:
	case g >= line:
		p.newline(g, blank && !closing && !opened)
	case g == space:
		p.out.WriteByte(' ')
	}
	p.out.WriteString(p.file.Source.Slice(t.Span))
	switch n := len(p.braces); {
	case t.Kind == syntax.LeftBrace:
		p.braces = append(p.braces, p.broken[i])
	case t.Kind == syntax.RightBrace && n > 0:
		p.braces = p.braces[:n-1]
	}
	if t.Kind == syntax.LeftParen || (t.Kind == syntax.LeftBrace || t.Kind == syntax.LeftBracket) && p.broken[i] {
		p.indent++
	}
}

// writeComment writes a comment behind what is there, or on a line of its own
// if it has one. g is what the token behind it wants.
func (p *printer) writeComment(c syntax.Comment, g gap, first, opened bool) {
	switch {
	case first:
	case c.Lines > 0 || p.ended:
		if g < line {
			g = continued
		}
		p.newline(g, c.Lines > 1 && !opened)
	default:
		p.out.WriteByte(' ')
	}
	p.out.WriteString(p.file.Source.Slice(c.Span))
	p.ended = !c.Block
}

func (p *printer) newline(g gap, blank bool) {
	p.out.WriteByte('\n')
	if blank {
		p.out.WriteByte('\n')
	}
	indent := p.indent
	if g == continued {
		indent++
	}
	for range indent {
		p.out.WriteByte('\t')
	}
	p.ended = false
}
