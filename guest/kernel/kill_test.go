package kernel

import "testing"

// handle makes the program handle a signal, and resets it after the test.
func handle(t *testing.T, sig uintptr, handler uint64) {
	t.Helper()
	actions[sig] = sigaction{handler: handler, mask: ^uint64(0)}
	t.Cleanup(func() { actions[sig] = sigaction{} })
}

// withStacks gives each thread a stack of its own.
func withStacks(t *testing.T, threads map[int64]*thread) {
	t.Helper()
	for _, th := range threads {
		th.sp = uint64(mapRegion(t, 64<<10)) + 64<<10
	}
	t.Cleanup(func() { sharedSignals = 0 })
}

// A signal waits for its thread, and for no other.
func TestSignalForThread(t *testing.T) {
	threads := startThreads(t, 2)
	withStacks(t, threads)
	handle(t, sigURG, 0x1000)
	if r := sysTgkill(3, sigURG); r != 0 {
		t.Fatal(r)
	}
	for range 2 {
		leave() // nothing for thread 1
	}
	if self().tid != 1 || self().full != 0 {
		t.Fatalf("thread %d runs at %#x", self().tid, self().pc)
	}
	for _, want := range []int32{2, 3} {
		resched = true
		leave()
		if th := self(); th.tid != want || (th.pc == 0x1000) != (want == 3) {
			t.Fatalf("thread %d runs at %#x, want %d", th.tid, th.pc, want)
		}
	}
	if th := threads[3]; th.signals != 0 || th.di != sigURG || th.flags&(1<<10|1<<8) != 0 {
		t.Errorf("thread 3 has %+v", th)
	}
}

// What is masked waits until it no longer is, and a sample comes first.
func TestSignalsWait(t *testing.T) {
	withStacks(t, startThreads(t, 0))
	for sig, handler := range map[uintptr]uint64{sigURG: 1 << 20, sigPROF: 2 << 20, sigTERM: 3 << 20} {
		handle(t, sig, handler)
	}
	th := self()
	th.sigmask = signalBit(sigTERM)
	for _, sig := range []uintptr{sigTERM, sigURG, sigPROF, sigURG} {
		if r := sysTgkill(1, sig); r != 0 {
			t.Fatal(r)
		}
	}
	leave()
	if th.pc != 2<<20 || th.signals != signalBit(sigTERM)|signalBit(sigURG) {
		t.Errorf("at %#x, with %#x waiting", th.pc, th.signals)
	}
	th.sp += 8
	sysSigreturn()
	leave()
	if th.pc != 1<<20 || th.signals != signalBit(sigTERM) {
		t.Errorf("then at %#x, with %#x waiting", th.pc, th.signals)
	}
	th.sigmask = 0
	leave()
	if th.pc != 3<<20 || th.signals != 0 {
		t.Errorf("last at %#x, with %#x waiting", th.pc, th.signals)
	}
}

// A signal for the program wakes a sleeper only if no thread that runs takes
// it, and none that does not take it.
func TestSignalForProgram(t *testing.T) {
	const handler = 0x2000
	for _, c := range []struct {
		what    string
		masked  []int64 // threads
		runs    bool    // thread 1 goes on
		woken   int64   // 0: none
		handled bool
	}{
		{"one that runs", nil, true, 0, true},
		{"one that sleeps", []int64{1, 3, 4}, true, 2, true},
		{"all sleep", []int64{1, 2, 3}, false, 4, true},
		{"nobody takes it", []int64{1, 2, 3, 4}, true, 0, false},
	} {
		threads := startThreads(t, 3)
		withStacks(t, threads)
		handle(t, sigTERM, handler)
		for i, state := range []uint32{threadFutex, threadSleep, threadEpoll} {
			th := threads[int64(i+2)]
			th.state, th.deadline, th.ax, th.queued = state, never, 99, false
		}
		runHead, runTail = 0, 0
		for _, tid := range c.masked {
			threads[tid].sigmask = signalBit(sigTERM)
		}
		if !c.runs {
			block(threadFutex, never)
		}
		if r := sysKill(sigTERM); r != 0 {
			t.Fatal(r)
		}
		for tid, th := range threads {
			if woken := tid != 1 && th.state == threadRunnable; woken != (tid == c.woken) || woken && int64(th.ax) != eINTR {
				t.Errorf("%s: thread %d is in state %d with %d", c.what, tid, th.state, int64(th.ax))
			}
		}
		resched = true
		leave()
		if handled := self().pc == handler; handled != c.handled || (sharedSignals == 0) != c.handled {
			t.Errorf("%s: thread %d is at %#x, with %#x waiting", c.what, self().tid, self().pc, sharedSignals)
		}
		sharedSignals = 0
	}
}

func TestIgnored(t *testing.T) {
	for sig := uintptr(1); sig < numSig; sig++ {
		actions[sig].handler = 1
		if !ignored(sig) {
			t.Errorf("signal %d is not ignored", sig)
		}
		actions[sig].handler = 2
		if ignored(sig) {
			t.Errorf("signal %d is not handled", sig)
		}
		actions[sig].handler = 0
	}
	for sig, want := range map[uintptr]bool{sigURG: true, sigCHLD: true, sigWINCH: true, 18: true, 20: true, sigTERM: false, sigPROF: false, 1: false, 2: false, 9: false, 24: false, 64: false} {
		if ignored(sig) != want {
			t.Errorf("default of signal %d: ignored is %v", sig, !want)
		}
	}
}
