package appliance

import (
	"fmt"
	"slices"
	"time"
)

// timer is one of Program.Timers at work.
type timer struct {
	Timer
	next  time.Time
	fired uint64
}

// firstShot is when timers fire first.
const firstShot = time.Second

func (a *Appliance) startTimers() error {
	for i, t := range a.program.Timers {
		if t.Interval < time.Millisecond {
			return fmt.Errorf("timer %d: an interval of %v is too short; it is at least a millisecond", i+1, t.Interval)
		}
		a.timers = append(a.timers, timer{Timer: t, next: a.clock.start.Add(firstShot)})
		if a.sampler == nil && slices.Contains(t.Data, StackSampling) {
			a.sampler = newSampler()
		}
	}
	return nil
}

// tickTimers fires the timers that are due. It allocates; timers are no packet
// path.
func (a *Appliance) tickTimers(now time.Time) {
	for i := range a.timers {
		t := &a.timers[i]
		if now.Before(t.next) {
			continue
		}
		for !t.next.After(now) {
			t.next = t.next.Add(t.Interval)
		}
		t.fired++
		a.print(t, now)
	}
}

// timerDeadline is when the next timer is due, or zero.
func (a *Appliance) timerDeadline() (deadline time.Time) {
	for i := range a.timers {
		if t := a.timers[i].next; deadline.IsZero() || t.Before(deadline) {
			deadline = t
		}
	}
	return deadline
}
