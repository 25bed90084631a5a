package kernel

import (
	"math"
	"math/big"
	"testing"
	"time"
)

func bigScaled(ticks, mult uint64, shift uint) uint64 {
	v := new(big.Int).Mul(new(big.Int).SetUint64(ticks), new(big.Int).SetUint64(mult))
	return v.Rsh(v, shift).Uint64()
}

func FuzzScaled(f *testing.F) {
	f.Add(uint64(0), uint64(1))
	f.Add(uint64(1)<<32, uint64(2_000_000_000))
	f.Add(uint64(math.MaxUint64>>4), uint64(3_333_333_333))
	f.Add(uint64(1<<40+12345), uint64(24_000_000))
	f.Add(uint64(math.MaxUint32), uint64(second))
	f.Fuzz(func(t *testing.T, ticks, hz uint64) {
		hz = hz%100_000_000_000 + 1_000_000 // 1 MHz to 100 GHz
		mult, shift := scale(hz)
		if mult>>32 != 0 || shift > 32 {
			t.Fatalf("%d Hz: multiplier %#x, shift %d", hz, mult, shift)
		}
		if got, want := scaled(ticks, mult, shift), bigScaled(ticks, mult, shift); got != want {
			t.Fatalf("%d ticks at %d Hz: %d ns, want %d", ticks, hz, got, want)
		}
	})
}

// Ten years of ticks are right to one part in a million, and never too long.
func TestScale(t *testing.T) {
	const years = 10 * 365 * 24 * 3600
	for _, hz := range []uint64{1_000_000, 24_000_000, 999_999_999, second, second + 1, 2_445_406_000, 5_700_000_000, 20_000_000_000} {
		mult, shift := scale(hz)
		got := scaled(hz*years, mult, shift)
		if want := uint64(years) * second; got > want || want-got > want/1_000_000 {
			t.Errorf("%d Hz: %d ns in ten years, want %d", hz, got, want)
		}
	}
}

func TestTimespec(t *testing.T) {
	for _, c := range []struct {
		ts   timespec
		want int64
		ok   bool
	}{
		{timespec{0, 0}, 0, true},
		{timespec{1, 5}, second + 5, true},
		{timespec{0, second - 1}, second - 1, true},
		{timespec{0, second}, 0, false},
		{timespec{0, -1}, 0, false},
		{timespec{-1, 0}, 0, false},
		{timespec{math.MinInt64, math.MinInt64}, 0, false},
		{timespec{math.MaxInt64, second - 1}, maxTime, true},
		{timespec{maxTime / second, second - 1}, maxTime, true},
		{timespec{maxTime/second - 1, second - 1}, (maxTime/second)*second - 1, true},
	} {
		if got, ok := c.ts.nanos(); got != c.want || ok != c.ok {
			t.Errorf("%+v: %d, %t; want %d, %t", c.ts, got, ok, c.want, c.ok)
		}
	}
}

// hostClock makes the kernel's clock run, at a made-up speed, without a tender.
func hostClock() {
	clockInit(second)
	wallAt, wallBase = monotonic(), 1_700_000_000*second
}

func TestClockCalls(t *testing.T) {
	hostClock()
	mem := mapRegion(t, pageSize)
	ts, later := at[timespec](mem), at[timespec](mem+64)
	for _, id := range []uintptr{1, 4, 6, 7} {
		if r := sysClockGettime(id, addrOf(ts)); r != 0 {
			t.Fatalf("clock %d: %d", id, r)
		}
		time.Sleep(time.Millisecond)
		sysClockGettime(id, addrOf(later))
		if a, b := ts.sec*second+ts.nsec, later.sec*second+later.nsec; a < second || b <= a {
			t.Errorf("clock %d: %d, then %d", id, a, b)
		}
	}
	if r := sysClockGettime(0, addrOf(ts)); r != 0 || ts.sec < 1_700_000_000 || ts.nsec >= second {
		t.Errorf("wall clock: %d, %+v", r, *ts)
	}
	if r := sysGettimeofday(addrOf(ts)); r != 0 || ts.sec < 1_700_000_000 || ts.nsec >= 1_000_000 {
		t.Errorf("gettimeofday: %d, %+v", r, *ts)
	}
	if r := sysClockGettime(2, addrOf(ts)); r != eINVAL {
		t.Errorf("CLOCK_PROCESS_CPUTIME_ID: %d", r)
	}
	if got := deadlineIn(maxTime); got != maxTime {
		t.Errorf("deadline in %d: %d", maxTime, got)
	}
}

// A thread sleeps for a millisecond at least, or not at all.
func TestSleepDeadline(t *testing.T) {
	for _, c := range []struct{ asked, want int64 }{{0, 0}, {1, shortestSleep}, {20_000, shortestSleep}, {shortestSleep, shortestSleep}, {second, second}} {
		before := monotonic()
		got := sleepDeadline(c.asked)
		if after := monotonic(); got < before+c.want || got > after+c.want {
			t.Errorf("%d ns: %d from now", c.asked, got-before)
		}
	}
}
