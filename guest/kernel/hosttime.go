package kernel

// The host's monotonic clock under spt, mostly without a system call: where the
// time stamp counter always runs at one speed (Intel SDM vol. 3, 19.17.1), it tells
// how long ago the host's clock was read.

const (
	// guessFor is how long after a reading of the host's clock time is guessed.
	guessFor = 1000 * 1000 // ns
	// learnOver is how far two readings are apart that the counter's speed is
	// taken from.
	learnOver = second
	// readTicks is how many ticks a reading may take to be good for that: a
	// longer one has been interrupted.
	readTicks = 20000
)

// hostTime is what is known of a clock. The zero value is one that cannot be
// guessed.
type hostTime struct {
	reading        // the last one; its mult is 0 if the counter's speed is not known
	sinceAt  int64 // the reading that the speed is measured from
	sinceTSC uint64
}

var (
	spt       hostTime
	tscSteady bool
)

// steadyTSC says that the counter runs at one speed.
func steadyTSC() bool {
	const leaf, invariant = 0x80000007, 1 << 8
	if last, _, _, _ := cpuid(0x80000000, 0); last < leaf {
		return false
	}
	_, _, _, d := cpuid(leaf, 0)
	return d&invariant != 0
}

// learn takes a reading, made while the counter went from before to after.
func (h *hostTime) learn(ns int64, before, after uint64) {
	h.at, h.tsc, h.shift = ns, after, 32
	took, ticks := ns-h.sinceAt, after-h.sinceTSC
	switch {
	case h.sinceTSC == 0 || took < 0 || took > 16*learnOver || after < h.sinceTSC:
		h.mult, h.sinceAt, h.sinceTSC = 0, ns, after // from the start
	case after-before > readTicks || took < guessFor:
		// The speed stays what it is.
	default:
		if ticks < uint64(took)>>6 {
			h.mult, h.sinceAt, h.sinceTSC = 0, ns, after // not half as fast as any CPU
			break
		}
		h.mult = uint64(took) << 29 / ticks << 3 // took has 35 bits at most
		if took >= learnOver {
			h.sinceAt, h.sinceTSC = ns, after
		}
	}
	if h.span = 0; h.mult != 0 {
		h.span = guessFor << 32 / h.mult
	}
}

// hostMonotonic reads the host's monotonic clock.
func hostMonotonic() int64 {
	before := rdtsc()
	now := sptClock(clockMonotonic)
	if tscSteady {
		spt.learn(now, before, rdtsc())
		last = spt.reading
	}
	return now
}
