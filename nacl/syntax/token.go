package syntax

import "tender/nacl/diag"

// Kind is the kind of a token.
type Kind uint8

// Kinds.
const (
	EOF Kind = iota
	Ident
	Number
	// Addr6 is an IPv6 address; it is written without blanks inside.
	Addr6
	// Text is a string with its quotes.
	Text

	Minus
	Slash
	Dot
	Colon
	Comma
	LeftBrace
	RightBrace
	LeftBracket
	RightBracket
	LeftParen
	RightParen

	Equal
	NotEqual
	Greater
	Less
	GreaterEqual
	LessEqual
	In
	And
	Or
	Not
	If
	Else
	True
	False
)

// reserved are the words that are no identifiers, in exactly these spellings.
var reserved = map[string]Kind{
	"in": In, "IN": In, "and": And, "or": Or, "not": Not, "if": If, "else": Else, "true": True, "false": False,
}

// marks are the tokens of fixed spelling, the longer before the shorter.
var marks = []struct {
	text string
	kind Kind
}{
	{"==", Equal}, {"!=", NotEqual}, {">=", GreaterEqual}, {"<=", LessEqual}, {"&&", And}, {"||", Or},
	{">", Greater}, {"<", Less}, {"!", Not}, {"-", Minus}, {"/", Slash}, {".", Dot}, {":", Colon}, {",", Comma},
	{"{", LeftBrace}, {"}", RightBrace}, {"[", LeftBracket}, {"]", RightBracket}, {"(", LeftParen}, {")", RightParen},
}

// Token is a word of the text.
type Token struct {
	diag.Span
	Kind Kind
	// Role is what the parser found the token to begin.
	Role Role
	// Lines is how many line ends are before the token, up to 2.
	Lines uint8
}

// Role is what a token begins, for the formatter.
type Role uint8

// Roles.
const (
	Plain Role = iota
	// Item is the first token of a declaration or of an element of a body.
	Item
	// Body is the brace that opens a body; other braces open objects.
	Body
	// Sign is the minus of a negative number; other ones are of ranges.
	Sign
	// Zero is the first of two colons that are the IPv6 address ::.
	Zero
	// Scope is the first of the two colons between type and subtype.
	Scope
)

// Comment is a comment of the text, without its line end.
type Comment struct {
	diag.Span
	// Before is the number of the token that follows.
	Before int32
	// Lines is how many line ends are before the comment, up to 2.
	Lines uint8
	// Block is a comment that has an end of its own.
	Block bool
}
