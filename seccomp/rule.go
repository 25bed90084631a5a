// Package seccomp makes kernel filters of system calls from rules that say
// why each call is allowed, and puts them on processes.
//
// A process under such a filter is killed, all its threads, by any call that
// no rule allows and by calls of another architecture's numbering.
package seccomp

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Policy is the calls a process may make. Rules of the same call are
// alternatives, and must exclude each other: their conditions, in the order of
// the arguments, are the same up to one where both are Equal to different
// values. libseccomp leaves out some calls of alternatives that overlap.
type Policy []Rule

// Rule allows a system call whose arguments meet all its conditions.
type Rule struct {
	// Call is the kernel's name of the call.
	Call string
	// Args has at most one condition for each argument, in their order.
	Args []Cond
	// Errno, unless 0, is what the call fails with, without being made.
	Errno unix.Errno
	// Why says what needs the call. It is for the reader.
	Why string
}

// Cond is a condition on one argument, compared as the 64 bits of its
// register: a caller that leaves something in the upper half of an int does
// not meet it.
type Cond struct {
	arg  int // 0 to 5
	kind condKind
	mask uint64 // of masked
	want uint64
	name string // of want, for the reader
}

type condKind int

const (
	equal condKind = iota
	atMost
	masked
)

// Equal wants argument arg, counted from 0, to be value. The name of value is
// for the reader, as are those below; it may be empty.
func Equal(arg int, value uint64, name string) Cond {
	return Cond{arg: arg, kind: equal, want: value, name: name}
}

// AtMost wants argument arg to be value or less, without sign.
func AtMost(arg int, value uint64, name string) Cond {
	return Cond{arg: arg, kind: atMost, want: value, name: name}
}

// Masked wants the bits of mask in argument arg to be those of value.
func Masked(arg int, mask, value uint64, name string) Cond {
	return Cond{arg: arg, kind: masked, mask: mask, want: value, name: name}
}

// holds says whether a value meets the condition.
func (c Cond) holds(value uint64) bool {
	switch c.kind {
	case equal:
		return value == c.want
	case atMost:
		return value <= c.want
	}
	return value&c.mask == c.want
}

// String is the condition as documents show it.
func (c Cond) String() string {
	want := c.name
	if want == "" {
		want = fmt.Sprintf("%#x", c.want)
	}
	switch c.kind {
	case equal:
		return fmt.Sprintf("arg%d = %s", c.arg, want)
	case atMost:
		return fmt.Sprintf("arg%d ≤ %s", c.arg, want)
	}
	if c.name == "" {
		want = fmt.Sprintf("%#x of the bits %#x", c.want, c.mask)
	}
	return fmt.Sprintf("arg%d has %s", c.arg, want)
}

// Conditions are those of the rule in one line, empty if there are none.
func (r Rule) Conditions() string {
	conds := make([]string, len(r.Args))
	for i, c := range r.Args {
		conds[i] = c.String()
	}
	return strings.Join(conds, ", ")
}

// Sample are arguments that meet the rule, 0 where it has no condition.
func (r Rule) Sample() (args [6]uint64) {
	for _, c := range r.Args {
		args[c.arg] = c.want
	}
	return args
}

// check says whether libseccomp can make a program of the policy.
func (p Policy) check() error {
	for i, r := range p {
		next := 0
		for _, c := range r.Args {
			if c.arg < next || c.arg > 5 {
				return fmt.Errorf("the rule of %s has a condition on argument %d out of place", r.Call, c.arg)
			}
			next = c.arg + 1
		}
		for _, other := range p[:i] {
			if other.Call == r.Call && !exclude(r.Args, other.Args) {
				return fmt.Errorf("two rules of %s overlap: (%s) and (%s)", r.Call, r.Conditions(), other.Conditions())
			}
		}
	}
	return nil
}

func exclude(a, b []Cond) bool {
	for i := range min(len(a), len(b)) {
		if a[i].same(b[i]) {
			continue
		}
		return a[i].arg == b[i].arg && a[i].kind == equal && b[i].kind == equal
	}
	return false
}

// same ignores the names.
func (c Cond) same(other Cond) bool {
	c.name, other.name = "", ""
	return c == other
}

// Match is the index of the first rule that allows the call with these
// arguments, -1 if there is none.
func (p Policy) Match(call string, args [6]uint64) int {
	for i, r := range p {
		if r.Call == call && r.meets(args) {
			return i
		}
	}
	return -1
}

func (r Rule) meets(args [6]uint64) bool {
	for _, c := range r.Args {
		if !c.holds(args[c.arg]) {
			return false
		}
	}
	return true
}
