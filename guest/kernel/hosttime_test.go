package kernel

import (
	"math/rand/v2"
	"testing"
)

// TestHostTime reads a clock of which counter and host disagree a little, and is
// never far off.
func TestHostTime(t *testing.T) {
	for _, hz := range []float64{25e6, 1e9, 2.4454e9, 5.7e9} {
		r := rand.New(rand.NewPCG(uint64(hz), 1))
		var h hostTime
		ns, guesses, reads, last := 1e12, 0, 0, int64(0)
		tsc := func() uint64 { return uint64(ns/1e9*hz) + 1<<40 }
		for range 300000 {
			ns += r.ExpFloat64() * 20e3
			got, ok := h.time(tsc())
			if guesses++; !ok {
				guesses--
				reads++
				before := tsc()
				ns += 50
				got = int64(ns)
				ns += 50
				if r.IntN(50) == 0 {
					ns += 1e6 // interrupted
				}
				h.learn(got, before, tsc())
			}
			got = max(got, last)
			last = got
			if off := float64(got) - ns; off > 20e3 || off < -1.1e6 {
				t.Fatalf("%.0f Hz: %.0f ns off", hz, off)
			}
		}
		if guesses < 20*reads {
			t.Errorf("%.0f Hz: %d guesses, %d readings", hz, guesses, reads)
		}
	}
}

// TestHostTimeJumps has the counter or the time jump: nothing is guessed across.
func TestHostTimeJumps(t *testing.T) {
	for _, jump := range []struct {
		ns  int64
		tsc uint64
	}{{0, 1 << 50}, {0, 1<<64 - 1<<40}, {3600 * second, 1 << 20}, {-second, 1 << 20}, {5 * second, 10}} {
		var h hostTime
		ns, tsc := int64(1000*second), uint64(1<<50)
		read := func() {
			h.learn(ns, tsc-100, tsc)
			ns, tsc = ns+2000*1000, tsc+2000*1000*3
		}
		for range 5 {
			read()
		}
		ns, tsc = ns+jump.ns, tsc+jump.tsc
		if got, ok := h.time(tsc); ok {
			t.Errorf("%+v: guessed %d", jump, got)
		}
		for range 9 {
			read()
			if got, ok := h.time(tsc - 2000*1000*3 + 3000); ok && (got < ns-2000*1000 || got > ns-2000*1000+2000) {
				t.Errorf("%+v: %d ns off", jump, got-ns+2000*1000)
			}
		}
	}
}
