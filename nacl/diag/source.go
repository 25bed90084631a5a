// Package diag has what the NaCl compiler says to people and editors: where,
// what is wrong, and the line it is about.
package diag

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// Span is a piece of a source: the bytes from Start up to End.
type Span struct{ Start, End int32 }

// To is the span from the start of s to the end of t.
func (s Span) To(t Span) Span { return Span{s.Start, max(s.End, t.End)} }

// Source is a text with a name, as it was read. It is for one goroutine.
type Source struct {
	Name string
	Text string
	// lines are the offsets at which lines begin.
	lines []int32
	// counted is a place whose column is known, so that many positions in one
	// long line are not counted from its start.
	counted struct{ line, column, offset int }
}

// MaxBytes is the longest text a Source can have; offsets are 32-bit numbers.
const MaxBytes = 1 << 30

// NewSource indexes a text. What is beyond MaxBytes is cut off.
func NewSource(name, text string) *Source {
	text = text[:min(len(text), MaxBytes)]
	s := &Source{Name: name, Text: text, lines: make([]int32, 1, 1+strings.Count(text, "\n"))}
	for i := range len(text) {
		if text[i] == '\n' {
			s.lines = append(s.lines, int32(i+1))
		}
	}
	return s
}

// Position is the line and the column of an offset. Both begin at 1; columns
// count characters, and bytes where the text is no UTF-8.
func (s *Source) Position(offset int32) (line, column int) {
	offset = min(max(offset, 0), int32(len(s.Text)))
	line = sort.Search(len(s.lines), func(i int) bool { return s.lines[i] > offset })
	c := &s.counted
	if c.line != line || c.offset > int(offset) {
		c.line, c.column, c.offset = line, 1, int(s.lines[line-1])
	}
	c.column += utf8.RuneCountInString(s.Text[c.offset:offset])
	c.offset = int(offset)
	return line, c.column
}

// Slice is the text of a span.
func (s *Source) Slice(p Span) string { return s.Text[p.Start:p.End] }

// line is a line without its end, and the offset it begins at.
func (s *Source) line(number int) (text string, start int32) {
	start = s.lines[number-1]
	end := int32(len(s.Text))
	if number < len(s.lines) {
		end = s.lines[number] - 1
	}
	return strings.TrimSuffix(s.Text[start:end], "\r"), start
}
