package gen

import (
	"fmt"
	"strings"

	"tender/nacl/program"
	"tender/nacl/syntax"
)

// nameInGo is a function's name in Go. Names of NaCl differ in case too, so they
// stay as they are.
func nameInGo(f *program.Function) string {
	if f.Nat {
		return "nat_" + f.Name
	}
	return "filter_" + f.Name
}

// function writes a function of the program.
func (g *generator) function(f *program.Function) {
	kind := "Filter"
	if f.Nat {
		kind = "Nat"
	}
	g.name, g.parts = nameInGo(f), 0
	rules := rulesOf(f.Body, []syntax.Protocol{f.Protocol})
	body := g.list(rules)
	fmt.Fprintf(&g.code, "// %s is %s::%s %s, %s.\nfunc %s(p *packet.Packet) ruleset.Outcome {\n%s", g.name, kind, f.Protocol, f.Name, g.where(f.At), g.name, body)
	if n := len(rules); n == 0 || rules[n-1].when != truth(true) || !rules[n-1].final() {
		g.code.WriteString("return ruleset.Open\n")
	}
	g.code.WriteString("}\n\n")
}

// maxUnits is how many statements a Go function has before parts of it become
// functions of their own: the compiler's time grows faster than their length.
const maxUnits = 200

// list is the Go code of rules.
func (g *generator) list(rules []rule) string {
	var units []string
	tried := map[program.Field]int{} // up to where a field's run has no table
	for i := 0; i < len(rules); {
		s, n := g.findSplit(rules, i, tried)
		if s != nil {
			first, last := g.where(rules[i].at), g.where(rules[i+n-1].at)
			units = append(units, fmt.Sprintf("// %s to %s, by %s\n", first, last, s.field)+g.split(s))
			i += n
			continue
		}
		units = append(units, g.rule(&rules[i]))
		i++
	}
	if len(units) <= maxUnits {
		return strings.Join(units, "")
	}
	// The last unit may be the final verdict, which the caller must see.
	var out strings.Builder
	last := units[len(units)-1]
	units = units[:len(units)-1]
	for len(units) > 0 {
		n := min(len(units), maxUnits)
		fmt.Fprintf(&out, "if o := %s(p); o != ruleset.Open {\nreturn o\n}\n", g.part("", strings.Join(units[:n], "")))
		units = units[n:]
	}
	return out.String() + last
}

// findSplit makes a table of as many rules from number i on as possible; nil if
// none is worth it.
func (g *generator) findSplit(rules []rule, i int, tried map[program.Field]int) (*split, int) {
	var not []program.Field
	for f, end := range tried {
		if end > i {
			not = append(not, f)
		}
	}
	for {
		f, n := longestRun(rules[i:], not)
		if n < minRun {
			return nil, 0
		}
		if s, ok := splitBy(f, rules[i:i+n]); ok {
			return s, n
		}
		tried[f] = i + n
		not = append(not, f)
	}
}

// split is the Go code of a table and what is done for its numbers.
func (g *generator) split(s *split) string {
	var out strings.Builder
	sets := s.sets()
	intervals := 0
	for _, in := range sets[1:] {
		intervals += min(len(in), len(in.not(s.field)))
	}
	if intervals <= maxCompared || len(sets) == 2 {
		for n, in := range sets[1:] {
			if n > 0 {
				out.WriteString(" else ")
			}
			c := testOf(s.field, in)
			fmt.Fprintf(&out, "if %s {\n%s}", g.condition(c), g.list(s.classes[n+1].rules))
		}
		return out.String() + "\n"
	}
	// Classes with the same code are one.
	code, number := make([]string, len(s.classes)), map[string]int{}
	renumber := make([]int, len(s.classes))
	var cases []string
	for n := 1; n < len(s.classes); n++ {
		code[n] = g.list(s.classes[n].rules)
		if _, ok := number[code[n]]; !ok {
			number[code[n]] = len(number) + 1
			cases = append(cases, code[n])
		}
		renumber[n] = number[code[n]]
	}
	var entries []entry
	for _, e := range s.entries {
		if n := len(entries); n == 0 || entries[n-1].number != renumber[e.number] {
			entries = append(entries, entry{e.low, renumber[e.number]})
		}
	}
	return g.cases(lookup(g.table(s.field, entries), s.field), cases)
}

// maxCases is how many cases with code of their own one Go function has.
const maxCases = 128

// cases is a switch over the number that a table has: 0 is nothing, n+1 is
// cases[n].
func (g *generator) cases(number string, cases []string) string {
	var out strings.Builder
	if len(cases) <= maxCases {
		fmt.Fprintf(&out, "switch %s {\n", number)
		for n, body := range cases {
			fmt.Fprintf(&out, "case %d:\n%s", n+1, body)
		}
		return out.String() + "}\n"
	}
	fmt.Fprintf(&out, "switch n := %s; (n - 1) / %d {\n", number, maxCases)
	for first := 0; first < len(cases); first += maxCases {
		some := cases[first:min(first+maxCases, len(cases))]
		var part strings.Builder
		part.WriteString("switch n {\n")
		for n, body := range some {
			fmt.Fprintf(&part, "case %d:\n%s", first+n+1, body)
		}
		part.WriteString("}\n")
		fmt.Fprintf(&out, "case %d:\nif o := %s(p, n); o != ruleset.Open {\nreturn o\n}\n", first/maxCases, g.part(", n uint16", part.String()))
	}
	return out.String() + "}\n"
}

// part makes code a function of its own, with a parameter besides the packet if
// there is one. It returns its name.
func (g *generator) part(parameter, code string) string {
	g.parts++
	name := fmt.Sprintf("part%d_%s", g.parts, g.name) // no name of NaCl's begins so
	fmt.Fprintf(&g.helpers, "// %s is a part of %s.\nfunc %s(p *packet.Packet%s) ruleset.Outcome {\n%sreturn ruleset.Open\n}\n\n", name, g.name, name, parameter, code)
	return name
}

// sets are the values of each class.
func (s *split) sets() []set {
	all := make([]set, len(s.classes))
	for i, e := range s.entries {
		high := largest(s.field)
		if i+1 < len(s.entries) {
			high = s.entries[i+1].low.before()
		}
		all[e.number] = append(all[e.number], interval{e.low, high})
	}
	return all
}

// rule is the Go code of one rule.
func (g *generator) rule(r *rule) string {
	body := ""
	if r.do != nil {
		body = g.statement(r.do)
	} else {
		body = g.list(r.rules)
	}
	comment := "// " + g.where(r.at) + "\n"
	if r.when == truth(true) {
		return comment + body
	}
	return comment + "if " + g.condition(r.when) + " {\n" + body + "}\n"
}

// statement is the Go code of what is no condition.
func (g *generator) statement(s program.Stmt) string {
	switch s := s.(type) {
	case *program.Verdict:
		if s.Accept {
			return "return ruleset.Accept\n"
		}
		return "return ruleset.Drop\n"
	case *program.Translate:
		how, addr := "SNAT", "wire.Addr{}"
		if s.Destination {
			how = "DNAT"
		}
		if s.Addr.IsValid() {
			addr = fmt.Sprintf("wire.From4(%s)", constant(program.IPSource, keyOf(s.Addr)))
		}
		return fmt.Sprintf("return ruleset.Of(p.%s(%s, %d))\n", how, addr, s.Port)
	case *program.Call:
		return fmt.Sprintf("if o := %s(p); o != ruleset.Open {\nreturn o\n}\n", nameInGo(s.Function))
	}
	return g.log(s.(*program.Log))
}
