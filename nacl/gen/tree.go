package gen

import (
	"encoding/binary"
	"slices"

	"tender/nacl/program"
)

// Bounds of the search for tables.
const (
	// minRun is the shortest run of rules that is worth a table.
	minRun = 4
	// maxWork bounds the work on one run, and maxClasses the classes of one
	// table.
	maxWork    = 1 << 24
	maxClasses = 1 << 15
)

// class is what is to be done for some values of a field: rules, whose
// conditions are not about the field any more.
type class struct{ rules []rule }

// split is a run of rules, all with a test of one field, as a table from the
// field's values to classes; class 0 is nothing.
type split struct {
	field   program.Field
	entries []entry
	classes []class
}

// longestRun finds the field that most of the first rules have tests of, and
// how many do.
func longestRun(rules []rule, not []program.Field) (field program.Field, n int) {
	for _, f := range rules[0].fields() {
		if slices.Contains(not, f) {
			continue
		}
		length := 0
		for i := range rules {
			if _, _, ok := rules[i].on(f); !ok {
				break
			}
			length++
		}
		if length > n {
			field, n = f, length
		}
	}
	return field, n
}

// bound is where rules begin or cease to apply.
type bound struct {
	at    key
	rule  int
	begin bool
}

// splitBy makes a split of rules that all have a test of a field. It gives up,
// with false, if the rules overlap so much that their code would be several
// times as long.
func splitBy(f program.Field, rules []rule) (*split, bool) {
	s := &split{field: f, classes: []class{{}}}
	rest := make([]rule, len(rules))
	var bounds []bound
	high := largest(f)
	for i := range rules {
		in, when, _ := rules[i].on(f)
		rest[i] = rules[i]
		rest[i].when = when
		for _, x := range in {
			bounds = append(bounds, bound{x.low, i, true})
			if x.high != high {
				bounds = append(bounds, bound{x.high.next(), i, false})
			}
		}
	}
	slices.SortFunc(bounds, func(a, b bound) int { return a.at.compare(b.at) })
	var active []int
	classes, size, work := map[string]int{}, 0, 0
	for i := 0; i < len(bounds); {
		at := bounds[i].at
		for ; i < len(bounds) && bounds[i].at == at; i++ {
			active = toggle(active, bounds[i])
		}
		list := effective(rest, active)
		if work += len(list) + len(active)/16; work > maxWork {
			return nil, false
		}
		name := nameOf(rest, list)
		number, ok := classes[name]
		if !ok && len(list) > 0 {
			number = len(s.classes)
			classes[name] = number
			c := class{}
			for _, r := range list {
				c.rules = append(c.rules, rest[r])
			}
			s.classes = append(s.classes, c)
			if size += len(list); size > 4*len(rules)+64 || number > maxClasses {
				return nil, false
			}
		}
		if n := len(s.entries); n == 0 && number != 0 || n > 0 && s.entries[n-1].number != number {
			s.entries = append(s.entries, entry{at, number})
		}
	}
	return s, true
}

// toggle adds a rule to those that apply, in their order, or takes it out.
func toggle(active []int, b bound) []int {
	at, found := slices.BinarySearch(active, b.rule)
	switch {
	case b.begin && !found:
		return slices.Insert(active, at, b.rule)
	case !b.begin && found:
		return slices.Delete(active, at, at+1)
	}
	return active
}

// effective are the rules that apply up to the first that always ends all.
func effective(rules []rule, active []int) []int {
	for i, r := range active {
		if rules[r].when == truth(true) && rules[r].final() {
			return active[:i+1]
		}
	}
	return active
}

// nameOf names a list of rules. Lists that are only a verdict have one name
// for each verdict.
func nameOf(rules []rule, list []int) string {
	if len(list) == 1 && rules[list[0]].when == truth(true) {
		if v, ok := rules[list[0]].verdict(); ok {
			return map[bool]string{true: "accept", false: "drop"}[v]
		}
	}
	name := make([]byte, 0, 4*len(list))
	for _, r := range list {
		name = binary.BigEndian.AppendUint32(name, uint32(r))
	}
	return string(name)
}

// verdict reports that the rule does nothing but accept or drop.
func (r *rule) verdict() (accept, ok bool) {
	if v, isVerdict := r.do.(*program.Verdict); isVerdict {
		return v.Accept, true
	}
	if r.do == nil && len(r.rules) == 1 && r.rules[0].when == truth(true) {
		return r.rules[0].verdict()
	}
	return false, false
}
