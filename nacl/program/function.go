package program

import (
	"net/netip"

	"tender/nacl/diag"
	"tender/nacl/syntax"
)

// Function is a function of the top level. It runs its body for packets of its
// protocol only.
type Function struct {
	Name     string
	At       diag.Span
	Nat      bool
	Protocol syntax.Protocol
	// Family says which packets it can be called for: IPv4, IPv6 or both.
	Family Family
	Body   []Stmt
	// Used says that a chain leads to it.
	Used bool
}

// Family is the version of IP of the packets a function is for.
type Family uint8

// Families.
const (
	Both Family = 0
	V4   Family = 4
	V6   Family = 6
)

// Stmt is *Verdict, *Translate, *Log, *Call, *Block or *If.
type Stmt interface{ Place() diag.Span }

// Verdict ends all functions that are being executed.
type Verdict struct {
	At     diag.Span
	Accept bool
}

// Translate is dnat or snat. It ends all functions and accepts.
type Translate struct {
	At diag.Span
	// Destination is dnat.
	Destination bool
	// Addr is not valid, or Port is 0, if they stay as they are.
	Addr netip.Addr
	Port uint16
}

// Severity is that of syslog, 0 to 7 (RFC 5424 §6.2.1), or Console.
type Severity int8

// Console is the severity of what log writes.
const Console Severity = -1

// Severities are the names in NaCl, by number.
var Severities = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// Log writes its parts, one behind the other.
type Log struct {
	At       diag.Span
	Severity Severity
	Parts    []Part
}

// Part is a text, or the value of a field if Field is not NoField.
type Part struct {
	Text  string
	Field Field
}

// Call runs another function; afterwards the caller goes on if that came to no
// verdict.
type Call struct {
	At       diag.Span
	Function *Function
}

// Block runs its body for packets of its protocol.
type Block struct {
	At       diag.Span
	Protocol syntax.Protocol
	Body     []Stmt
}

// If runs one of its bodies.
type If struct {
	At         diag.Span
	Cond       Cond
	Then, Else []Stmt
}

// Place implements Stmt.
func (s *Verdict) Place() diag.Span   { return s.At }
func (s *Translate) Place() diag.Span { return s.At }
func (s *Log) Place() diag.Span       { return s.At }
func (s *Call) Place() diag.Span      { return s.At }
func (s *Block) Place() diag.Span     { return s.At }
func (s *If) Place() diag.Span        { return s.At }
