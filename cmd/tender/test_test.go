package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// testedModule is a module with tests that end in every way.
var testedModule = map[string]string{
	"go.mod":          "module example.org/tested\n\ngo 1.26\n",
	"testdata/shared": "shared",
	"good/good.go":    "package good\n\nfunc Two() int { return 2 }\n",
	"good/testdata/x": "own",
	"good/good_test.go": `package good

import (
	"os"
	"testing"
)

func TestTwo(t *testing.T) {
	if Two() != 2 {
		t.Error("not two")
	}
}

func TestFiles(t *testing.T) {
	for name, want := range map[string]string{"testdata/x": "own", "../testdata/shared": "shared"} {
		if text, err := os.ReadFile(name); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	t.Log("in the folder")
	if err := os.WriteFile("written", nil, 0o600); err != nil {
		t.Error(err)
	}
}

func TestSkipped(t *testing.T) {
	t.Run("sub test", func(t *testing.T) { t.Skip("for a reason") })
}

func BenchmarkTwo(b *testing.B) {
	for b.Loop() {
		Two()
	}
}
`,
	"good/more/more_test.go": "package more_test\n\nimport (\n\t\"testing\"\n\n\t\"example.org/tested/good\"\n)\n\nfunc TestMain(m *testing.M) {\n\tprintln(\"before\", good.Two())\n\tm.Run()\n}\n",
	"bad/bad_test.go":        "package bad\n\nimport \"testing\"\n\nfunc TestBad(t *testing.T) { t.Error(\"so it is\") }\n",
	"crash/crash_test.go":    "package crash\n\nimport \"testing\"\n\nfunc TestCrash(t *testing.T) {\n\tvar p *int\n\t*p = 1\n}\n",
	"hang/hang_test.go":      "package hang\n\nimport \"testing\"\n\nfunc TestHang(t *testing.T) { select {} }\n",
	"wrong/wrong_test.go":    "package wrong\n\nimport \"testing\"\n\nfunc TestWrong(t *testing.T) { undefined() }\n",
	"missing/m_test.go":      "package missing\n\nimport _ \"example.org/tested/gone\"\n",
	"none/code.go":           "package none\n",
	"network/net_test.go": `package network

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestLoopback(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") }))
	defer s.Close()
	r, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r.Body); err != nil || string(text) != "hello" {
		t.Errorf("%q, %v", text, err)
	}
}
`,
}

// moduleToTest writes testedModule.
func moduleToTest(t *testing.T) string {
	t.Helper()
	dir := openDir(t)
	for name, text := range testedModule {
		path := filepath.Join(dir, name)
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		check(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return dir
}

// timed are the times in a report.
var timed = regexp.MustCompile(`[0-9]+\.[0-9]+s\b`)

func TestTest(t *testing.T) {
	needGo(t)
	needKVM(t)
	dir := moduleToTest(t)
	for _, c := range []struct {
		what   string
		args   []string
		status int
		says   []string // in this order
		not    string
	}{
		{"passes", []string{"./good"}, 0, []string{"ok  \texample.org/tested/good\tTIME\n"}, "PASS"},
		{"in its own words", []string{"-v", "-run", "Files|Skipped", "-count=1", "./good"}, 0,
			[]string{"=== RUN   TestFiles\n", "in the folder\n", "--- SKIP: TestSkipped/sub_test", "\nPASS\nok  \t"}, "TestTwo"},
		{"a name with a blank", []string{"-v", "-run", "TestSkipped/sub test", "./good"}, 0, []string{"for a reason"}, "TestTwo"},
		{"nothing to run", []string{"-run=TestNone", "./good"}, 0, []string{"ok  \texample.org/tested/good\tTIME [no tests to run]\n"}, ""},
		{"benchmarks", []string{"-bench=.", "-benchtime=10x", "-run=^$", "./good"}, 0, []string{"BenchmarkTwo", " 10\t", "ns/op"}, ""},
		{"arguments", []string{"./good", "-args", "-test.run=TestTwo", "-test.v"}, 0, []string{"ok  \t"}, "FAIL"},
		{"as a process", []string{"--target=spt", "./good"}, 0, []string{"ok  \texample.org/tested/good\t"}, "FAIL"},
		{"several", []string{"./good/...", "./none", "./bad"}, 1,
			[]string{"ok  \texample.org/tested/good\t", "ok  \texample.org/tested/good/more\t", "?   \texample.org/tested/none\t[no test files]\n",
				"--- FAIL: TestBad", "so it is\nFAIL\nexit status 1\nFAIL\texample.org/tested/bad\tTIME\nFAIL\n"}, "before"},
		{"a crash", []string{"./crash"}, 1, []string{"panic: runtime error", "SIGSEGV", "exit status 2\nFAIL\texample.org/tested/crash\tTIME\nFAIL\n"}, ""},
		{"a hang", []string{"-timeout=1s", "./hang"}, 1, []string{"panic: test timed out after 1s", "FAIL\texample.org/tested/hang\t"}, ""},
		{"does not compile", []string{"./wrong"}, 1, []string{"# example.org/tested/wrong\n", "undefined: undefined", "FAIL\texample.org/tested/wrong [build failed]\nFAIL\n"}, "ok  "},
		{"has no such import", []string{"./missing", "./good"}, 1, []string{"m_test.go:3:", "FAIL\texample.org/tested/missing [build failed]\n", "ok  \texample.org/tested/good\t"}, ""},
		{"loopback", []string{"./network"}, 0, []string{"ok  \texample.org/tested/network\t"}, ""},
		{"the standard library", []string{"-short", "unicode/utf8", "container/list"}, 0, []string{"ok  \tunicode/utf8\t", "ok  \tcontainer/list\t"}, ""},
		{"no such package", []string{"no/such/package"}, 1, []string{"no/such/package", "[build failed]"}, ""},
	} {
		cmd := tenderCommand(t, append([]string{"test"}, c.args...)...)
		cmd.Dir = dir
		got := finishWithin(t, cmd, buildTime)
		text := timed.ReplaceAllString(got.out, "TIME")
		rest := text
		for _, s := range c.says {
			at := strings.Index(rest, s)
			if at < 0 {
				t.Errorf("%s: no %q in\n%s", c.what, s, text)
				break
			}
			rest = rest[at+len(s):]
		}
		if got.status != c.status || got.err != "" || c.not != "" && strings.Contains(text, c.not) {
			t.Errorf("%s: status %d, stderr %q, stdout\n%s", c.what, got.status, got.err, text)
		}
	}
}

// With -c there is an image, which runs as any other.
func TestTestCompile(t *testing.T) {
	needGo(t)
	dir := moduleToTest(t)
	cmd := tenderCommand(t, "test", "-c", "./good")
	cmd.Dir = dir
	if got := finishWithin(t, cmd, buildTime); got.status != 0 || !strings.HasPrefix(got.out, "good.test.hvt  ") {
		t.Fatalf("%+v", got)
	}
	needKVM(t)
	if got := command(filepath.Join(dir, "good.test.hvt"), "-test.run=TestTwo"); got != (outcome{0, "PASS\n", ""}) {
		t.Errorf("%+v", got)
	}
}

func TestTestErrors(t *testing.T) {
	needGo(t)
	t.Chdir(moduleToTest(t))
	for says, args := range map[string]string{
		"-c is for one package":             "-c ./good ./bad",
		"has no test files":                 "-c ./none",
		"--timeout=soon is no time":         "--timeout=soon ./good",
		"guests cannot share a TAP":         "-p 2 --net tap0 ./good",
		"for -c":                            "-o x ./good",
		"not negative":                      "-p -1 ./good",
		"did you mean --count?":             "--cuont 1 ./good",
		"no package matches ./testdata/...": "./testdata/...",
		"files for the tests":               "--file gone -c ./good",
		"hvt or spt":                        "--target linux ./good",
	} {
		got := command(append([]string{"test"}, strings.Fields(args)...)...)
		if got.status != 1 || got.out != "" || !strings.Contains(got.err, says) {
			t.Errorf("%s: %+v; want %q", args, got, says)
		}
	}
	if got := command("test", "--", "./good", "a b"); got.status != 1 || !strings.Contains(got.err, "no blanks") {
		t.Errorf("an argument with a blank: %+v", got)
	}
}

func TestGoTestFlags(t *testing.T) {
	flags := newTest(stdio{}).Flags()
	for in, want := range map[string]string{
		"-run X -v ./p":            "--run X -v ./p",
		"-run=X -count=1":          "--run=X --count=1",
		"--run X -c -o f -p 3":     "--run X -c -o f -p 3",
		"-short p -args -run -x":   "--short p -- -run -x",
		"p --args -v":              "p -- -v",
		"p -- -run":                "p -- -run",
		"-nothing -v=test2json -x": "-nothing -v=test2json -x",
	} {
		if got := goTestFlags(strings.Fields(in), flags); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestBoundedBuffer(t *testing.T) {
	var stream strings.Builder
	b := boundedBuffer{stream: &stream}
	chunk := make([]byte, 1<<20)
	for range maxTestOutput >> 20 {
		if _, err := b.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Write(chunk[:1]); err == nil || !b.full() {
		t.Error("there is no bound")
	}
	if stream.Len() != maxTestOutput || len(b.Bytes()) != maxTestOutput {
		t.Errorf("%d bytes passed on, %d kept", stream.Len(), len(b.Bytes()))
	}
}
