package explain

import (
	"fmt"
	"strings"

	"tender/nacl/diag"
	"tender/nacl/interp"
)

// Text is the explanation for people: the lines of the source that decided,
// or with all every line that was executed, and the verdict.
func (e *Explanation) Text(src *diag.Source, all bool) string {
	var b strings.Builder
	for _, s := range e.Stages {
		fmt.Fprintf(&b, "%s: %s\n", s.Title, s.Outcome)
		for _, step := range s.Steps {
			if all || !step.Test || step.True || step.Else {
				fmt.Fprintf(&b, "%s\n", line(src, step))
			}
		}
		if s.To != "" {
			fmt.Fprintf(&b, "        translated: %s becomes %s\n", s.From, s.To)
		}
	}
	b.WriteString(strings.ToUpper(e.Outcome.String()))
	if e.Reason != "" {
		fmt.Fprintf(&b, ": %s", e.Reason)
	}
	b.WriteString("\n")
	return b.String()
}

// line is a step as a line: where, what, and how a condition came out.
func line(src *diag.Source, s interp.Step) string {
	const longest = 90
	number, _ := src.Position(s.At.Start)
	text := strings.Join(strings.Fields(src.Slice(s.At)), " ")
	if r := []rune(text); len(r) > longest {
		text = string(r[:longest-1]) + "…"
	}
	switch {
	case s.Text != "":
		text += fmt.Sprintf("\n        says: %q", s.Text)
	case s.Else:
		text += "    false: else"
	case s.Test && !s.True:
		text += "    false"
	}
	return fmt.Sprintf("%6d: %s", number, text)
}
