package datapath

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"tender/abi"
	"tender/tests/rig/suite"
)

// wildrings serves its rings by itself, and writes nonsense to them.
var wildrings = offered(program("wildrings"))

// offered has the image's note say that it may choose offloads, which the toolchain
// says only of programs with a TCP/IP stack.
func offered(g *guest) *guest {
	build := g.Make
	g.Make = func(output string) error {
		if err := build(output); err != nil {
			return err
		}
		file, err := os.ReadFile(output)
		if err != nil {
			return err
		}
		note := []byte("TND1Tender\x00\x00") // and 4 bytes, and the version
		at := bytes.Index(file, note)
		if at < 0 || at+len(note)+12 > len(file) {
			return errors.New("the image has no note of ours")
		}
		flags := file[at+len(note)+8:]
		binary.LittleEndian.PutUint32(flags, binary.LittleEndian.Uint32(flags)|abi.FlagOffloads)
		return os.WriteFile(output, file, 0o755)
	}
	return g
}

var doneLine = regexp.MustCompile(`\ndone: (\d+) descriptors (\d+) short (\d+) rooms (\d+) headers\n`)

// TestNonsense has the guest put entries into its rings that are no frames, or
// frames with headers of which nothing can be made, among frames that it passes
// on. These get through as ever; the tender counts the others.
func TestNonsense(t *testing.T) {
	for _, mode := range []string{"descriptors", "headers"} {
		t.Run(mode, func(t *testing.T) {
			suite.UnderBoth(t, func(t *testing.T, options []string) { nonsense(t, options, mode) })
		})
	}
}

func nonsense(t *testing.T, options []string, mode string) {
	l := newLab(t, options, wildrings, "a", "b")
	l.start(mode)
	there, back := both(l, "a", "b")
	limit := forSome(30 * time.Second)
	meanwhile := func() bool { return limit() && !doneLine.MatchString(l.console.String()) }
	together(func() { there.pace(meanwhile) }, func() { back.pace(meanwhile) })
	l.running()
	// What was put into the fill rings is looked at when it is its turn.
	together(func() { there.paced(1500) }, func() { back.paced(1500) })
	for _, s := range []*stream{there, back} {
		eventually(t, 10*time.Second, "all that was sent comes", func() bool { return s.sent.Load() == s.came.Load() })
	}
	m := doneLine.FindStringSubmatch(l.console.String())
	if m == nil {
		t.Fatal("the guest does not come to the end of its nonsense")
	}
	var descriptors, short, rooms, headers uint64
	fmt.Sscan(strings.Join(m[1:], " "), &descriptors, &short, &rooms, &headers)
	text := l.scrape()
	a, b := tenderCounts(t, text, "a"), tenderCounts(t, text, "b")
	// Of some headers the host can make something.
	arrived := l.stations["a"].nonsense.Load() + l.stations["b"].nonsense.Load()
	for _, c := range []struct {
		what       string
		counted, n uint64
	}{
		{"descriptors", a["send bad_descriptor"] + b["send bad_descriptor"], descriptors},
		{"short frames and headers", a["send invalid"] + b["send invalid"] + arrived, short + headers},
		{"rooms", a["receive bad_room"] + b["receive bad_room"], rooms},
	} {
		if c.counted != c.n {
			t.Errorf("%d %s are counted, and there were %d", c.counted, c.what, c.n)
		}
	}
	if descriptors+short+rooms+headers < 100 {
		t.Errorf("there was little nonsense: %s", strings.TrimSpace(m[0]))
	}
	t.Logf("%s; %d of it arrived, and %d and %d frames", strings.TrimSpace(m[0]), arrived, there.came.Load(), back.came.Load())
}

// queueFrames is how many a TAP keeps, which the tender sees to.
const queueFrames = 4096

// TestNeglect has the guest neglect one of its devices: its frames wait, and what
// its interface cannot keep is counted there. The other direction goes on as if
// nothing were.
func TestNeglect(t *testing.T) {
	for _, mode := range []string{"deaf", "hoarding"} {
		t.Run(mode, func(t *testing.T) {
			suite.UnderBoth(t, func(t *testing.T, options []string) {
				l := newLab(t, options, wildrings, "a", "b")
				l.start(mode)
				there, back := both(l, "a", "b")
				together(func() { there.paced(300) }, func() { back.paced(300) })
				there.burst(5000)
				start := back.sent.Load() - back.came.Load()
				together(func() { back.paced(5000) }, func() { there.burst(5000) })
				eventually(t, 10*time.Second, "all the others come", func() bool { return back.sent.Load()-back.came.Load() == start })
				a, tender := l.hostCounts("a"), tenderCounts(t, l.scrape(), "a")
				kept := a["sent"] - a["taken"] - a["queue full"]
				if kept > queueFrames || a["queue full"] < 3000 || tender["receive"] != a["taken"] || tender.drops("receive") != 0 {
					t.Errorf("the neglected device: %d frames are kept, %v %v", kept, a, tender)
				}
			})
		})
	}
}

// TestBreach has the guest write an index that cannot be: the tender ends it, with
// one line that names the ring.
func TestBreach(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		l := newLab(t, options, wildrings, "a", "b")
		for _, ring := range []string{"fill", "receive", "transmit", "completion"} {
			l.start("index=" + ring)
			there, back := both(l, "a", "b")
			stop := meanwhile(there, back)
			status := l.end()
			stop()
			said := strings.SplitAfter(l.console.String(), "\n")
			last := strings.Join(said[2:], "")
			if status.ExitStatus() <= 0 || strings.Count(last, "\n") != 1 || !strings.Contains(last, "Invalid guest ring: ") {
				t.Errorf("%s: status %#x, %q", ring, status, last)
			}
		}
	})
}
