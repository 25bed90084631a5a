package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
)

// report follows the console and prints as go test does: a line per suite,
// skipped tests with their reason, and of a suite that failed all it said.
type report struct {
	out                   io.Writer
	wanted, ended, failed int
	broken                []string
	suite                 string
	started               time.Time
	said                  strings.Builder
	test                  string // that runs
	reasons               map[string]string
}

// read goes on to the end of the console, whatever is in it.
func (r *report) read(console io.Reader) {
	in := bufio.NewReader(console)
	for {
		line, err := in.ReadString('\n')
		if line != "" {
			r.line(strings.TrimRight(line, "\r\n"))
		}
		if err != nil {
			return
		}
	}
}

func (r *report) line(line string) {
	if _, note, ok := strings.Cut(line, "@@ "); ok {
		r.note(strings.Fields(note))
		return
	}
	if r.suite == "" {
		return
	}
	words := strings.Fields(line)
	switch {
	case strings.HasPrefix(line, "=== ") && len(words) == 3:
		r.test = words[2]
		return
	case len(words) > 2 && words[0] == "---" && words[1] == "PASS:":
		return
	case len(words) > 2 && words[0] == "---" && words[1] == "SKIP:":
		fmt.Fprintf(r.out, "SKIP %s: %s\n", words[2], r.reasons[words[2]])
		return
	case len(words) > 1 && strings.HasPrefix(line, " ") && strings.Contains(words[0], "_test.go:"):
		r.reasons[r.test] = strings.Join(words[1:], " ")
	}
	fmt.Fprintln(&r.said, line)
}

// note takes what init.sh says.
func (r *report) note(words []string) {
	switch {
	case len(words) == 2 && words[0] == "start":
		r.suite, r.started, r.reasons = words[1], time.Now(), map[string]string{}
		r.said.Reset()
	case len(words) == 3 && words[0] == "end" && words[1] == r.suite:
		took := time.Since(r.started).Seconds()
		r.ended++
		if words[2] == "0" {
			fmt.Fprintf(r.out, "ok  \t%s on AMD SVM\t%.1fs\n", r.suite, took)
		} else {
			r.failed++
			fmt.Fprintf(r.out, "%sFAIL\t%s on AMD SVM\t%.1fs\n", r.said.String(), r.suite, took)
		}
		r.suite = ""
	case len(words) > 1 && words[0] == "broken:":
		r.broken = append(r.broken, strings.Join(words[1:], " "))
	}
}

// interrupted prints what is known of a suite that did not end.
func (r *report) interrupted() {
	if r.suite != "" {
		fmt.Fprintf(r.out, "%sFAIL\t%s on AMD SVM: did not end, in %s\n", r.said.String(), r.suite, r.test)
	}
}

func (r *report) result() error {
	switch {
	case len(r.broken) > 0:
		return fmt.Errorf("the machine: %s", strings.Join(r.broken, ", "))
	case r.failed > 0:
		return fmt.Errorf("%d of %d suites failed", r.failed, r.wanted)
	case r.ended < r.wanted:
		r.interrupted()
		return fmt.Errorf("the machine ended after %d of %d suites", r.ended, r.wanted)
	}
	return nil
}
