package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	shared "tender/tests/rig/suite"
)

// slice is the packages that go test tries, by target: what programs lean on
// most, and what is quick. make test-stdlib tries all.
var slice = map[string][]string{
	"hvt": {"bytes", "container/heap", "container/list", "container/ring", "crypto/sha256", "encoding/binary", "encoding/json",
		"errors", "fmt", "maps", "math/big", "net/netip", "regexp", "slices", "sort", "strconv", "strings", "sync/atomic", "unicode/utf8"},
	"spt": {"bytes", "errors", "fmt", "sort", "sync/atomic"},
}

func TestSlice(t *testing.T) {
	tender := filepath.Join(t.TempDir(), "tender")
	if err := shared.Command("tender/cmd/tender")(tender); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"hvt", "spt"} {
		t.Run(target, func(t *testing.T) {
			if target == "hvt" {
				shared.NeedKVM(t)
			}
			all, err := readTestExceptions(t)
			if err != nil {
				t.Fatal(err)
			}
			s := suite{tender: tender, targets: []string{target}, atOnce: runtime.NumCPU(), limit: 5 * time.Minute, exceptions: all}
			s.run(t.Context(), slice[target], func(r *result) {
				t.Log(r)
				for _, problem := range r.problems {
					t.Errorf("%s: %s", r.pkg, problem)
				}
				if r.broken == "" && r.count(passed) == 0 {
					t.Errorf("%s: no test has passed", r.pkg)
				}
			})
		})
	}
}

func readTestExceptions(t *testing.T) (exceptions, error) {
	t.Helper()
	root, err := goroot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return readExceptions(root)
}

// reported is a report in which ^ is the testing package's mark.
func reported(text string) string { return strings.ReplaceAll(text, "^", "\x16") }

func TestParse(t *testing.T) {
	const both = "^=== RUN   TestA\n^--- PASS: TestA (0.00s)\n^=== RUN   TestB\n    b_test.go:7: no fork here\n^--- SKIP: TestB (0.00s)\n"
	for _, c := range []struct {
		what, report string
		ok           bool
		want         result
	}{
		{"all well", both + "^PASS\nok  \tp\t0.1s\n", true,
			result{tests: map[string]test{"TestA": {passed, ""}, "TestB": {skipped, "no fork here"}}}},
		{"subtests", "^=== RUN   TestA\n^=== RUN   TestA/x\n    a_test.go:1: said x\n^=== NAME  TestA\n    a_test.go:2: said it\n^--- FAIL: TestA (0.00s)\n^    --- FAIL: TestA/x (0.00s)\n^FAIL\nexit status 1\nFAIL\tp\t0.1s\nFAIL\n", false,
			result{tests: map[string]test{"TestA": {failed, "said it"}}}},
		{"a test prints a verdict", "^=== RUN   TestA\n--- FAIL: TestB (0.00s)\nFAIL\n^--- PASS: TestA (0.00s)\n^PASS\nok  \tp\t0.1s\n", true,
			result{tests: map[string]test{"TestA": {passed, ""}}}},
		{"none", "?   \tp\t[no test files]\n", true, result{tests: map[string]test{}, noTests: true}},
		{"not built", "# p\nx.go:1:2: no such thing\nFAIL\tp [build failed]\nFAIL\n", false,
			result{tests: map[string]test{}, broken: "not built: x.go:1:2: no such thing"}},
		{"panic", both + "^=== RUN   TestC\npanic: oops\n\ngoroutine 1 [running]:\nexit status 2\nFAIL\tp\t0.1s\nFAIL\n", false,
			result{tests: map[string]test{"TestA": {passed, ""}, "TestB": {skipped, "no fork here"}, "TestC": {unfinished, ""}}, broken: "ended in TestC: panic: oops"}},
		{"hang", "^=== RUN   TestC\nthe guest hangs: it was ended after 1m\nFAIL\tp\t60s\nFAIL\n", false,
			result{tests: map[string]test{"TestC": {unfinished, ""}}, broken: "ended in TestC: the guest hangs: it was ended after 1m"}},
		{"panic after all", both + "panic: late\nexit status 2\nFAIL\tp\t0.1s\n", false,
			result{tests: map[string]test{"TestA": {passed, ""}, "TestB": {skipped, "no fork here"}}, broken: "ended before its time: panic: late"}},
	} {
		got := result{pkg: "p", tests: map[string]test{}}
		got.parse(reported(c.report), c.ok)
		c.want.pkg = "p"
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n%+v\nwant\n%+v", c.what, got, c.want)
		}
	}
}

func TestCompare(t *testing.T) {
	tests := map[string]test{"TestA": {passed, ""}, "TestB": {failed, "why"}, "TestC": {skipped, ""}}
	for _, c := range []struct {
		what string
		e    expected
		want string
	}{
		{"unexpected failure", nil, "[TestB fails: why]"},
		{"expected failure", expected{"TestB": {reason: "r"}}, "[]"},
		{"unexpected pass", expected{"TestA": {reason: "r"}, "TestB": {reason: "r"}}, "[TestA is expected to fail, and is PASS]"},
		{"gone", expected{"TestB": {reason: "r"}, "TestD": {reason: "r"}}, "[TestD is expected to fail, and is not there]"},
		{"left out", expected{"TestB": {reason: "r"}, "TestD": {omit: true, reason: "r"}}, "[]"},
	} {
		r := result{tests: tests}
		r.compare(c.e)
		if got := fmt.Sprint(r.problems); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

// The file is well-formed, and names packages that there are.
func TestExceptions(t *testing.T) {
	all, err := readTestExceptions(t)
	if err != nil {
		t.Fatal(err)
	}
	std, err := list(t.Context(), []string{"std"})
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, p := range std {
		have[p] = true
	}
	for key := range all.tests {
		if !have[key[1]] {
			t.Errorf("there is no package %s", key[1])
		}
	}
	for pkg, files := range all.files {
		for _, f := range files {
			if _, err := os.Stat(f); err != nil || !have[pkg] {
				t.Errorf("files of %s: %v", pkg, err)
			}
		}
	}
	e := expected{"TestB": {omit: true}, "TestA": {omit: true}, "TestC": {}}
	if got := e.skipPattern(); got != "^(TestA|TestB)$" {
		t.Errorf("pattern %s", got)
	}
}
