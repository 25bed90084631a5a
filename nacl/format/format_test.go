package format

import (
	"os"
	"path/filepath"
	"testing"

	"tender/nacl/diag"
	"tender/nacl/syntax"
)

// form formats a text; ok is false if it is wrong.
func form(t testing.TB, text string) (formatted string, ok bool) {
	t.Helper()
	src := diag.NewSource("f.nacl", text)
	errs := diag.NewList(src)
	f := syntax.Parse(src, errs)
	if errs.Errors() > 0 {
		return "", false
	}
	out, err := File(f)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return out, true
}

func TestFormat(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"x:1 y :2", "x: 1\ny: 2\n"},
		{"\n\n# c\n\n\n\nx: 1 // d\n\n\n\n", "# c\n\nx: 1 // d\n"},
		{"Iface a{index:0,address:10 . 0 . 0 . 1,netmask :255.0.0.0}", "Iface a { index: 0, address: 10.0.0.1, netmask: 255.0.0.0 }\n"},
		{"Iface a {index:0,\naddress: 10.0.0.1, netmask: 255.0.0.0}", "Iface a {\n\tindex: 0,\n\taddress: 10.0.0.1, netmask: 255.0.0.0\n}\n"},
		{"x: [ 1,2 , 10-20, (-5), 10.0.0.0 / 8, ::, ::1-::2 ,fe80::/10 ]", "x: [1, 2, 10 - 20, (-5), 10.0.0.0/8, ::, ::1 - ::2, fe80::/10]\n"},
		{"x: [1,\n\n2 // two\n, 3]", "x: [\n\t1,\n\n\t2 // two\n\t\t, 3\n]\n"},
		{"Filter :: IP f{accept drop}", "Filter::IP f { accept drop }\n"},
		{"Filter::IP f {accept\ndrop g ( ) log( \"a\" ,ip . saddr )}", "Filter::IP f {\n\taccept\n\tdrop\n\tg()\n\tlog(\"a\", ip.saddr)\n}\n"},
		{"Filter::IP f { if(not a==b&&!( c in[1] )){ accept }\nelse\n{drop} }",
			"Filter::IP f {\n\tif (not a == b && !(c in [1])) { accept } else { drop }\n}\n"},
		{"Filter::IP f {\nif (a == 1 and\n b == 2\nor c == 3) { accept } }", "Filter::IP f {\n\tif (a == 1 and\n\t\tb == 2 or\n\t\tc == 3) { accept }\n}\n"},
		{"Filter::IP f {\n# first\n\n\n accept // last\n\n # end\n\n}", "Filter::IP f {\n\t# first\n\n\taccept // last\n\n\t# end\n}\n"},
		{"x: /* a */ 5", "x: /* a */ 5\n"},
		{"x: // a\n5", "x: // a\n\t5\n"},
		{"80 90\nx: 1", "80 90\nx: 1\n"},
		{"x: \"a  /* b */  \\n\"", "x: \"a  /* b */  \\n\"\n"},
		{"a.b . c: d . e", "a.b.c: d.e\n"},
	} {
		got, ok := form(t, c.text)
		if !ok || got != c.want {
			t.Errorf("%q:\n got %q\nwant %q", c.text, got, c.want)
		}
		if again, _ := form(t, got); again != got {
			t.Errorf("%q: twice is\n%q and not\n%q", c.text, again, got)
		}
	}
}

func FuzzFormat(f *testing.F) {
	paths, err := filepath.Glob("../testdata/*.nacl")
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for _, s := range []string{"x: [1 /* a */ , # b\n2]", "Filter::IP f { if (a /* c */ and // d\n b) { accept } }", "/* a\n */x:/**/1/**/y:2", "x:{a:[{b:\n1}]}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once, ok := form(t, text)
		if !ok {
			return
		}
		if twice, ok := form(t, once); !ok || twice != once {
			t.Errorf("%q\nonce  %q\ntwice %q", text, once, twice)
		}
	})
}
