package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tender/nacl/diag"
)

const naclProgram = `Iface outside { index: 0, address: 10.0.0.2, netmask: 255.255.255.0, input: guard }
Filter::IP guard {
  # only the neighbour
  if (ip.saddr == 10.0.0.1) { accept }
  drop
}
`

func naclFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.nacl")
	check(t, os.WriteFile(path, []byte(text), 0o640))
	return path
}

func TestNaclCheck(t *testing.T) {
	good := naclFile(t, naclProgram)
	if got := command("nacl", "check", good); got.status != 0 || got.out != good+": no errors\n" || got.err != "" {
		t.Errorf("%+v", got)
	}
	bad := naclFile(t, "Iface a { idx: 0 }\nFilter::IP f { reject }\n")
	got := command("nacl", "check", bad, good)
	want := bad + ":1:7: error: Iface a needs the member index\n    Iface a { idx: 0 }\n          ^\n"
	if got.status != 1 || !strings.HasPrefix(got.err, want) || strings.Count(got.err, "error:") != 3 || got.out != good+": no errors\n" {
		t.Errorf("%+v", got)
	}
	got = command("nacl", "check", "--json", good, bad)
	var all []diag.Diagnostic
	check(t, json.Unmarshal([]byte(got.out), &all))
	if got.status != 1 || got.err != "" || len(all) != 3 || all[2].Line != 2 || all[2].Column != 16 || all[2].File != bad {
		t.Errorf("%+v", got)
	}
	if got := command("nacl", "check", "--json", good); got.status != 0 || got.out != "[]\n" {
		t.Errorf("%+v", got)
	}
}

// What is no program is refused with a message, whatever it is.
func TestNaclBadInput(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "nothing is declared here"},
		{"blank", " \n\n# nothing\n", "nothing is declared here"},
		{"zeros", strings.Repeat("\x00", 100), "is no text: there is a zero byte at offset 0"},
		{"rubbish", strings.Repeat("\xff\xfe\x80", 1000), "there are bytes here that are no text"},
		{"long", strings.Repeat("x: 1\n", 2<<20), "is longer than 4 MiB"},
		{"braces", strings.Repeat("{", 1<<20), "expected, found {"},
		{"lists", "x: " + strings.Repeat("[", 1<<20), "more than 100 braces"},
		{"errors", strings.Repeat("x\n", 1<<19), " more\n"},
		{"brochure", "Iface outside {\n  index: 0\n\nFilter::IP chain {\n  if (ip.saddr in hosts) { accept }\n  drop\n}\n", "f.nacl:4:1"},
	} {
		path := filepath.Join(dir, "f.nacl")
		check(t, os.WriteFile(path, []byte(c.text), 0o644))
		for _, args := range [][]string{{"check"}, {"fmt", "-w"}, {"explain", "--packet", "udp 10.0.0.1:1 > 10.0.0.2:2"}} {
			if args[0] == "fmt" && (c.name == "empty" || c.name == "blank") {
				continue // they can be formatted
			}
			got := command(append(append([]string{"nacl"}, args...), path)...)
			wrong := got.status != 1 || got.out != "" || got.err == ""
			if args[0] == "check" {
				wrong = wrong || !strings.Contains(got.err, c.want)
			}
			if wrong || strings.Contains(got.err, "goroutine") {
				t.Errorf("%s %s: status %d, %.300q, %.300q", c.name, args[0], got.status, got.out, got.err)
			}
		}
		text, err := os.ReadFile(path)
		check(t, err)
		if string(text) != c.text {
			t.Errorf("%s: the file was changed", c.name)
		}
	}
	for _, args := range [][]string{
		{}, {"chek"}, {"check"}, {"fmt"}, {"explain"}, {"check", dir}, {"check", filepath.Join(dir, "none")}, {"explain", naclFile(t, naclProgram)},
		{"explain", naclFile(t, naclProgram), "--packet", "x"}, {"explain", naclFile(t, naclProgram), "--packet", "udp 10.0.0.1:1 > 10.0.0.2:2", "--function", "g"},
	} {
		got := command(append([]string{"nacl"}, args...)...)
		if got.status != 1 || got.out != "" || strings.Count(got.err, "\n") != 1 || !strings.HasPrefix(got.err, "tender: ") {
			t.Errorf("%q: %+v", args, got)
		}
	}
}

func TestNaclFormat(t *testing.T) {
	path := naclFile(t, naclProgram)
	want := strings.ReplaceAll(naclProgram, "  ", "\t")
	if got := command("nacl", "fmt", path); got.status != 0 || got.out != want || got.err != "" {
		t.Errorf("%+v", got)
	}
	if got := command("nacl", "fmt", "-d", path); got.status != 1 || !strings.Contains(got.out, "\n-  drop\n+\tdrop\n") || got.err != "" {
		t.Errorf("%+v", got)
	}
	if got := command("nacl", "fmt", "-w", path); got.status != 0 || got.out != "" || got.err != "" {
		t.Errorf("%+v", got)
	}
	text, err := os.ReadFile(path)
	check(t, err)
	info, err := os.Stat(path)
	check(t, err)
	if string(text) != want || info.Mode().Perm() != 0o640 {
		t.Errorf("%q, mode %v", text, info.Mode())
	}
	if got := command("nacl", "fmt", "-d", path); got.status != 0 || got.out != "" {
		t.Errorf("%+v", got)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestNaclExplain(t *testing.T) {
	path := naclFile(t, naclProgram)
	got := command("nacl", "explain", path, "--packet", "icmp 10.0.0.1 > 10.0.0.2")
	want := "input of outside: accept\n     4: if (ip.saddr == 10.0.0.1)\n     4: accept\nACCEPT: it is for the appliance itself, address 10.0.0.2 of outside\n"
	if got.status != 0 || got.out != want || got.err != "" {
		t.Errorf("%+v", got)
	}
	got = command("nacl", "explain", path, "--function", "guard", "--all", "--packet", "tcp 10.0.0.7:1 > 10.0.0.2:5")
	want = "function guard: drop\n     4: if (ip.saddr == 10.0.0.1)    false\n     5: drop\nDROP\n"
	if got.status != 0 || got.out != want {
		t.Errorf("%+v", got)
	}
}
