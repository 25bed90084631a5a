package main

import (
	"cmp"
	"fmt"
	"strings"

	"tender/abi"
)

// say writes a message for the operator: one line, whatever the text has in
// it. A message that cannot be written is lost.
func (s stdio) say(format string, args ...any) {
	text := strings.TrimRight(fmt.Sprintf(format, args...), "\n")
	fmt.Fprintf(s.err, "%s: %s\n", cmp.Or(s.name, "tender"), strings.ReplaceAll(text, "\n", "; "))
}

// fail reports the error and returns the status of a tender that failed.
func (s stdio) fail(err error) int {
	s.say("%v", err)
	return abi.ExitFailure
}

// failText is fail for the output of another program, whose lines are kept.
func (s stdio) failText(what string, err error) int {
	text := strings.TrimRight(err.Error(), "\n")
	if !strings.Contains(text, "\n") {
		return s.fail(err)
	}
	s.say("%s", what)
	fmt.Fprintln(s.err, text)
	return abi.ExitFailure
}

// print writes a result, and returns the exit status.
func (s stdio) print(text string) int {
	if _, err := fmt.Fprint(s.out, text); err != nil {
		return s.fail(fmt.Errorf("cannot write the output: %w", err))
	}
	return 0
}
