package gen

import (
	"fmt"
	"strings"

	"tender/nacl/program"
)

// entry is an interval of a table: its number holds from low up to the next.
type entry struct {
	low    key
	number int
}

// numbered are the entries of a table that has 1 for the values of a set, and 0
// for the others of the field.
func numbered(s set) []entry {
	var all []entry
	for i, in := range s {
		all = append(all, entry{in.low, 1})
		if i == len(s)-1 || in.high.next() != s[i+1].low {
			all = append(all, entry{in.high.next(), 0})
		}
	}
	return all
}

// table is the name of a table with these entries. Equal tables are one.
func (g *generator) table(f program.Field, entries []entry) string {
	kind, typ := "32", "uint32"
	switch info := program.Info[f]; {
	case info.Shape == program.Address6:
		kind, typ = "128", "wire.Addr"
	case info.Bits == 16:
		kind, typ = "16", "uint16"
	}
	last := largest(f)
	var starts, numbers strings.Builder
	for i, e := range entries {
		if e.low.compare(last) > 0 || e.low == (key{}) && i > 0 {
			break // behind the largest value
		}
		if i%8 == 0 {
			starts.WriteString("\n")
			numbers.WriteString("\n")
		}
		switch kind {
		case "128":
			fmt.Fprintf(&starts, "{Hi: 0x%x, Lo: 0x%x}, ", e.low.hi, e.low.lo)
		case "32":
			fmt.Fprintf(&starts, "0x%08x, ", e.low.lo)
		default:
			fmt.Fprintf(&starts, "%d, ", e.low.lo)
		}
		fmt.Fprintf(&numbers, "%d, ", e.number)
	}
	text := fmt.Sprintf("= ruleset.New%s([]%s{%s\n}, []uint16{%s\n})", kind, typ, starts.String(), numbers.String())
	if name, ok := g.tables[text]; ok {
		return name
	}
	name := fmt.Sprintf("table%d", len(g.tables)+1)
	g.tables[text] = name
	fmt.Fprintf(&g.data, "var %s %s\n\n", name, text)
	return name
}

// lookup is the number that a table has for a field.
func lookup(table string, f program.Field) string {
	info := program.Info[f]
	switch {
	case info.Shape == program.Address6 || info.Bits == 16 || info.Shape == program.Number && info.Bits == 32 && f != program.IP6FlowLabel:
		return fmt.Sprintf("%s.Lookup(%s)", table, expressions[f])
	}
	return fmt.Sprintf("%s.Lookup(uint32(%s))", table, expressions[f])
}
