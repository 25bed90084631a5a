package tests

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// Programs that check themselves and print the same on every system.
func TestLanguage(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"goroutines", `pipeline 10000
select 3000
mutex 20000
cond 10
once 1
readers at once true
goroutines left 1
`},
		{"manytimers", "ok\n"},
		{"memory", "collections true given back true\nok\n"},
		{"language", `6 0.75
map 25000 1 true
[a b c] map[a:1 b:1 c:1]
NaN keys 2
array key 7
k=[1 2 3] k
ababab
one 1
true
210 true
only true
1.414 0.841 400921fb54442d18
`},
		{"recover", `read nil: runtime error: invalid memory address or nil pointer dereference
write nil: runtime error: invalid memory address or nil pointer dereference
far nil field: runtime error: invalid memory address or nil pointer dereference
nil func: runtime error: invalid memory address or nil pointer dereference
nil interface: runtime error: invalid memory address or nil pointer dereference
divide: runtime error: integer divide by zero
modulo: runtime error: integer divide by zero
index: runtime error: index out of range [5] with length 3
slice: runtime error: slice bounds out of range [5:3]
array pointer: runtime error: cannot convert slice with length 3 to array or pointer to array with length 4
nil map: assignment to entry in nil map
assertion: interface conversion: interface {} is string, not int
interface assertion: interface conversion: string is not main.shape: missing method area
close of closed: close of closed channel
make: runtime error: makeslice: len out of range
uncomparable key: hash of unhashable type: []int
ok
`},
		{"stack", "ok\n"},
		{"stdlib", "json\nregexp\ncompress\nbig\ntemplate\nsort\ntext\ngob\nok\n"},
		{"tls", "TLS 1.3: HELLO\nTLS 1.2: HELLO\n"},
		{"lifetimes", "ok\n"},
		{"threads", "ok\n"},
		{"wakeup", "ok\n"},
		{"environment", "ok\n"},
		{"nonetwork", "ok\n"},
		{"profile", "ok\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run(t, guest{name: c.name}).mustPrint(t, c.want)
		})
	}
}

func TestTimers(t *testing.T) {
	e := run(t, guest{name: "timers"})
	e.mustEnd(t, 0, "ok\n", "worst lateness ")
	_, lateness, _ := strings.Cut(e.console, "worst lateness ")
	t.Logf("worst lateness %s", strings.TrimSpace(lateness))
}

// hello is the smallest appliance.
func TestHello(t *testing.T) {
	path := imageOf(t, "../appliances/hello")
	for _, mem := range []uint64{8, 16, 64, 512, 4096} {
		t.Run(fmt.Sprintf("%dMiB", mem), func(t *testing.T) {
			run(t, guest{name: path, memMiB: mem}).mustPrint(t, "Hello from a unikernel\n")
		})
	}
}

func TestDeadlock(t *testing.T) {
	run(t, guest{name: "deadlock"}).mustEnd(t, 2,
		"fatal error: all goroutines are asleep - deadlock!", "goroutine 1 [chan receive]:\nmain.main()\n", "[sync.Mutex.Lock]:\n", "deadlock/main.go:")
}

func TestGoexit(t *testing.T) {
	run(t, guest{name: "goexit"}).mustEnd(t, 2,
		"deferred\nthe other goroutine is done\n", "fatal error: no goroutines (main called runtime.Goexit) - deadlock!")
}

func TestExit(t *testing.T) {
	for _, c := range []struct {
		args    []string
		status  int
		console string
	}{
		{nil, 0, "deferred\n"},
		{[]string{"0"}, 0, ""},
		{[]string{"1"}, 1, ""},
		{[]string{"77"}, 77, ""},
		{[]string{"255"}, 255, ""},
		{[]string{"256"}, 0, ""},
		{[]string{"-1"}, 255, ""},
	} {
		e := run(t, guest{name: "exit", args: c.args})
		if e.status != c.status || e.console != c.console {
			t.Errorf("exit %q: status %d, console %q", c.args, e.status, e.console)
		}
	}
}

func TestArgs(t *testing.T) {
	long := strings.Repeat("long", 500)
	for _, c := range []struct {
		args []string
		want []string // beside the program's name
	}{
		{nil, nil},
		{[]string{"one"}, []string{"one"}},
		{[]string{"one", "", "three", ""}, []string{"one", "", "three", ""}},
		{[]string{"", "two"}, []string{"", "two"}},
		{[]string{"two words"}, []string{"two", "words"}},
		{[]string{"--solo5:quiet", "x"}, []string{"x"}},
		{[]string{"--solo5:quiet", "--solo5:debug", "--flag"}, []string{"--flag"}},
		{[]string{"--solo5:quiet"}, nil},
		{[]string{"x", "--solo5:quiet"}, []string{"x", "--solo5:quiet"}},
		{[]string{"--solo", "ü\"\\"}, []string{"--solo", "ü\"\\"}},
		{[]string{long}, []string{long}},
		{[]string{strings.Repeat("a ", 1000)}, strings.Split(strings.Repeat("a ", 1000), " ")},
	} {
		want := fmt.Sprintf("%q\n", append([]string{"args"}, c.want...))
		run(t, guest{name: "args", args: c.args}).mustPrint(t, want)
	}
}

// An uncaught panic leaves a full trace with functions, files and lines.
func TestUncaught(t *testing.T) {
	trace := regexp.MustCompile(`\nmain\.\S+\(.*\)\n\t\S+/uncaught/main\.go:\d+ \+0x`)
	for _, c := range []struct {
		how  string
		want []string
	}{
		{"main", []string{"panic: nothing works\n", "goroutine 1 [running]:\nmain.main()\n"}},
		{"goroutine", []string{`panic: in goroutine 7`, "main.main.func1()\n", "created by main.main in goroutine 1\n"}},
		{"nil", []string{"invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x8", "main.(*table).row("}},
		{"index", []string{"panic: runtime error: index out of range [3] with length 0\n", "main.(*table).row("}},
		{"again", []string{"panic: first\n\tpanic: second\n"}},
		{"custom", []string{"panic: (main.table) 0x"}},
	} {
		t.Run(c.how, func(t *testing.T) {
			t.Parallel()
			e := run(t, guest{name: "uncaught", args: []string{c.how}})
			e.mustEnd(t, 2, c.want...)
			if !trace.MatchString(e.console) {
				t.Errorf("no trace with file and line:\n%s", e.console)
			}
		})
	}
}

func TestOutput(t *testing.T) {
	var want strings.Builder
	want.WriteString("to stdout\nto stderr\nprintln\n")
	for _, n := range []int{4095, 4096, 4097, 1 << 20} {
		want.WriteString(strings.Repeat("x", n) + "\n")
	}
	for i := range 10000 {
		fmt.Fprintln(&want, "line", i)
	}
	run(t, guest{name: "output"}).mustPrint(t, want.String())
}
