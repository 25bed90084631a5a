package nacl

import (
	"os"
	"strings"
	"testing"

	"tender/nacl/diag"
	"tender/nacl/format"
	"tender/nacl/gen"
	"tender/nacl/syntax"
)

// The examples of the guide are what it says: programs without errors or
// warnings, in the style of tender nacl fmt, of which Go can be made.
func TestGuide(t *testing.T) {
	text, err := os.ReadFile("../docs/nacl.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	for i, part := range strings.Split(string(text), "```nacl\n") {
		if i == 0 {
			continue
		}
		examples++
		program, _, _ := strings.Cut(part, "```")
		src := diag.NewSource("docs/nacl.md", program)
		p, errs := Load(src)
		if len(errs.All()) > 0 {
			t.Errorf("%s\n%s", program, errs.Text())
			continue
		}
		if formatted, err := format.File(syntax.Parse(src, errs)); err != nil || formatted != program {
			t.Errorf("in the style of tender nacl fmt it is\n%s%v", formatted, err)
		}
		if len(p.Ifaces) > 0 {
			_, err = gen.Package(p, gen.Devices(p))
		} else {
			for _, f := range p.Functions {
				f.Used = true
			}
			_, err = gen.Rules(p, "main")
		}
		if err != nil {
			t.Errorf("%s\n%v", program, err)
		}
	}
	if examples < 10 {
		t.Errorf("%d examples", examples)
	}
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"x: 5", ""},
		{"x\x00", "stdin is no text: there is a zero byte at offset 1"},
		{strings.Repeat("x", MaxBytes), ""},
		{strings.Repeat("x", MaxBytes+1), "stdin is longer than 4 MiB: a program is not"},
	} {
		src, err := Read("-", strings.NewReader(c.text))
		if c.want == "" && (err != nil || src.Text != c.text || src.Name != "stdin") || c.want != "" && (err == nil || err.Error() != c.want) {
			t.Errorf("%.20q: %v", c.text, err)
		}
	}
	if _, err := Read("nothing/there", nil); err == nil || !strings.Contains(err.Error(), "cannot read the program") {
		t.Error(err)
	}
}
