package syntax

import (
	"net/netip"
	"strings"

	"tender/nacl/diag"
)

// File is what was read. What could not be read is not in it, or Broken.
type File struct {
	Source   *diag.Source
	Decls    []Decl
	Tokens   []Token
	Comments []Comment
}

// Word is an identifier at a place.
type Word struct {
	diag.Span
	Text string
}

// Decl is a declaration: *Typed, *Untyped, *Function or *Broken.
type Decl interface{ decl() }

// Broken is a declaration that could not be read: a part of what the name
// stands for is not known.
type Broken struct{ Name Word }

// Typed is an element with a type: Iface eth0 { … }.
type Typed struct {
	Type, Name Word
	Value      Value
}

// Untyped is a constant, or with a longer name an assignment.
type Untyped struct {
	Name  *Name
	Value Value
}

// Action is the type of functions.
type Action uint8

// Types of functions.
const (
	Filter Action = iota
	Nat
	Rewrite
)

var actionNames = [...]string{"Filter", "Nat", "Rewrite"}

// String is the name in NaCl.
func (a Action) String() string { return actionNames[a] }

// Protocol is the subtype of functions.
type Protocol uint8

// Subtypes.
const (
	IP Protocol = iota
	TCP
	UDP
	ICMP
	// IP6 and ICMP6 are ours.
	IP6
	ICMP6
)

var protocolNames = [...]string{"IP", "TCP", "UDP", "ICMP", "IP6", "ICMP6"}

// String is the name in NaCl.
func (p Protocol) String() string { return protocolNames[p] }

// Function is a function at the top level or a block in another.
type Function struct {
	// Head is Type::Subtype.
	Head     diag.Span
	Action   Action
	Protocol Protocol
	// Name is empty where a block has none.
	Name Word
	Body []Stmt
	// Broken says that a part of the body could not be read.
	Broken bool
}

func (*Typed) decl()    {}
func (*Untyped) decl()  {}
func (*Function) decl() {}
func (*Broken) decl()   {}

// Stmt is an element of a body: *Call, *Branch or *Function.
type Stmt interface{ stmt() }

// Call is an action, or a function that is called.
type Call struct {
	diag.Span
	Name Word
	Args []Value
	// Parens says that there are parentheses, if only empty ones.
	Parens bool
}

// Branch is a condition with its bodies; Else is nil if there is none. Cond is
// nil if it could not be read.
type Branch struct {
	// Head is the if with its parenthesis.
	Head       diag.Span
	Cond       Cond
	Then, Else []Stmt
}

func (*Call) stmt()     {}
func (*Branch) stmt()   {}
func (*Function) stmt() {}

// Cond is a condition: *Logic, *Negation, *Compare or *Bare.
type Cond interface{ cond() }

// Logic joins two or more conditions by and, or by or.
type Logic struct {
	Or    bool
	Terms []Cond
}

// Negation is not.
type Negation struct{ Term Cond }

// Compare is a comparison; Op is Equal to LessEqual, or In.
type Compare struct {
	Op          Kind
	OpSpan      diag.Span
	Left, Right Value
}

// Bare is a value as a condition.
type Bare struct{ Value Value }

func (*Logic) cond()    {}
func (*Negation) cond() {}
func (*Compare) cond()  {}
func (*Bare) cond()     {}

// Value is *Int, *Decimal, *Bool, *Addr, *Prefix, *Range, *String, *Name,
// *Object or *List.
type Value interface{ Place() diag.Span }

// Int is a whole number.
type Int struct {
	diag.Span
	Value int64
}

// Decimal is a number with a point.
type Decimal struct {
	diag.Span
	Value float64
}

// Bool is true or false.
type Bool struct {
	diag.Span
	Value bool
}

// Addr is an IPv4 or IPv6 address.
type Addr struct {
	diag.Span
	Value netip.Addr
}

// Prefix is a network; the address may have bits beyond it.
type Prefix struct {
	diag.Span
	Value netip.Prefix
}

// Range is from Low to High, both of them included. They are of one kind,
// *Int, *Decimal or *Addr of one family, and in order.
type Range struct{ Low, High Value }

// String is a text, without quotes and comments, line ends for \n.
type String struct {
	diag.Span
	Value string
}

// Name is one or more words with dots between them.
type Name struct{ Words []Word }

// String is the name with its dots.
func (n *Name) String() string {
	words := make([]string, len(n.Words))
	for i, w := range n.Words {
		words[i] = w.Text
	}
	return strings.Join(words, ".")
}

// Object is a list of keys with values, at least one.
type Object struct {
	diag.Span
	Pairs []Pair
}

// Pair is a member of an object.
type Pair struct {
	Key   Word
	Value Value
}

// List is a list of values, at least one.
type List struct {
	diag.Span
	Items []Value
}

// Place implements Value.
func (s *Int) Place() diag.Span     { return s.Span }
func (s *Decimal) Place() diag.Span { return s.Span }
func (s *Bool) Place() diag.Span    { return s.Span }
func (s *Addr) Place() diag.Span    { return s.Span }
func (s *Prefix) Place() diag.Span  { return s.Span }
func (s *Range) Place() diag.Span   { return s.Low.Place().To(s.High.Place()) }
func (s *String) Place() diag.Span  { return s.Span }
func (s *Name) Place() diag.Span    { return s.Words[0].To(s.Words[len(s.Words)-1].Span) }
func (s *Object) Place() diag.Span  { return s.Span }
func (s *List) Place() diag.Span    { return s.Span }
