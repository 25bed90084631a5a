package syntax

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"tender/nacl/diag"
)

// scanner makes tokens of a text.
type scanner struct {
	text     string
	at       int
	lines    uint8
	tokens   []Token
	comments []Comment
	errs     *diag.List
}

// scan reads the whole text. The last token is EOF.
func scan(src *diag.Source, errs *diag.List) ([]Token, []Comment) {
	s := &scanner{text: src.Text, errs: errs, tokens: make([]Token, 0, len(src.Text)/4+1)}
	for s.blanks() && !errs.Full() {
		s.token()
	}
	s.at = len(s.text)
	s.add(EOF, s.at)
	return s.tokens, s.comments
}

func (s *scanner) rest() string { return s.text[s.at:] }

func (s *scanner) errorf(start, end int, format string, args ...any) {
	s.errs.Errorf(diag.Span{Start: int32(start), End: int32(end)}, format, args...)
}

// add appends a token that ends at end, and goes there.
func (s *scanner) add(k Kind, end int) {
	s.tokens = append(s.tokens, Token{Span: diag.Span{Start: int32(s.at), End: int32(end)}, Kind: k, Lines: s.lines})
	s.at, s.lines = end, 0
}

// blanks skips what is between tokens; it reports whether there is more.
func (s *scanner) blanks() bool {
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '\n':
			s.lines = min(s.lines+1, 2)
			s.at++
		case c == ' ' || c == '\t' || c == '\r':
			s.at++
		default:
			size, block := commentLen(s.rest())
			if size == 0 {
				return true
			}
			s.comment(size, block)
		}
	}
	return false
}

func (s *scanner) comment(size int, block bool) {
	start, end := s.at, s.at+size
	if block && (size < 4 || s.text[end-2:end] != "*/") {
		s.errorf(start, start+2, "the comment is not closed: */ is missing")
	}
	s.comments = append(s.comments, Comment{
		Span:   diag.Span{Start: int32(start), End: int32(start + len(strings.TrimRight(s.text[start:end], " \t\r")))},
		Before: int32(len(s.tokens)), Lines: s.lines, Block: block,
	})
	s.at, s.lines = end, 0
}

// commentLen is the length of the comment that b begins with, 0 if it begins
// with none. One that is not closed takes the rest.
func commentLen(b string) (size int, block bool) {
	switch {
	case strings.HasPrefix(b, "#"), strings.HasPrefix(b, "//"):
		if end := strings.IndexByte(b, '\n'); end >= 0 {
			return end, false
		}
		return len(b), false
	case strings.HasPrefix(b, "/*"):
		if end := strings.Index(b[2:], "*/"); end >= 0 {
			return 2 + end + 2, true
		}
		return len(b), true
	}
	return 0, false
}

// token reads the token at s.at, which is no blank and no comment.
func (s *scanner) token() {
	if end := s.addr6(); end > 0 {
		s.add(Addr6, end)
		return
	}
	if s.text[s.at] == '"' {
		s.string()
		return
	}
	kind, size := wordLen(s.rest())
	if size > 0 {
		s.add(kind, s.at+size)
		return
	}
	s.at = s.stray()
}

// wordLen is the kind and the length of the token at the start of b, other than
// a string and an IPv6 address; 0 if there is none.
func wordLen(b string) (Kind, int) {
	switch c := b[0]; {
	case isDigit(c):
		n := 1
		for n < len(b) && isDigit(b[n]) {
			n++
		}
		return Number, n
	case isLetter(c):
		n := 1
		for n < len(b) && (isWord(b[n]) || b[n] == '-') {
			n++
		}
		if k, ok := reserved[b[:n]]; ok {
			return k, n
		}
		return Ident, n
	}
	for _, m := range marks {
		if strings.HasPrefix(b, m.text) {
			return m.kind, len(m.text)
		}
	}
	return EOF, 0
}

// stray reports the characters at s.at that are in no token, those of one kind
// in a row at once, and returns where they end.
func (s *scanner) stray() int {
	end := s.at
	for end < len(s.text) {
		c := s.text[end]
		if c == '"' || strings.IndexByte(" \t\r\n", c) >= 0 {
			break
		}
		if size, _ := commentLen(s.text[end:]); size > 0 {
			break
		}
		if _, size := wordLen(s.text[end:]); size > 0 {
			break
		}
		end++
	}
	if !utf8.ValidString(s.text[s.at:end]) {
		s.errorf(s.at, end, "there are bytes here that are no text")
		return end
	}
	s.errorf(s.at, end, "NaCl has no character %s", quoteSome(s.text[s.at:end]))
	return end
}

// quoteSome quotes the start of a text.
func quoteSome(text string) string {
	const some = 20
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > some {
			b.WriteString("…")
			break
		}
		if r < ' ' || r == 0x7f {
			r = '·'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// string reads a string, which ends on its line.
func (s *scanner) string() {
	open, at := s.at, s.at+1
	comment := -1
	for at < len(s.text) && s.text[at] != '\n' {
		b := s.text[at:]
		switch size, block := commentLen(b); {
		case size > 0:
			if !block || strings.IndexByte(b[:size], '\n') >= 0 || !strings.HasSuffix(b[:size], "*/") {
				comment = at
			}
			at += size
			continue
		case b[0] == '"':
			s.add(Text, at+1)
			return
		case strings.IndexByte(" \t\r", b[0]) >= 0:
			at++
			continue
		case strings.HasPrefix(b, `\n`):
			at += 2
			continue
		}
		if _, size := wordLen(b); size > 0 {
			at += size
			continue
		}
		s.at = at
		at = s.stray()
	}
	s.at = open
	if comment >= 0 {
		s.errorf(open, comment, "the string is not closed: # and // and /* begin a comment in a string too")
	} else {
		s.errorf(open, at, `the string is not closed: " is missing on this line`)
	}
	s.add(Text, at)
}

// addr6 returns where the IPv6 address at s.at ends, 0 if there is none.
func (s *scanner) addr6() int {
	const longest = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")
	c := s.text[s.at]
	if !isHex(c) && c != ':' || c == ':' && s.at > 0 && isWord(s.text[s.at-1]) {
		return 0
	}
	end, colons := s.at, 0
	for end < len(s.text) && end-s.at <= longest && (isHex(s.text[end]) || s.text[end] == ':' || s.text[end] == '.') {
		if s.text[end] == ':' {
			colons++
		}
		end++
	}
	switch {
	case colons < 2, end-s.at == len("::"), end-s.at > longest, end < len(s.text) && isWord(s.text[end]):
		return 0
	}
	if a, err := netip.ParseAddr(s.text[s.at:end]); err != nil || !a.Is6() {
		return 0
	}
	return end
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isHex(c byte) bool    { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// isWord reports a character of identifiers and numbers, - excepted.
func isWord(c byte) bool { return isDigit(c) || isLetter(c) || c == '_' }
