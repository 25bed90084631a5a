package program

import (
	"cmp"
	"net/netip"
	"strconv"
)

// Cond is *Logic, *Negation, *Compare, *Member or *Constant.
type Cond interface{ cond() }

// Logic is true if all terms are, or with Or if one is.
type Logic struct {
	Or    bool
	Terms []Cond
}

// Negation is not.
type Negation struct{ Term Cond }

// Constant is a condition that no packet matters to.
type Constant struct{ Value bool }

// Op is a comparison of two values.
type Op uint8

// Comparisons.
const (
	Equal Op = iota
	NotEqual
	Less
	LessEqual
	Greater
	GreaterEqual
)

// Compare compares two values of one shape. Truth and ConnState are compared
// by Equal and NotEqual only.
type Compare struct {
	Op          Op
	Left, Right Operand
}

// Member is true if the left side is in one of the ranges. Those of another
// shape have it never.
type Member struct {
	Left Operand
	Set  []Range
}

func (*Logic) cond()    {}
func (*Negation) cond() {}
func (*Constant) cond() {}
func (*Compare) cond()  {}
func (*Member) cond()   {}

// Operand is a field of the packet, or Value if Field is NoField.
type Operand struct {
	Field Field
	Value Scalar
}

// Shape is what the operand can be compared with.
func (o Operand) Shape() Shape {
	if o.Field != NoField {
		return Info[o.Field].Shape
	}
	return o.Value.Shape
}

// State is a state of connections.
type State uint8

// States.
const (
	Invalid State = iota
	New
	Established
	Related
)

var stateNames = [...]string{"invalid", "new", "established", "related"}

// String is the name in NaCl.
func (s State) String() string { return stateNames[s] }

// Scalar is a constant that can be compared. By its shape it has one of the
// values; a number has Int, or Decimal if IsDecimal says so.
type Scalar struct {
	Shape     Shape
	IsDecimal bool
	Int       int64
	Decimal   float64
	Addr      netip.Addr
	Truth     bool
	State     State
}

// Whole is the scalar of a whole number.
func Whole(n int64) Scalar { return Scalar{Shape: Number, Int: n} }

// Address is the scalar of an address.
func Address(a netip.Addr) Scalar {
	if a.Is4() {
		return Scalar{Shape: Address4, Addr: a}
	}
	return Scalar{Shape: Address6, Addr: a}
}

// Compare orders two scalars of one shape that are numbers or addresses; for
// other shapes 0 says that they are equal.
func (s Scalar) Compare(t Scalar) int {
	switch s.Shape {
	case Address4, Address6:
		return s.Addr.Compare(t.Addr)
	case Truth:
		if s.Truth == t.Truth {
			return 0
		}
		return 1
	case ConnState:
		return cmp.Compare(s.State, t.State)
	}
	if s.IsDecimal || t.IsDecimal {
		return cmp.Compare(s.float(), t.float())
	}
	return cmp.Compare(s.Int, t.Int)
}

func (s Scalar) float() float64 {
	if s.IsDecimal {
		return s.Decimal
	}
	return float64(s.Int)
}

// String is the scalar as log prints it.
func (s Scalar) String() string {
	switch s.Shape {
	case Address4, Address6:
		return s.Addr.String()
	case Truth:
		return strconv.FormatBool(s.Truth)
	case ConnState:
		return s.State.String()
	}
	if s.IsDecimal {
		return strconv.FormatFloat(s.Decimal, 'g', -1, 64)
	}
	return strconv.FormatInt(s.Int, 10)
}

// Holds reports whether the comparison is true of two scalars of one shape.
func (op Op) Holds(a, b Scalar) bool {
	c := a.Compare(b)
	switch op {
	case Equal:
		return c == 0
	case NotEqual:
		return c != 0
	case Less:
		return c < 0
	case LessEqual:
		return c <= 0
	case Greater:
		return c > 0
	}
	return c >= 0
}

// Range is from Low to High, both included and of one shape. A single value
// has both equal.
type Range struct{ Low, High Scalar }
