package diag

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// String is the diagnostic in one line: FILE:LINE:COLUMN: SEVERITY: MESSAGE.
func (d Diagnostic) String() string {
	return fmt.Sprintf("%s:%d:%d: %s: %s", d.File, d.Line, d.Column, d.Severity, d.Message)
}

// maxExcerpt is how many characters of a line are shown.
const maxExcerpt = 140

// Text is the diagnostic in three lines: String, the line of the source, and
// carets below the place. Control characters of the source are not written.
func (d Diagnostic) Text() string {
	text, start := d.source.line(d.Line)
	before, rest := text[:min(int(d.span.Start-start), len(text))], text[min(int(d.span.Start-start), len(text)):]
	if n := utf8.RuneCountInString(before); n > maxExcerpt/2 {
		before = "…" + lastRunes(before, maxExcerpt/2)
	}
	shown := firstRunes(rest, maxExcerpt/2)
	if len(shown) < len(rest) {
		shown += "…"
	}
	length := min(d.Length, max(1, utf8.RuneCountInString(shown)))
	indent := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, before)
	return fmt.Sprintf("%v\n    %s\n    %s^%s\n", d, printable(before+shown), indent, strings.Repeat("~", length-1))
}

// Text is all diagnostics, with their source lines, and a last line if there
// are some it has not kept.
func (l *List) Text() string {
	var b strings.Builder
	for _, d := range l.All() {
		b.WriteString(d.Text())
	}
	if l.unlisted > 0 {
		fmt.Fprintf(&b, "%s: %d more\n", l.source.Name, l.unlisted)
	}
	return b.String()
}

// printable replaces what could move a terminal's cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, s)
}

func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

func lastRunes(s string, n int) string {
	i := len(s)
	for ; n > 0 && i > 0; n-- {
		_, size := utf8.DecodeLastRuneInString(s[:i])
		i -= size
	}
	return s[i:]
}
