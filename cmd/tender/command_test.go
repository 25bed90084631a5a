package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// sourceDir is this package's folder.
var sourceDir = func() string {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	return dir
}()

func TestCommandNames(t *testing.T) {
	var have []string
	for _, c := range newRoot(stdio{}).Commands() {
		have = append(have, c.Name())
	}
	want := slices.Sorted(slices.Values(commandNames()))
	slices.Sort(have)
	if !slices.Equal(have, want) {
		t.Errorf("commands %q, commandNames %q", have, want)
	}
}

func TestHelp(t *testing.T) {
	whole := command("--help")
	for _, args := range [][]string{{"help"}, {"run", "--help"}, {"help", "run"}, {"-h"}} {
		if got := command(args...); got != whole {
			t.Errorf("%q: %+v", args, got)
		}
	}
	if whole.status != 0 || whole.err != "" {
		t.Errorf("%+v", whole)
	}
	for _, o := range runOptionTable {
		for _, form := range o.forms() {
			if !strings.Contains(whole.out, form) {
				t.Errorf("--help does not show %s", form)
			}
		}
	}
	for _, name := range commandNames() {
		if name == "help" {
			continue
		}
		if !strings.Contains(whole.out, "\n  "+name+" ") {
			t.Errorf("--help does not show %s", name)
		}
		about := command("help", name)
		if about.status != 0 || !strings.Contains(about.out, "Usage:") || about.err != "" {
			t.Errorf("help %s: %+v", name, about)
		}
	}
	// The examples use options there are.
	for _, e := range runExamples {
		words := strings.Fields(e.line)
		if words[0] != "tender" || isCommand(words[1]) {
			continue
		}
		if _, err := parseRun(words[1:]); err != nil {
			t.Errorf("%s: %v", e.line, err)
		}
	}
}

func TestManPage(t *testing.T) {
	got := command("man")
	if got.status != 0 || got.err != "" {
		t.Fatalf("%+v", got)
	}
	expect(t, filepath.Join(sourceDir, "..", "..", "docs", "tender.1"), got.out)
	man, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("needs groff to check the page's form")
	}
	cmd := exec.Command(man, "-man", "-ww", "-Tutf8", "-z")
	cmd.Stdin = strings.NewReader(got.out)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("groff: %v\n%s", err, out)
	}
}

func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		t.Run(shell, func(t *testing.T) {
			got := command("completion", shell)
			if got.status != 0 || got.err != "" {
				t.Fatalf("%+v", got)
			}
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skipf("needs %s to check its script", shell)
			}
			cmd := exec.Command(path, "-n", writeFile(t, "script", []byte(got.out)))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	if got := command("completion", "csh"); got.status != 1 || !oneLine(got.err) {
		t.Errorf("completion csh: %+v", got)
	}
}

func TestCompletion(t *testing.T) {
	t.Chdir(openDir(t))
	check(t, os.WriteFile("hello.hvt", nil, 0o644))
	check(t, os.WriteFile("notes.txt", nil, 0o644))
	check(t, os.Mkdir("d", 0o755))
	check(t, os.WriteFile("d/x.hvt", nil, 0o644))
	for _, c := range []struct {
		words    string
		has, not []string
	}{
		{"", []string{"build", "inspect", "run", "hello.hvt"}, []string{"notes.txt", "d/x.hvt"}},
		{"h", []string{"hello.hvt", "help"}, []string{"build"}},
		{"d/", []string{"d/x.hvt"}, []string{"hello.hvt"}},
		{"--n", []string{"--net=", "--net:", "--net-mac:"}, []string{"--mem=", "hello.hvt"}},
		{"run --m", []string{"--mem="}, []string{"--net="}},
		{"--start=", []string{"--start=auto", "--start=user", "--start=kernel"}, []string{"hello.hvt"}},
		{"--start u", []string{"user"}, []string{"auto", "kernel"}},
		{"--mem=64 ", []string{"hello.hvt"}, nil},
		{"hello.hvt --n", nil, []string{"--net="}},
		{"inspect --", []string{"--json", "--abi", "--manifest"}, nil},
		{"build --", []string{"--output", "--net"}, nil},
	} {
		got := command(append([]string{"__complete"}, strings.Split(c.words, " ")...)...)
		offered := map[string]bool{}
		for line := range strings.Lines(got.out) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			offered[word] = true
		}
		for _, w := range c.has {
			if !offered[w] {
				t.Errorf("%q does not offer %s:\n%s", c.words, w, got.out)
			}
		}
		for _, w := range c.not {
			if offered[w] {
				t.Errorf("%q offers %s:\n%s", c.words, w, got.out)
			}
		}
	}
}

func TestCompletionOfTAPs(t *testing.T) {
	newNetwork(t)
	addTAP(t, "tap7", 1500)
	// sysfs shows the namespace it was mounted in.
	for begun, want := range map[string]string{"--net=t": "--net=tap7\n", "--net=xdp:t": "--net=xdp:tap7\n"} {
		cmd := tenderCommand(t, "__complete", begun)
		inside := exec.Command("unshare", append([]string{"-m", "sh", "-c", `mount -t sysfs none /sys && exec "$0" "$@"`}, cmd.Args...)...)
		if got := finish(t, inside); !strings.Contains(got.out, want) {
			t.Errorf("%+v", got)
		}
	}
}

// A run inside a process leaves no goroutine and no descriptor in it.
func TestRunLeavesNothing(t *testing.T) {
	needKVM(t)
	disk := writeFile(t, "disk", make([]byte, 4096))
	good, with := hello().file(t), withDevices(blockDevice("data")).file(t)
	count := func() (goroutines, fds int) {
		entries, err := os.ReadDir("/proc/self/fd")
		check(t, err)
		return runtime.NumGoroutine(), len(entries)
	}
	rounds := func() {
		for range 5 {
			command(good)
			command("--block="+disk, with)
			command("--block="+disk, good)
			command("--block=/nowhere", with)
			command("inspect", good)
		}
	}
	rounds()
	goroutines, fds := count()
	rounds()
	for end := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		g, f := count()
		if g <= goroutines && f <= fds {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d goroutines and %d descriptors became %d and %d", goroutines, fds, g, f)
		}
	}
}
