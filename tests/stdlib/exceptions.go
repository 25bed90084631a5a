package main

import (
	_ "embed"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

//go:embed exceptions.txt
var exceptionsText string

// whole stands for all tests of a package.
const whole = "*"

// exception is what is known not to work.
type exception struct {
	// omit leaves the test out, as it would end or hang the whole binary, or
	// come out now this way and now that; any other is run and must fail.
	omit   bool
	reason string
}

// exceptions are by target, "" for all of them, package and test.
type exceptions struct {
	tests map[[3]string]exception
	// files are paths that a package's tests need besides those which every
	// package's find.
	files map[string][]string
}

// readExceptions reads lines of the forms
//
//	fail|omit[:TARGET] PACKAGE TEST REASON…
//	files PACKAGE PATH…
func readExceptions(goroot string) (exceptions, error) {
	all := exceptions{map[[3]string]exception{}, map[string][]string{}}
	n := 0
	for line := range strings.Lines(exceptionsText) {
		n++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if fields[0] == "files" && len(fields) > 2 {
			for _, f := range fields[2:] {
				if !filepath.IsAbs(f) {
					f = filepath.Join(goroot, f)
				}
				all.files[fields[1]] = append(all.files[fields[1]], f)
			}
			continue
		}
		if len(fields) < 4 {
			return all, fmt.Errorf("exceptions.txt:%d: not a verb, a package, a test and a reason", n)
		}
		verb, target, _ := strings.Cut(fields[0], ":")
		key := [3]string{target, fields[1], fields[2]}
		switch {
		case verb != "fail" && verb != "omit":
			return all, fmt.Errorf("exceptions.txt:%d: %s is neither fail nor omit", n, verb)
		case verb == "fail" && fields[2] == whole:
			return all, fmt.Errorf("exceptions.txt:%d: only omit is for whole packages", n)
		case all.tests[key] != exception{}:
			return all, fmt.Errorf("exceptions.txt:%d: %s %s is there twice", n, fields[1], fields[2])
		}
		all.tests[key] = exception{verb == "omit", strings.Join(fields[3:], " ")}
	}
	return all, nil
}

// expected are the exceptions of a package's tests.
type expected map[string]exception

// of are those of a package under a target.
func (all exceptions) of(target, pkg string) expected {
	found := expected{}
	for key, e := range all.tests {
		if key[1] == pkg && (key[0] == "" || key[0] == target) {
			found[key[2]] = e
		}
	}
	return found
}

// skipPattern matches the tests to leave out.
func (e expected) skipPattern() string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(e)) {
		if e[name].omit {
			names = append(names, regexp.QuoteMeta(name))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "^(" + strings.Join(names, "|") + ")$"
}

// excepted is a test that is an exception, and why.
type excepted struct{ name, reason string }

// compare notes what differs from what is expected.
func (r *result) compare(e expected) {
	wrong := func(format string, args ...any) { r.problems = append(r.problems, fmt.Sprintf(format, args...)) }
	if r.broken != "" {
		wrong("%s", r.broken)
	}
	for _, name := range r.names(failed) {
		if _, ok := e[name]; !ok {
			wrong("%s fails: %s", name, r.tests[name].said)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e)) {
		r.excepted = append(r.excepted, excepted{name, e[name].reason})
		if t, ran := r.tests[name]; !e[name].omit && r.broken == "" && t.end != failed {
			if !ran {
				t.end = "not there"
			}
			wrong("%s is expected to fail, and is %s", name, t.end)
		}
	}
}
