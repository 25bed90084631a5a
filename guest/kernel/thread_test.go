package kernel

import "testing"

// startThreads makes the kernel as after boot, with n threads beside the
// first, and returns them by their ids.
func startThreads(t *testing.T, n int) map[int64]*thread {
	t.Helper()
	hostClock()
	const room = (maxThreads + 100) * pageSize
	start := mapRegion(t, room)
	pages = pageMap{}
	pages.init(start, start+room)
	firstThread = thread{}
	runHead, runTail, resched = 0, 0, false
	threadInit()
	threads := map[int64]*thread{1: self()}
	for range n {
		tid := sysClone(0x100|cloneSetTLS, 0x1000, 0x2000)
		if tid <= 1 || threads[tid] != nil {
			t.Fatalf("clone: %d", tid)
		}
		threads[tid] = at[thread](runTail)
		if th := threads[tid]; th.tid != int32(tid) || th.ax != 0 || th.sp != 0x1000 || th.fs != 0x2000 || th.state != threadRunnable {
			t.Fatalf("thread %d begins with %+v", tid, th)
		}
	}
	return threads
}

// runs lists the threads that get the CPU, when each yields.
func runs(n int) (order []int32) {
	for range n {
		resched = true
		schedule()
		order = append(order, self().tid)
	}
	return order
}

func TestScheduleInTurn(t *testing.T) {
	startThreads(t, 3)
	schedule()
	if self().tid != 1 {
		t.Errorf("a thread that did not yield gave way to %d", self().tid)
	}
	for i, tid := range runs(8) {
		if want := int32((i+1)%4 + 1); tid != want {
			t.Errorf("turn %d went to thread %d, want %d", i, tid, want)
		}
	}
}

func TestFutex(t *testing.T) {
	startThreads(t, 3)
	mem := mapRegion(t, pageSize)
	word, other := at[uint32](mem), at[uint32](mem+64)
	*word = 7
	if r := sysFutex(addrOf(word), 128, 8, 0); r != eAGAIN {
		t.Errorf("wait for another value: %d", r)
	}
	for range 3 { // threads 1, 2 and 3 wait
		if r := sysFutex(addrOf(word), 128, 7, 0); r != 0 {
			t.Fatalf("wait: %d", r)
		}
		schedule()
	}
	if self().tid != 4 {
		t.Fatalf("thread %d runs, want 4", self().tid)
	}
	for _, c := range []struct {
		word  *uint32
		count int32
		want  int64
	}{{other, 10, 0}, {word, 0, 0}, {word, 1, 1}, {word, 10, 2}, {word, 10, 0}, {word, -1, 0}} {
		if got := sysFutex(addrOf(c.word), 129, uintptr(uint32(c.count)), 0); got != c.want {
			t.Errorf("wake %d: %d, want %d", c.count, got, c.want)
		}
	}
	seen := map[int32]bool{}
	for _, tid := range runs(4) {
		seen[tid] = true
	}
	if len(seen) != 4 {
		t.Errorf("only %v run", seen)
	}
	if r := sysFutex(addrOf(word), 9, 0, 0); r != eNOSYS {
		t.Errorf("unknown operation: %d", r)
	}
	*at[timespec](mem + 128) = timespec{-1, 0}
	if r := sysFutex(addrOf(word), 128, 7, mem+128); r != eINVAL {
		t.Errorf("negative timeout: %d", r)
	}
}

// Sleepers wake in the order of their deadlines and with the right result.
func TestWakeExpired(t *testing.T) {
	threads := startThreads(t, 3)
	now := monotonic()
	const far = 1000 * second
	mem := mapRegion(t, pageSize)
	for i, c := range []struct {
		state    uint32
		deadline int64
	}{{threadSleep, now + far}, {threadFutex, now + 2*far}, {threadEpoll, now + 3*far}} {
		self().ax = 99
		self().events, self().maxEvents = mem, 1
		block(c.state, c.deadline)
		schedule()
		if self().tid != int32(i+2) {
			t.Fatalf("thread %d runs", self().tid)
		}
	}
	if nextWake != now+far {
		t.Errorf("next wake in %d", nextWake-now)
	}
	for i, c := range []struct {
		tid    int64
		result int64
		next   int64
	}{{1, 0, now + 2*far}, {2, eTIMEDOUT, now + 3*far}, {3, 0, never}} {
		at := now + int64(i+1)*far
		wakeExpired(at - 1)
		if threads[c.tid].state == threadRunnable {
			t.Errorf("thread %d woke early", c.tid)
		}
		resched = false
		wakeExpired(at)
		if th := threads[c.tid]; th.state != threadRunnable || int64(th.ax) != c.result || !resched {
			t.Errorf("thread %d: state %d, result %d", c.tid, th.state, int64(th.ax))
		}
		if nextWake != c.next {
			t.Errorf("next wake in %d, want %d", nextWake-now, c.next-now)
		}
	}
}

// Threads that ended are used again, and there is a limit to them.
func TestThreadLimit(t *testing.T) {
	startThreads(t, 0)
	if r := sysClone(0, 0x1000, 0); r != eNOSYS {
		t.Errorf("fork: %d", r)
	}
	count := 1
	for sysClone(0x100, 0x1000, 0) > 0 {
		count++
	}
	if count != maxThreads {
		t.Errorf("%d threads, with %d pages left", count, pages.free)
	}
	free := pages.free
	for range 1000 {
		resched = true
		schedule()
		exitThread()
		schedule()
		if sysClone(0x100, 0x1000, 0) < 0 {
			t.Fatal("no thread after one has ended")
		}
	}
	if pages.free != free {
		t.Errorf("threads that come and go took %d pages", free-pages.free)
	}
}

// A thread that is woken before the kernel is left after the call in which it
// blocked is in the run queue once, and not at all while it runs.
func TestWokenBeforeLeaving(t *testing.T) {
	for _, tick := range []uint64{0, 1} {
		threads := startThreads(t, 2)
		for _, want := range []int32{2, 3, 1, 2, 3, 1} {
			block(threadSleep, monotonic()-1)
			tender.Tick = tick
			leave()
			queued := 0
			for a := runHead; a != 0 && queued < len(threads); a = at[thread](a).next {
				if queued++; a == current {
					t.Errorf("tick %d: thread %d runs and is queued", tick, self().tid)
				}
			}
			if queued != len(threads)-1 || self().tid != want {
				t.Fatalf("tick %d: %d threads are queued, and %d runs; want %d and %d", tick, queued, self().tid, len(threads)-1, want)
			}
		}
	}
}
