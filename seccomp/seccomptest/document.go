// Package seccomptest keeps a document true to the policies it shows.
package seccomptest

import (
	"flag"
	"os"
	"strings"
	"testing"

	"tender/seccomp"
)

var update = flag.Bool("update-document", false, "write the policy into the document")

// CheckDocument compares the part of a document between the comments of a
// name with the table of the policy; -update-document writes it.
func CheckDocument(t *testing.T, path, name string, p seccomp.Policy) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->\n"
	before, rest, ok := strings.Cut(string(text), begin)
	part, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no part between %q and %q", path, begin, end)
	}
	want := p.Table()
	if part == want {
		return
	}
	if !*update {
		t.Fatalf("%s is out of date: run the test with -update-document; the policy is\n%s", path, want)
	}
	if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
