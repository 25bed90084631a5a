package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// heading is what the table's page begins with.
const heading = `# The standard library's own tests in a unikernel

Made by ` + "`make test-stdlib`" + `; do not edit. Each package's test binary runs as an image of its own, as ` + "`tender test -short PACKAGE`" + ` does
it. Numbers are top-level tests, examples and fuzz targets with their seeds. What fails or is left out is in
tests/stdlib/exceptions.txt with its reason; the command fails if anything else does, or if any of it passes.

`

// table is the page about all results.
func table(results []*result) []byte {
	var b bytes.Buffer
	b.WriteString(heading)
	var targets []string
	for _, r := range results {
		if !slices.Contains(targets, r.target) {
			targets = append(targets, r.target)
		}
	}
	for _, target := range targets {
		fmt.Fprintf(&b, "## %s\n\n", target)
		writeTarget(&b, slices.DeleteFunc(slices.Clone(results), func(r *result) bool { return r.target != target }))
	}
	return b.Bytes()
}

func writeTarget(b *bytes.Buffer, results []*result) {
	var untested []string
	packages, passes, fails, skips := 0, 0, 0, 0
	for _, r := range results {
		if r.noTests {
			untested = append(untested, r.pkg)
			continue
		}
		packages++
		passes, fails, skips = passes+r.count(passed), fails+r.count(failed), skips+r.count(skipped)
	}
	fmt.Fprintf(b, "%d packages with tests: %d tests passed, %d failed, %d skipped themselves.\n\n", packages, passes, fails, skips)
	b.WriteString("| package | passed | failed | skipped | exceptions |\n| --- | ---: | ---: | ---: | --- |\n")
	for _, r := range results {
		switch {
		case r.noTests:
		case r.omitted != "":
			fmt.Fprintf(b, "| %s | | | | not run: %s |\n", r.pkg, cell(r.omitted))
		case r.broken != "":
			fmt.Fprintf(b, "| %s | %d | %d | %d | **%s** |\n", r.pkg, r.count(passed), r.count(failed), r.count(skipped), cell(r.broken))
		default:
			fmt.Fprintf(b, "| %s | %d | %d | %d | %s |\n", r.pkg, r.count(passed), r.count(failed), r.count(skipped), cell(r.notes()))
		}
	}
	if len(untested) > 0 {
		fmt.Fprintf(b, "\nWithout tests: %s.\n", strings.Join(untested, ", "))
	}
	b.WriteString("\n### Tests that skipped themselves\n\n")
	for _, r := range results {
		for _, name := range r.names(skipped) {
			fmt.Fprintf(b, "- %s %s: %s\n", r.pkg, name, r.tests[name].said)
		}
	}
	b.WriteByte('\n')
}

// notes are the exceptions of the package, tests with the same reason
// together.
func (r *result) notes() string {
	by := map[string][]string{}
	var reasons []string
	for _, e := range r.excepted {
		if by[e.reason] == nil {
			reasons = append(reasons, e.reason)
		}
		by[e.reason] = append(by[e.reason], e.name)
	}
	var notes []string
	for _, reason := range reasons {
		notes = append(notes, strings.Join(by[reason], ", ")+": "+reason)
	}
	return strings.Join(notes, "; ")
}

// cell is a text that a table can hold.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
