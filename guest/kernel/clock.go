package kernel

// Time. The monotonic clock is the time stamp counter, scaled as section 4.3
// of the ABI sheet says; the wall clock is the host's at the last WALLTIME
// hypercall plus the monotonic time since, so that reading either costs no
// exit. Under spt both clocks are the host's, see hosttime.go. Most calls of
// clock_gettime end in the assembly of clockEntry.

const (
	second      = 1000000000
	never       = int64(-1) // no deadline
	maxTime     = int64(1<<63 - 1)
	wallRefresh = int64(16 * second) // between WALLTIME hypercalls
	wallTakes   = 100 * 1000         // one that takes longer was interrupted
)

// reading is a reading of a clock, from which the time stamp counter tells the
// time for a while. The assembly uses its offsets.
type reading struct {
	at    int64  // it was this time, in nanoseconds,
	tsc   uint64 // when the counter was this;
	span  uint64 // which is good for so many ticks,
	mult  uint64 // of mult/2^shift ns each
	shift uint64
}

// time is the time when the counter is tsc; not ok if that is too long ago.
func (r *reading) time(tsc uint64) (ns int64, ok bool) {
	ticks := tsc - r.tsc
	if ticks >= r.span {
		return 0, false
	}
	return r.at + int64(scaled(ticks, r.mult, uint(r.shift))), true
}

var (
	last  reading // of the monotonic clock
	clock int64   // what was told of it last

	wallBase int64 // wall time at monotonic time wallAt,
	wallAt   int64
	wallGood int64 // which is good for so long
)

// scale chooses the largest shift up to 32 for which the multiplier that
// turns counter ticks into nanoseconds fits 32 bits.
func scale(hz uint64) (mult uint64, shift uint) {
	for shift = 32; shift > 0; shift-- {
		if mult = (second << shift) / hz; mult>>32 == 0 {
			return mult, shift
		}
	}
	return second / hz, 0
}

// scaled is ticks*mult>>shift without losing the upper half of the product;
// mult fits 32 bits and shift is at most 32.
func scaled(ticks, mult uint64, shift uint) uint64 {
	return (ticks>>32)*mult<<(32-shift) + (ticks&0xffffffff)*mult>>shift
}

func clockInit(hz uint64) {
	if hz == 0 {
		die("the tender gave no cycle counter frequency")
	}
	mult, shift := scale(hz)
	last = reading{at: second, tsc: rdtsc(), span: ^uint64(0), mult: mult, shift: uint64(shift)}
	wallGood = wallRefresh
}

// monotonic is nanoseconds since boot, plus one second: the Go runtime takes
// zero for no time at all. Under spt it is the host's clock. It never goes back.
func monotonic() int64 {
	now, ok := last.time(rdtsc())
	if !ok {
		now = hostMonotonic()
	}
	clock = max(now, clock)
	return clock
}

// walltime is nanoseconds since 1970 UTC.
func walltime() int64 {
	now := monotonic()
	for tries := 0; now-wallAt >= wallGood; tries++ {
		before := now
		wallBase = hostWalltime()
		if now = monotonic(); now-before < wallTakes || tries == 3 {
			wallAt = now
		}
	}
	return wallBase + now - wallAt
}

type timespec struct{ sec, nsec int64 }

// nanos is the length in nanoseconds, saturating; negative and malformed
// values give ok false.
func (t *timespec) nanos() (n int64, ok bool) {
	if t.sec < 0 || t.nsec < 0 || t.nsec >= second {
		return 0, false
	}
	if t.sec > maxTime/second-1 {
		return maxTime, true
	}
	return t.sec*second + t.nsec, true
}

// deadlineIn is the time after a delay, saturating.
func deadlineIn(delay int64) int64 {
	now := monotonic()
	if delay > maxTime-now {
		return maxTime
	}
	return now + delay
}

func sysClockGettime(id, ts uintptr) int64 {
	var n int64
	switch id {
	case 0, 5: // CLOCK_REALTIME and its coarse form
		n = walltime()
	case 1, 4, 6, 7: // CLOCK_MONOTONIC, _RAW, _COARSE, CLOCK_BOOTTIME
		n = monotonic()
	default:
		return eINVAL
	}
	*at[timespec](ts) = timespec{n / second, n % second}
	return 0
}

func sysGettimeofday(tv uintptr) int64 {
	n := walltime()
	*at[timespec](tv) = timespec{n / second, n % second / 1000}
	return 0
}
