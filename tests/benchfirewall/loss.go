package main

import "fmt"

const (
	// peakSteps are the steps of the search for the peak, peakSeconds the length
	// of each.
	peakSteps   = 7
	peakSeconds = 0.4
	// lossShare is the part of the peak at which nothing may be lost.
	lossShare = 0.8
	// aboveMost of what arrives of a flood, in which frames are lost, is too much.
	aboveMost = 1.5
)

// loss is the highest rate at which all frames are delivered, and what happens
// at most of it.
type loss struct {
	peakKpps float64
	trial    // at lossShare of it
}

// trial is what became of frames that were sent at a steady rate.
type trial struct {
	sent, lost int
	// refused are those of lost for which the outer host's interface had no room:
	// the tender, or Linux, had not taken what came before.
	refused int
	// moved and drops are what the tender counted meanwhile.
	moved, drops string
}

// loss looks for the peak below a rate at which some are lost. If there is none,
// nothing is sent at most of it.
func (f *flood) loss(highKpps, seconds float64) (l loss, err error) {
	low, high := 0.0, highKpps
	for range peakSteps {
		rate := (low + high) / 2
		t, err := f.trial(rate*1000, peakSeconds)
		if err == nil && t.lost > 0 {
			// Not what the path can do, but what else the machine did?
			t, err = f.trial(rate*1000, peakSeconds)
		}
		if err != nil {
			return l, err
		}
		if t.lost > 0 {
			high = rate
			continue
		}
		low = rate
		// A sender that is too slow is no peak of the path.
		l.peakKpps = max(l.peakKpps, min(rate, float64(t.sent)/(peakSeconds+warmUp.Seconds())/1000))
	}
	if l.peakKpps > 0 {
		l.trial, err = f.trial(lossShare*l.peakKpps*1000, seconds)
	}
	return l, err
}

// trial sends frames at a rate, in frames per second, and counts exactly those
// that do not arrive. One that the interface itself has no room for is sent and
// lost.
func (f *flood) trial(rate, seconds float64) (t trial, err error) {
	before, err := f.tally()
	if err != nil {
		return t, err
	}
	taken, err := f.during(rate, func() error { sleep(seconds); return nil })
	if err != nil {
		return t, err
	}
	after, err := f.tally()
	if err != nil {
		return t, err
	}
	delivered := after.delivered - before.delivered
	t.refused = after.refused - before.refused
	t.sent = taken + t.refused
	t.moved = after.tender.since(before.tender, movedFrames)
	t.drops = after.tender.since(before.tender, droppedFrames)
	if t.lost = t.sent - delivered; t.lost < 0 {
		return t, fmt.Errorf("%d frames arrived of %d that were sent", delivered, t.sent)
	}
	return t, nil
}

// tally is how many frames of floods have arrived and how many the outer host's
// interface has dropped, so far, and what the tender has counted.
type tally struct {
	delivered, refused int
	tender             counters
}

func (f *flood) tally() (t tally, err error) {
	if t.delivered, err = f.delivered(); err != nil {
		return t, err
	}
	if t.tender, err = f.path.counters(); err != nil {
		return t, err
	}
	link, err := f.path.outside.Link(f.path.outsideDevice)
	t.refused = link.TxDropped
	return t, err
}
