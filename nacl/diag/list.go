package diag

import (
	"cmp"
	"fmt"
	"slices"
)

// Severity says whether a program is refused.
type Severity string

// Severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Diagnostic is one thing to say about a source. Its JSON form is what
// editors read.
type Diagnostic struct {
	File string `json:"file"`
	// Line and Column begin at 1; Length is in characters, at least 1, and
	// does not go beyond the line.
	Line     int      `json:"line"`
	Column   int      `json:"column"`
	Length   int      `json:"length"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`

	source *Source
	span   Span
}

// MaxListed bounds the diagnostics a list keeps; what exceeds it is counted.
const MaxListed = 500

// List collects diagnostics about one source. It is for one goroutine.
type List struct {
	source   *Source
	all      []Diagnostic
	said     map[saying]bool
	errors   int
	unlisted int
}

// saying is what was said where, which is not said twice.
type saying struct {
	at      Span
	message string
}

// NewList makes an empty list.
func NewList(s *Source) *List { return &List{source: s, said: map[saying]bool{}} }

// Errorf adds an error, unless it was said about the same place before.
func (l *List) Errorf(at Span, format string, args ...any) {
	if l.add(Error, at, format, args...) {
		l.errors++
	}
}

// Warnf adds a warning: the program means something, but hardly what its author
// wanted.
func (l *List) Warnf(at Span, format string, args ...any) { l.add(Warning, at, format, args...) }

func (l *List) add(severity Severity, at Span, format string, args ...any) bool {
	said := saying{at, fmt.Sprintf(format, args...)}
	if l.said[said] {
		return false
	}
	if len(l.all) >= MaxListed {
		l.unlisted++
		return true
	}
	l.said[said] = true
	line, column := l.source.Position(at.Start)
	text, start := l.source.line(line)
	end := max(min(at.End, start+int32(len(text))), at.Start)
	_, last := l.source.Position(end)
	l.all = append(l.all, Diagnostic{
		File: l.source.Name, Line: line, Column: column, Length: max(1, last-column),
		Severity: severity, Message: said.message,
		source: l.source, span: at,
	})
	return true
}

// Errors is the number of errors, those that are not kept included.
func (l *List) Errors() int { return l.errors }

// Full reports that further diagnostics would only be counted: a stage that
// reads the whole source may stop.
func (l *List) Full() bool { return len(l.all) >= MaxListed }

// All returns the diagnostics in the order of the source.
func (l *List) All() []Diagnostic {
	all := slices.Clone(l.all)
	slices.SortStableFunc(all, func(a, b Diagnostic) int { return cmp.Compare(a.span.Start, b.span.Start) })
	return all
}

// Unlisted is the number of diagnostics that were not kept.
func (l *List) Unlisted() int { return l.unlisted }
