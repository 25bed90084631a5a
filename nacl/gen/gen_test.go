package gen

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"tender/nacl"
	"tender/nacl/diag"
	"tender/nacl/program"
)

func load(t testing.TB, name, text string) *program.Program {
	t.Helper()
	p, errs := nacl.Load(diag.NewSource(name, text))
	if errs.Errors() > 0 {
		t.Fatal(errs.Text())
	}
	return p
}

// many is a filter of 5000 statements on a chain.
func many(statement func(i int) string) string {
	var b strings.Builder
	b.WriteString("Iface a { index: 0, input: f }\nFilter::IP f {\n")
	for i := range 5000 {
		b.WriteString(statement(i) + "\n")
	}
	b.WriteString("accept\n}\n")
	return b.String()
}

// Long lists become tables, not long code.
func TestManyRules(t *testing.T) {
	for _, c := range []struct {
		name      string
		statement func(i int) string
		switches  int
		lines     int
	}{
		{"addresses", func(i int) string { return fmt.Sprintf("if (ip.saddr == 10.1.%d.%d) { drop }", i/200, i%200) }, 0, 50},
		{"verdicts", func(i int) string {
			return fmt.Sprintf("if (ip.saddr in 10.%d.%d.0/%d) { %s }", i/200, i%200, 16+i%17, []string{"accept", "drop"}[i%2])
		}, 1, 50},
		{"ports", func(i int) string { return fmt.Sprintf("Filter::TCP { if (tcp.dport == %d) { drop } }", i*7) }, 0, 50},
		{"two fields", func(i int) string {
			return fmt.Sprintf("if (ip.saddr == 10.1.%d.%d and ip.id == %d) { drop }", i/200, i%200, i)
		}, 41, 25500},
		{"one address and many ports", func(i int) string {
			return fmt.Sprintf("Filter::TCP { if (ip.saddr in 10.0.0.0/8 and tcp.dport == %d) { drop } }", i)
		}, 0, 50},
	} {
		files, err := Rules(load(t, "many.nacl", many(c.statement)), "main")
		if err != nil {
			t.Fatal(err)
		}
		text := string(files["rules.go"])
		if n := strings.Count(text, "switch ") - 1; n != c.switches {
			t.Errorf("%s: %d switches", c.name, n)
		}
		if n := strings.Count(text, "\n"); n > c.lines {
			t.Errorf("%s: %d lines of Go", c.name, n)
		}
		if n := strings.Count(text, "if p."); n > 5100 {
			t.Errorf("%s: %d conditions", c.name, n)
		}
	}
}

// A program is made Go of the same way each time.
func TestReproducible(t *testing.T) {
	text, err := os.ReadFile("../testdata/everything.nacl")
	if err != nil {
		t.Fatal(err)
	}
	p := load(t, "everything.nacl", string(text))
	first, err := Package(p, Devices(p))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		p := load(t, "everything.nacl", string(text))
		again, err := Package(p, Devices(p))
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range first {
			if string(again[name]) != string(text) {
				t.Errorf("%s is different", name)
			}
		}
	}
}

func TestDevices(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"Iface out_side { index: 0 } Iface inside { index: 1 }", "[outside inside]"},
		{"Iface b { index: 1 } Iface a { index: 0 }", "[a b]"},
		{"Iface b { index: 2 } Iface v { index: 0, vlan: 5, config: dhcp }", "[nic0 nic1 b]"},
		{"Iface a_b { index: 0 } Iface ab { index: 1 }", "[ab nic1]"},
		{"Iface m { index: \"02:00:00:00:00:01\" } Iface v { index: \"02:00:00:00:00:01\", vlan: 7, config: dhcp } Iface a { index: 0 }", "[a m]"},
	} {
		if got := fmt.Sprint(Devices(load(t, "f.nacl", c.text))); got != c.want {
			t.Errorf("%s: %s", c.text, got)
		}
	}
}

func TestRefused(t *testing.T) {
	p := load(t, "f.nacl", "\nIface a { index: 1 }")
	if _, err := Package(p, []string{"outside"}); err == nil || err.Error() != "f.nacl:2: Iface a is network device 1, and the manifest has 1 of them" {
		t.Error(err)
	}
	if _, err := Package(load(t, "f.nacl", "x: 5"), nil); err == nil || !strings.Contains(err.Error(), "declares no Iface") {
		t.Error(err)
	}
}

func FuzzRules(f *testing.F) {
	for _, name := range []string{"firewall", "proxy", "everything"} {
		text, err := os.ReadFile("../testdata/" + name + ".nacl")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, errs := nacl.Load(diag.NewSource("f.nacl", text))
		if errs.Errors() > 0 {
			return
		}
		if len(p.Ifaces) == 0 {
			p.Ifaces = []*program.Iface{{Name: "a", Input: p.Functions}}
		}
		if _, err := Package(p, Devices(p)); err != nil {
			t.Error(err)
		}
	})
}
