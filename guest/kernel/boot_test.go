package kernel

import (
	"fmt"
	"strings"
	"testing"
)

// split is what os.Args[1:] become.
func split(t testing.TB, region uintptr, line string) []string {
	const wordsAt = 64 << 10
	vector := region + 128<<10
	p := pointerList{vector}
	n := splitWords(skipLogOptions([]byte(line)), region+wordsAt, &p)
	if p.next != vector+uintptr(n)*8 {
		t.Fatalf("%d words, %d bytes of pointers", n, p.next-vector)
	}
	words := []string{}
	for i := range uintptr(n) {
		words = append(words, string(cstring(*at[uintptr](vector + 8*i), 16<<10)))
	}
	return words
}

// splitOracle says the same with package strings.
func splitOracle(line string) []string {
	for strings.HasPrefix(line, "--solo5:") {
		_, line, _ = strings.Cut(line, " ")
	}
	if line == "" {
		return []string{}
	}
	return strings.SplitN(line, " ", maxArgs)
}

func FuzzSplitWords(f *testing.F) {
	for _, s := range []string{
		"", "a", "a b", " a", "a ", "  ", "--solo5:quiet", "--solo5:quiet ", "--solo5:quiet  a", "--solo5: --solo5:x y",
		"--solo5", "a --solo5:quiet", strings.Repeat("x ", 2*maxArgs), strings.Repeat("y", 8191),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if len(line) > 8191 || strings.Contains(line, "\x00") {
			return
		}
		got, want := split(t, mapRegion(t, 256<<10), line), splitOracle(line)
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Fatalf("%q: %q, want %q", line, got, want)
		}
	})
}

// Leading --env words become variables, up to a limit, and others stay.
func TestTakeEnvironment(t *testing.T) {
	region := mapRegion(t, 256<<10)
	many := strings.Repeat("--env=A=1 ", maxVariables+1)
	for _, c := range []struct {
		line, words string
		variables   []string
	}{
		{"", "", nil},
		{"a --env=A=1", "a --env=A=1", nil},
		{"--env=A=1", "", []string{"A=1"}},
		{"--env=A=1 --env=B= -- --env=C=2", "-- --env=C=2", []string{"A=1", "B="}},
		{"--env= x", "--env= x", nil},
		{"--environment x", "--environment x", nil},
		{many, "--env=A=1 ", strings.Fields(strings.Repeat("A=1 ", maxVariables))},
	} {
		vector := region + 128<<10
		p := pointerList{vector}
		n := splitWords([]byte(c.line), region, &p)
		taken := p.takeEnvironment(vector, n)
		var words, variables []string
		for a := vector; a < p.next; a += 8 {
			words = append(words, string(cstring(*at[uintptr](a), 16<<10)))
		}
		for _, a := range environment[:taken] {
			variables = append(variables, string(cstring(a, 16<<10)))
		}
		if strings.Join(words, " ") != c.words || fmt.Sprint(variables) != fmt.Sprint(c.variables) {
			t.Errorf("%q: words %q, variables %q", c.line, words, variables)
		}
	}
}

func TestMemoryLimit(t *testing.T) {
	defer func(free int) { pages.free = free }(pages.free)
	for _, free := range []int{0, 1, 4, 1000, 16384, 1 << 20} {
		pages.free = free
		want := fmt.Sprintf("GOMEMLIMIT=%d", free*pageSize/4*3)
		if got := string(cstring(memoryLimit(), 64)); got != want {
			t.Errorf("%d pages: %q, want %q", free, got, want)
		}
	}
}

func TestProgram(t *testing.T) {
	defer func(p string) { Program = p }(Program)
	for _, Program = range []string{"", "guest", strings.Repeat("p", 255), strings.Repeat("q", 1000)} {
		if got := string(cstring(program(), 4096)); got != Program[:min(len(Program), 255)] {
			t.Errorf("%q: %q", Program, got)
		}
	}
}

func TestRandom(t *testing.T) {
	randomInit()
	seen := map[[16]byte]bool{}
	for range 100 {
		var b [16]byte
		fillRandom(b[:])
		if seen[b] {
			t.Fatalf("%x came twice", b)
		}
		seen[b] = true
	}
	for n := range 20 {
		b := make([]byte, 32)
		fillRandom(b[:n])
		for i, c := range b[n:] {
			if c != 0 {
				t.Errorf("%d bytes were asked for, byte %d was written", n, n+i)
			}
		}
	}
}
