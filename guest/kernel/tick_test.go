package kernel

import (
	"testing"
)

// Threads take turns at ticks, and sleepers wake.
func TestTickTurns(t *testing.T) {
	threads := startThreads(t, 2)
	for _, want := range []int32{2, 3, 1, 2} {
		onTick()
		if self().tid != want {
			t.Errorf("thread %d runs, want %d", self().tid, want)
		}
	}
	block(threadSleep, monotonic()-1)
	leave()
	onTick()
	if threads[2].state != threadRunnable {
		t.Error("a sleeper whose time has come sleeps on")
	}
}

// A tick that came while the kernel ran counts when the kernel is left.
func TestTickInKernel(t *testing.T) {
	startThreads(t, 1)
	leave()
	if self().tid != 1 {
		t.Error("a turn without a tick")
	}
	tender.Tick = 1
	leave()
	if self().tid != 2 || tender.Tick != 0 {
		t.Errorf("thread %d runs, tick %d", self().tid, tender.Tick)
	}
}

func TestStopRequest(t *testing.T) {
	withStacks(t, startThreads(t, 0))
	handle(t, sigTERM, 0x3000)
	t.Cleanup(func() { stopping = false })
	block(threadFutex, never) // all are asleep
	tender.Stop = 1
	leave()
	if th := self(); th.pc != 0x3000 || th.di != sigTERM || int64(at[ucontext](uintptr(th.dx)).mcontext.ax) != eINTR || tender.Stop != 0 || !stopping {
		t.Errorf("at %#x with signal %d", th.pc, th.di)
	}
}

// The timer of profiles samples each interval, and no finer than ticks.
func TestProfileTimer(t *testing.T) {
	startThreads(t, 0)
	handle(t, sigPROF, 0x4000)
	mem := mapRegion(t, pageSize)
	timer, old := at[itimerval](mem), at[itimerval](mem+64)
	const millis = 1000
	for _, c := range []struct {
		what    string
		timer   itimerval // in microseconds
		result  int64
		samples string // of 12 ticks
	}{
		{"each tick", itimerval{timeval{0, 10 * millis}, timeval{0, 10 * millis}}, 0, "111111111111"},
		{"finer", itimerval{timeval{0, 2 * millis}, timeval{0, 2 * millis}}, 0, "111111111111"},
		{"coarser", itimerval{timeval{0, 25 * millis}, timeval{0, 25 * millis}}, 0, "001010010100"},
		{"much coarser", itimerval{timeval{10, 0}, timeval{0, 50 * millis}}, 0, "000010000000"},
		{"once", itimerval{timeval{}, timeval{0, 30 * millis}}, 0, "001000000000"},
		{"off", itimerval{timeval{0, 10 * millis}, timeval{}}, 0, "000000000000"},
		{"negative", itimerval{timeval{0, 10 * millis}, timeval{0, -1}}, eINVAL, "000000000000"},
		{"malformed", itimerval{timeval{0, 1000 * millis}, timeval{1, 0}}, eINVAL, "000000000000"},
	} {
		*timer = c.timer
		if r := sysSetitimer(2, mem, mem+64); r != c.result {
			t.Errorf("%s: %d", c.what, r)
		}
		samples := ""
		for range 12 {
			self().signals = 0
			tick()
			samples += string('0' + rune(self().signals>>(sigPROF-1)&1))
		}
		if samples != c.samples {
			t.Errorf("%s: %s, want %s", c.what, samples, c.samples)
		}
		self().signals = 0
	}
	*timer = itimerval{timeval{0, 10 * millis}, timeval{0, 20 * millis}}
	sysSetitimer(2, mem, 0)
	if r := sysSetitimer(2, 0, mem+64); r != 0 || *old != *timer {
		t.Errorf("%d: %+v, want %+v", r, *old, *timer)
	}
	for _, which := range []uintptr{0, 1, 3, ^uintptr(0)} {
		if r := sysSetitimer(which, mem, 0); r != eINVAL {
			t.Errorf("timer %d: %d", which, r)
		}
	}
	profileLeft, profileInterval = 0, 0
}
