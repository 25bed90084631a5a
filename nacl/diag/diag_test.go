package diag

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestPosition(t *testing.T) {
	s := NewSource("f", "ab\n\tü=x\r\n\nz")
	for _, c := range []struct{ offset, line, column int }{
		{0, 1, 1}, {2, 1, 3}, {3, 2, 1}, {4, 2, 2}, {6, 2, 3}, {7, 2, 4}, {4, 2, 2}, {10, 3, 1}, {11, 4, 1}, {12, 4, 2}, {99, 4, 2}, {-1, 1, 1},
	} {
		if line, column := s.Position(int32(c.offset)); line != c.line || column != c.column {
			t.Errorf("offset %d: %d:%d, want %d:%d", c.offset, line, column, c.line, c.column)
		}
	}
}

func TestText(t *testing.T) {
	long := strings.Repeat("a", 300)
	for _, c := range []struct {
		text       string
		start, end int32
		want       string
	}{
		{"x: 1\n\ty: bad\r\nz", 9, 12, "f:2:5: error: m\n    \ty: bad\n    \t   ^~~\n"},
		{"x", 1, 1, "f:1:2: error: m\n    x\n     ^\n"},
		{"ab\ncd", 1, 5, "f:1:2: error: m\n    ab\n     ^\n"},
		{"a\x1b[2Jb", 0, 1, "f:1:1: error: m\n    a·[2Jb\n    ^\n"},
		{long, 150, 152, "f:1:151: error: m\n    …" + long[:70] + long[:70] + "…\n    " + strings.Repeat(" ", 71) + "^~\n"},
	} {
		l := NewList(NewSource("f", c.text))
		l.Errorf(Span{c.start, c.end}, "m")
		if got := l.Text(); got != c.want {
			t.Errorf("%.20q:\n got %q\nwant %q", c.text, got, c.want)
		}
	}
}

func TestList(t *testing.T) {
	l := NewList(NewSource("f", strings.Repeat("x\n", 2*MaxListed)))
	l.Warnf(Span{4, 5}, "first")
	l.Errorf(Span{4, 5}, "%s", "first")
	l.Errorf(Span{0, 1}, "before")
	if all := l.All(); len(all) != 2 || all[0].Message != "before" || all[1].Severity != Warning || l.Errors() != 1 || l.Full() {
		t.Errorf("%+v", l.All())
	}
	for i := range int32(2 * MaxListed) {
		l.Errorf(Span{2 * i, 2*i + 1}, "e")
	}
	if len(l.All()) != MaxListed || !l.Full() || l.Unlisted() == 0 || l.Errors() != 2*MaxListed+1 {
		t.Errorf("%d kept, %d not, %d errors", len(l.All()), l.Unlisted(), l.Errors())
	}
	if !strings.HasSuffix(l.Text(), " more\n") {
		t.Error("the text does not tell that there are more")
	}
}

func TestJSON(t *testing.T) {
	l := NewList(NewSource("f", "abc"))
	l.Errorf(Span{1, 3}, "m")
	got, err := json.Marshal(l.All())
	if want := `[{"file":"f","line":1,"column":2,"length":2,"severity":"error","message":"m"}]`; err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
}
