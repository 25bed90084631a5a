package syntax

import (
	"strings"
	"testing"

	"tender/nacl/diag"
)

// parse reads a text and returns its diagnostics, LINE:COLUMN: MESSAGE each.
func parse(text string) (*File, []string) {
	src := diag.NewSource("f.nacl", text)
	errs := diag.NewList(src)
	f := Parse(src, errs)
	var all []string
	for _, d := range errs.All() {
		all = append(all, strings.TrimPrefix(strings.Replace(d.String(), " error:", "", 1), "f.nacl:"))
	}
	return f, all
}

func TestPublishedPrograms(t *testing.T) {
	for _, text := range []string{firewall, proxy} {
		if f, said := parse(text); len(said) > 0 || len(f.Decls) < 6 {
			t.Errorf("%d declarations, %q", len(f.Decls), said)
		}
	}
}

func TestAccepted(t *testing.T) {
	for _, c := range []struct{ text, name string }{
		{"x: 1 y: 2", "declarations on one line"},
		{"x:1 z.y:2", "no blanks"},
		{"#\nx: 1 //\n/**/", "empty comments"},
		{"x: 10 . 0 . 0 . 1 / 8", "blanks in an address"},
		{"x: 10-20 y: 10.0.0.1-10.0.0.2 z: 1.5-2.5", "ranges"},
		{"x: (-5) y: (-1.5) z: (-5)-10", "negative numbers"},
		{`x: "a-b {c} (d) [e]: f, g.h \n!= == && i"`, "what strings hold"},
		{`x: "a /* " */ b"`, "a comment in a string"},
		{"x: 2001:db8::1 y: ::1/128 z: :: w: ::1-::ffff v: ::ffff:10.0.0.1", "IPv6"},
		{"Filter :: IP f {accept}\nFILTER::tcp g{ACCEPT()}", "functions"},
		{"Filter::IP f { if (not ip.ttl == 5 && !(a or b and not c)) { accept } else { drop } }", "conditions"},
		{"Filter::IP f { if ((-5) < tcp.dport) { accept } }", "a negative number in a condition"},
		{"Filter::IP f { if (x IN 10.0.0.0/8) { accept drop } }", "IN"},
		{"Filter::IP f { if ((x)) { accept f g() h(1, [2], {a: 3}) Filter::TCP named { drop } } }", "actions"},
		{"Iface a dhcp\nGateway g [ {a: b}, {a: c} ]", "typed elements"},
		{"x: { a-b: 1, frag-off: [1, {c: 2}] }", "objects"},
		{"input: 1 index: 2 android: 3 AND: 4 In: 5 If: 6 notx: 7", "words that begin like reserved ones"},
	} {
		if _, said := parse(c.text); len(said) > 0 {
			t.Errorf("%s: %q", c.name, said)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"x: 5 % 3", "1:4: warning: these are the digits of one number: a comma may be missing|1:6: NaCl has no character %"},
		{"x: a_b\n_y: 1", "2:1: NaCl has no character _"},
		{"x: \"50% ü\"", "1:7: NaCl has no character %|1:9: NaCl has no character ü"},
		{"x: \xff\xfe", "1:4: there are bytes here that are no text|1:6: a value expected, found the end of the file"},
		{"x: \"abc\ny: 1", `1:4: the string is not closed: " is missing on this line`},
		{`x: "http://x"`, "1:4: the string is not closed: # and // and /* begin a comment in a string too"},
		{"x: 1 /* c", "1:6: the comment is not closed: */ is missing"},
		{"x: 10.0.0.256", "1:4: 256 in an address: its bytes are 0 to 255"},
		{"x: 10.0.0.0/33", "1:13: the prefix length is over 32"},
		{"x: 2001:db8::/129", "1:15: the prefix length is over 128"},
		{"x: 10.0.0", "1:4: 3 numbers with dots: a decimal has 2, an address 4"},
		{"x: 5/8", "1:4: only an address has a / and a length behind it"},
		{"x: 20 - 10", "1:4: the range ends before it begins: the lower end comes first"},
		{"x: 10.0.0.1 - 20", "1:4: the ends of the range are of different kinds: two whole numbers, two decimals or two addresses of one family"},
		{"x: 10.0.0.1 - ::1", "1:4: the ends of the range are of different kinds: two whole numbers, two decimals or two addresses of one family"},
		{"x: 99999999999999999999", "1:4: the number is too large: 9223372036854775807 is the largest"},
		{"x: {}", "1:4: the object is empty: at least one member is needed"},
		{"x: []", "1:4: the list is empty: at least one value is needed"},
		{"x: [1,]", "1:6: a comma before ]: the last value has none behind it"},
		{"x: {a: 1,}", "1:9: a comma before }: the last value has none behind it"},
		{"x: {a.b: 1}", "1:6: a key is one name: nest objects, or assign a.… outside"},
		{"x: {a 1}", "1:7: : after the key a expected, found 1"},
		{"x: [1 2]", "1:5: warning: these are the digits of one number: a comma may be missing"},
		{"80 90", "1:1: warning: a number by itself means nothing here"},
		{"Filter::IP f {}", "1:14: these braces are empty: at least one action is needed"},
		{"Filter::IP f { if (a) {} }", "1:23: these braces are empty: at least one action is needed"},
		{"Filter::IP f { if (a) {accept} else if (b) {drop} }", "1:32: there is no else if: put the if into the braces of else { … }"},
		{"Filter::IP f { if a {accept} }", "1:19: ( after if expected, found a"},
		{"Filter::IP f { if ((a) == b) {accept} }", "1:24: == compares two values, and there is none before it"},
		{"Filter::IP f { x: 5 }", "1:17: : cannot follow an action: constants and objects are outside of functions"},
		{"Filter::IP f {\n  if (a) {\n    accept\n  drop\n}\n", "1:14: this { is not closed: the file ends before }"},
		{"Filter::IP f {\n  accept\nIface a { index: 0 }", "3:1: } for the { of line 1 expected, found Iface"},
		{"Iface { index: 0 }", "1:1: the name is missing: Iface NAME, or NAME: for a constant"},
		{"Iface a: 5", "1:8: no : between the name and the value of an element with a type"},
		{"Filter::IP6X f {accept}", "1:9: there is no subtype called IP6X: IP, TCP, UDP, ICMP, IP6 or ICMP6"},
		{"Filtre::IP f {accept}", "1:1: there is no type of functions called Filtre: Filter or Nat"},
		{"x: 1\n}\ny: 2", "2:1: nothing is open that this } could close"},
		{"= 5", "1:1: NaCl has no character =|1:3: warning: a number by itself means nothing here"},
		{"x: %\ny: 1", "1:4: NaCl has no character %|2:1: a value expected, found y"},
		{"a: 1,\nb: [1,,2]\nc: {d: }\nFilter::IP f {\n  if (a ==) { accept }\n  5\n  drop(\n}\ne: 1",
			"1:5: a declaration such as NAME: VALUE, Iface NAME { … } or Filter::IP NAME { … } expected, found ,|" +
				"2:7: a value expected, found ,|3:8: a value expected, found }|5:11: a value expected, found )|" +
				"6:3: an action, a function, if or } expected, found 5|8:1: a value expected, found }"},
		{"x: " + strings.Repeat("[", 200), "1:104: more than 100 braces, brackets and parentheses are open here"},
		{"Filter::IP f { if (" + strings.Repeat("(", 200) + "a", "1:14: this { is not closed: the file ends before }|1:118: more than 100 braces, brackets and parentheses are open here"},
	} {
		_, said := parse(c.text)
		if got := strings.Join(said, "|"); got != c.want {
			t.Errorf("%.60q:\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

func TestPrecedence(t *testing.T) {
	f, said := parse("Filter::IP f { if (a or not b == c and d) { accept } }")
	if len(said) > 0 {
		t.Fatal(said)
	}
	or, ok := f.Decls[0].(*Function).Body[0].(*Branch).Cond.(*Logic)
	if !ok || !or.Or || len(or.Terms) != 2 {
		t.Fatalf("%+v", or)
	}
	and, ok := or.Terms[1].(*Logic)
	if !ok || and.Or {
		t.Fatalf("%+v", or.Terms[1])
	}
	if not, ok := and.Terms[0].(*Negation); !ok {
		t.Fatalf("%+v", and.Terms[0])
	} else if _, ok := not.Term.(*Compare); !ok {
		t.Fatalf("%+v", not.Term)
	}
}

func TestString(t *testing.T) {
	f, _ := parse(`x: "a  /* b */ c\n-d"`)
	if s := f.Decls[0].(*Untyped).Value.(*String).Value; s != "a   c\n-d" {
		t.Errorf("%q", s)
	}
}

// Long texts of every kind take time in proportion to their length.
func TestLongTexts(t *testing.T) {
	for _, piece := range []string{
		"[", "{a:", "(", "not ", "x: 1\n", "x ", `"`, "/*", "//\n", "\x00", "ü", "a.", "1.", "1 ", "::1 ", "face:", "if(", "} ", "Filter::IP f{", "x: [", "%\n", "Iface a {\n", "a:b:c:d:e:f:0:1", "-",
		"\"/*\n", "x: [1,", "else{",
	} {
		parse(strings.Repeat(piece, 1<<16/len(piece)))
		parse("Filter::IP f { if (a in [" + strings.Repeat(piece, 1<<16/len(piece)))
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		src := diag.NewSource("f.nacl", text)
		errs := diag.NewList(src)
		file := Parse(src, errs)
		for _, d := range errs.All() {
			if d.Line < 1 || d.Column < 1 || d.Message == "" || d.Text() == "" {
				t.Errorf("%+v", d)
			}
		}
		end := int32(0)
		for _, k := range file.Tokens {
			if k.Start < end || k.End < k.Start || int(k.End) > len(text) {
				t.Fatalf("token %+v behind offset %d of %d", k, end, len(text))
			}
			end = k.End
		}
	})
}
