package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What is printed about consoles, with times left out.
func TestReport(t *testing.T) {
	const good = "noise\n@@ start a\r\n=== RUN   TestX\n--- PASS: TestX (0.00s)\nPASS\n@@ end a 0\n"
	for _, c := range []struct {
		what, console string
		wanted        int
		out, err      string
	}{
		{"all is well", good + "@@ done\n", 1, "ok  \ta on AMD SVM\t\n", ""},
		{"skipped", "@@ start a\n=== RUN   TestX\n    a_test.go:7: no reason\n--- SKIP: TestX (0.00s)\n@@ end a 0\n", 1, "SKIP TestX: no reason\nok  \ta on AMD SVM\t\n", ""},
		{"failed", "@@ start a\n=== RUN   TestX\n    a_test.go:7: why\n--- FAIL: TestX (0.00s)\n@@ end a 1\n", 1, "    a_test.go:7: why\n--- FAIL: TestX (0.00s)\nFAIL\ta on AMD SVM\t\n", "1 of 1 suites failed"},
		{"one of two", good, 2, "ok  \ta on AMD SVM\t\n", "the machine ended after 1 of 2 suites"},
		{"ended within a suite", "@@ start a\n=== RUN   TestX\nOops: panic\n", 1, "Oops: panic\nFAIL\ta on AMD SVM: did not end, in TestX\n", "the machine ended after 0 of 1 suites"},
		{"no KVM", "@@ broken: no /dev/kvm\n" + good, 1, "ok  \ta on AMD SVM\t\n", "the machine: no /dev/kvm"},
		{"notes cut short", "@@ \n@@ start\n@@ end a\n" + good, 1, "ok  \ta on AMD SVM\t\n", ""},
		{"nothing", "", 1, "", "the machine ended after 0 of 1 suites"},
	} {
		var out bytes.Buffer
		r := report{out: &out, wanted: c.wanted}
		r.read(strings.NewReader(c.console))
		said := ""
		if err := r.result(); err != nil {
			said = err.Error()
		}
		got := regexp.MustCompile(`\t[0-9.]+s\n`).ReplaceAllString(out.String(), "\t\n")
		if got != c.out || said != c.err {
			t.Errorf("%s: %q, %q; want %q, %q", c.what, got, said, c.out, c.err)
		}
	}
}

// cpio reads what archive writes.
func TestArchive(t *testing.T) {
	if _, err := exec.LookPath("cpio"); err != nil {
		t.Skipf("needs cpio: %v", err)
	}
	var packed bytes.Buffer
	a := newArchive(&packed)
	files := map[string]string{"init": "#!", "bin/one": "x", "bin/deep/two": "", "three": "a longer text"}
	for name, text := range files {
		a.file(name, []byte(text), 0o755)
	}
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.Command("cpio", "-i", "--quiet")
	cmd.Dir, cmd.Stdin = dir, &packed
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("cpio: %v: %s", err, out)
	}
	for name, text := range files {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != text {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	a = newArchive(&packed)
	a.copy("x", filepath.Join(dir, "none"), 0o644)
	if a.close() == nil {
		t.Error("a file that is not there was packed")
	}
}
