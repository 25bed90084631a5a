package neighbour

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tender/guest/net/wire"
)

// fakeLink writes down what a cache does.
type fakeLink struct{ log []string }

func (l *fakeLink) SendRequest(target wire.Addr) {
	l.log = append(l.log, fmt.Sprint("ask ", target.Lo))
}
func (l *fakeLink) Resolved(frame []byte, tag int, mac wire.MAC) {
	l.log = append(l.log, fmt.Sprintf("send %d %d to %d", frame[0], tag, mac[5]))
}
func (l *fakeLink) GaveUp(frame []byte, tag int, why Reason) {
	l.log = append(l.log, fmt.Sprintf("drop %d %d %d", frame[0], tag, why))
}

func newCache(t testing.TB, neighbours, frames int) (*Cache, *fakeLink) {
	t.Helper()
	link := new(fakeLink)
	c, err := New(Config{Neighbours: neighbours, Waiting: frames, FrameBytes: 64}, link)
	if err != nil {
		t.Fatal(err)
	}
	return c, link
}

func mac(n byte) wire.MAC { return wire.MAC{2, 0, 0, 0, 0, n} }

// ip is an address.
func ip(n uint64) wire.Addr { return wire.Addr{Lo: n} }

func frame(n byte) []byte { return []byte{n} }

const second = int64(time.Second)

// expect compares what was done since the last call.
func (l *fakeLink) expect(t *testing.T, what string, want ...string) {
	t.Helper()
	if !slices.Equal(l.log, want) {
		t.Errorf("%s: %q, want %q", what, l.log, want)
	}
	l.log = nil
}

func TestResolve(t *testing.T) {
	c, link := newCache(t, 8, 8)
	c.Hold(ip(1), frame(10), 3, 0)
	c.Hold(ip(1), frame(11), 4, 0)
	link.expect(t, "asked once", "ask 1")
	c.Heard(ip(2), mac(9), 0)
	if _, ok := c.Lookup(ip(2)); ok || c.Neighbours() != 0 {
		t.Error("a neighbour nobody asked for is known")
	}
	c.Heard(ip(1), mac(1), second/2)
	link.expect(t, "sent in order", "send 10 3 to 1", "send 11 4 to 1")
	if m, ok := c.Lookup(ip(1)); !ok || m != mac(1) {
		t.Errorf("Lookup = %v %v", m, ok)
	}
	if c.Waiting() != 0 {
		t.Errorf("%d frames wait", c.Waiting())
	}
}

func TestRetryAndGiveUp(t *testing.T) {
	c, link := newCache(t, 8, 8)
	c.Hold(ip(1), frame(10), 0, 0)
	for i := range int64(3) {
		if d := c.Deadline(); d != (i+1)*second {
			t.Errorf("deadline %d, want %d", d, (i+1)*second)
		}
		c.Tick((i+1)*second - 1)
		c.Tick((i + 1) * second)
	}
	link.expect(t, "three requests", "ask 1", "ask 1", "ask 1", "drop 10 0 0")
	if c.Deadline() != Never {
		t.Error("something is left to do")
	}
}

func TestRefresh(t *testing.T) {
	c, link := newCache(t, 8, 8)
	for _, a := range []uint64{1, 2} {
		c.Hold(ip(a), frame(10), 0, 0)
		c.Heard(ip(a), mac(byte(a)), 0)
	}
	c.Heard(ip(2), mac(2), 1) // confirmed, and not used since
	c.Lookup(ip(1))
	link.log = nil
	c.Tick(61 * second)
	link.expect(t, "only what is used", "ask 1")
	if _, ok := c.Lookup(ip(2)); ok {
		t.Error("an idle neighbour is still known")
	}
	if m, ok := c.Lookup(ip(1)); !ok || m != mac(1) {
		t.Error("a neighbour being asked again is not known")
	}
	c.Heard(ip(1), mac(1), 62*second)
	c.Lookup(ip(1))
	c.Tick(121 * second)
	link.expect(t, "confirmed")
	c.Tick(122 * second)
	c.Tick(123 * second)
	c.Tick(124 * second)
	c.Tick(125 * second)
	link.expect(t, "gone", "ask 1", "ask 1", "ask 1")
	if _, ok := c.Lookup(ip(1)); ok {
		t.Error("a silent neighbour is still known")
	}
}

// TestPoison sends false and true announcements of a new address.
func TestPoison(t *testing.T) {
	c, link := newCache(t, 8, 8)
	at := func(want byte, when string) {
		t.Helper()
		if m, ok := c.Lookup(ip(1)); !ok || m != mac(want) {
			t.Errorf("%s: %v %v, want %v", when, m, ok, mac(want))
		}
	}
	c.Hold(ip(1), frame(10), 0, 0)
	c.Heard(ip(1), mac(1), 0)
	link.log = nil
	c.Heard(ip(1), mac(66), 1*second)
	at(1, "soon after it was confirmed")
	link.expect(t, "settled")
	c.Heard(ip(1), mac(66), 10*second)
	at(1, "announced")
	link.expect(t, "checked", "ask 1")
	c.Heard(ip(1), mac(66), 10*second+1) // the liar answers first
	at(1, "answered by a liar")
	c.Heard(ip(1), mac(1), 10*second+2)
	c.Tick(12 * second)
	at(1, "answered by both")
	link.expect(t, "settled again")
	// A real move: the old owner is silent.
	c.Heard(ip(1), mac(2), 20*second)
	c.Heard(ip(1), mac(2), 20*second+1)
	c.Tick(21 * second)
	at(2, "moved")
	// Announced, and then nobody answers at all.
	c.Heard(ip(1), mac(3), 30*second)
	for i := range int64(4) {
		c.Tick((31 + i) * second)
	}
	if _, ok := c.Lookup(ip(1)); ok {
		t.Error("known though nobody answers")
	}
}

func TestBounds(t *testing.T) {
	c, link := newCache(t, 8, 6)
	for i := range uint64(4) { // half of the cache is real
		c.Hold(ip(100+i), frame(1), 0, 0)
		c.Heard(ip(100+i), mac(1), 0)
	}
	link.log = nil
	for i := range byte(6) { // one neighbour keeps the newest frames
		c.Hold(ip(7), frame(i), 0, 0)
	}
	link.expect(t, "per neighbour", "ask 7", "drop 0 0 1", "drop 1 0 1")
	held := 0
	for i := range uint64(1000) { // a scan
		if c.Hold(ip(1000+i), frame(9), 0, 1) {
			held++
		}
	}
	if c.Waiting() > 6 || held == 0 {
		t.Errorf("%d frames wait, %d were held", c.Waiting(), held)
	}
	for i := range uint64(4) {
		if _, ok := c.Lookup(ip(100 + i)); !ok {
			t.Error("a scan displaced a known neighbour")
		}
	}
	for i := range uint64(100) { // more real neighbours than entries
		c.Hold(ip(2000+i), frame(9), 0, 2)
		c.Heard(ip(2000+i), mac(9), 2)
	}
	if c.Neighbours() > 8 {
		t.Errorf("%d neighbours in 8 entries", c.Neighbours())
	}
}

// TestFramesAddUp holds frames at random; each must come back exactly once.
func TestFramesAddUp(t *testing.T) {
	c, link := newCache(t, 16, 20)
	rng := rand.New(rand.NewPCG(1, 2))
	now, held := int64(0), 0
	for range 50000 {
		now += rng.Int64N(second / 10)
		a := uint64(rng.Uint32N(40))
		switch rng.IntN(4) {
		case 0:
			c.Heard(ip(a), mac(byte(rng.IntN(3)+1)), now)
		case 1:
			c.Tick(now)
			if d := c.Deadline(); d <= now {
				t.Fatalf("deadline %d after Tick(%d)", d, now)
			}
		default:
			if _, ok := c.Lookup(ip(a)); !ok && c.Hold(ip(a), frame(1), 0, now) {
				held++
			}
		}
	}
	back := 0
	for _, line := range link.log {
		if line[0] != 'a' {
			back++
		}
	}
	if held != back+c.Waiting() {
		t.Errorf("%d frames held, %d came back, %d wait", held, back, c.Waiting())
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []Config{{}, {1, 1, 64}, {2, 0, 64}, {2, 1, 13}, {2, 1, 1 << 17}, {1 << 17, 1, 64}} {
		if _, err := New(c, nil); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}
