package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Ends of a test.
const (
	passed  = "PASS"
	failed  = "FAIL"
	skipped = "SKIP"
	// unfinished is a test that the whole binary ended in.
	unfinished = "END"
)

// test is how a top-level test, example or fuzz target ended.
type test struct {
	end string
	// said is the last it logged: of one that was skipped, why.
	said string
}

// result is what happened to a package.
type result struct {
	target, pkg string
	took        time.Duration
	omitted     string // why it was not tested, "" if it was
	noTests     bool
	tests       map[string]test
	broken      string // what ended the whole binary, or kept it from being built
	excepted    []excepted
	problems    []string
}

// count is how many tests ended that way.
func (r *result) count(end string) int {
	n := 0
	for _, t := range r.tests {
		if t.end == end {
			n++
		}
	}
	return n
}

// names are those of tests that ended that way, in order.
func (r *result) names(end string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(r.tests)) {
		if r.tests[name].end == end {
			names = append(names, name)
		}
	}
	return names
}

// String is one line about the result.
func (r *result) String() string {
	head := fmt.Sprintf("%s %-32s", r.target, r.pkg)
	switch {
	case r.omitted != "":
		return head + " not run: " + r.omitted
	case r.noTests:
		return head + " no tests"
	case r.broken != "":
		return head + " " + r.broken
	}
	return fmt.Sprintf("%s %4d passed %3d failed %3d skipped %6.1fs", head, r.count(passed), r.count(failed), r.count(skipped), r.took.Seconds())
}

var (
	// framing is a line about a test; the testing package marks it, when asked
	// to, so that nothing a test prints looks like it.
	framing = regexp.MustCompile(`\x16(?:=== (RUN|NAME|CONT|PAUSE) +|--- (PASS|FAIL|SKIP): )([^ \n]*)`)
	logged  = regexp.MustCompile(`^ +[^ ]+\.go:\d+: (.*)`)
)

// parse reads the report of tender test about one package; ok is what its exit
// status says.
func (r *result) parse(report string, ok bool) {
	current := ""
	said := map[string]string{}
	for line := range strings.Lines(report) {
		if m := framing.FindStringSubmatch(line); m != nil {
			name, _, sub := strings.Cut(m[3], "/")
			switch {
			case m[2] == "":
				current = m[3]
				if m[1] == "RUN" && !sub {
					r.tests[name] = test{end: unfinished}
				}
			case !sub:
				r.tests[name] = test{m[2], said[name]}
			}
		} else if m := logged.FindStringSubmatch(line); m != nil {
			said[current] = m[1]
		}
	}
	body, _, tested := strings.Cut(report, "\nFAIL\t"+r.pkg+"\t")
	switch {
	case ok:
		r.noTests = strings.HasPrefix(report, "?   \t")
	case !tested:
		r.broken = "not built: " + cause(report)
	case !strings.Contains(body, "\n\x16FAIL\n") || !strings.HasSuffix(body, "\nexit status 1"):
		r.broken = "ended before its time: " + cause(body)
		if names := r.names(unfinished); len(names) > 0 {
			r.broken = fmt.Sprintf("ended in %s: %s", strings.Join(names, ", "), cause(body))
		}
	}
}

// causes begin lines that say what went wrong with a whole binary, those that
// say more first.
var causes = []string{"fatal error: ", "panic: ", "tender: ", "the guest ", "runtime: ", "exit status "}

// cause is the line that says what went wrong with a whole binary: one of
// causes, or else the first.
func cause(report string) string {
	for _, start := range causes {
		if at := strings.LastIndex("\n"+report, "\n"+start); at >= 0 {
			line, _, _ := strings.Cut(report[at:], "\n")
			return line
		}
	}
	for line := range strings.Lines(report) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
			return line
		}
	}
	return "no output"
}
