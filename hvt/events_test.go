package hvt

import (
	"context"
	"testing"
	"time"

	"tender/abi"
)

// eventsAt is where test guests have abi.Events.
const eventsAt = dataAt + 0xf000

// withEvents gives the guest events of which the tender finds e at the start.
func withEvents(g *testGuest, e abi.Events) *testGuest {
	g.flags |= abi.FlagEvents
	g.events = eventsAt
	g.atEvents = &e
	return g
}

// load appends mov (at), %rax; it sets no flags.
func (g *testGuest) load(at uint32) *testGuest {
	return g.op(0x48, 0x8b, 0x04, 0x25).op(le32(at)...)
}

// A program that computes without end is interrupted again and again, and all
// its registers are as they were.
func TestTick(t *testing.T) {
	const count, sentinel = 3, 0x1234567
	inBothModes(t, func(t *testing.T, mode Start) {
		g := &testGuest{}
		counter := g.put(uint32(0))
		g.op(0xbb).op(le32(sentinel)...) // mov $sentinel, %ebx
		spin := len(g.text)
		g.op(0xeb, 0xfe) // jmp .
		entry := len(g.text)
		g.op(0xff, 0x04, 0x25).op(le32(counter)...)              // incl counter
		g.op(0x83, 0x3c, 0x25).op(le32(counter)...).op(count)    // cmpl $count, counter
		g.op(0x73, 0x07)                                         // jae over
		g.op(0xff, 0x24, 0x25).op(le32(eventsAt + eventsRIP)...) // jmp *rip
		g.op(0x81, 0xfb).op(le32(sentinel)...)                   // over: cmp $sentinel, %ebx
		g.jump(0x85, spin)
		g.halt(7)
		withEvents(g, abi.Events{Entry: textAt + uint64(entry)})
		var e abi.Events
		// On a busy machine a tick may come in the handler, and begin it anew.
		for tries := 0; tries == 0 || tries < 10 && e.RIP >= textAt+uint64(entry); tries++ {
			vm := start(t, g, Config{Start: mode})
			mustHalt(t, vm, 7)
			e = peek[abi.Events](t, vm, eventsAt)
		}
		if e.RIP != textAt+uint64(spin) || e.Tick != 0 || e.Stop != 0 {
			t.Errorf("events are %+v, the loop is at %#x", e, textAt+spin)
		}
	})
}

// The guest kernel is told and not interrupted, wherever it says that it is.
func TestTickInKernel(t *testing.T) {
	everywhere := ^uint64(0)
	for what, e := range map[string]abi.Events{
		"text":  {Entry: handlerAt, TextStart: textAt, TextEnd: textAt + 0x1000},
		"stack": {Entry: handlerAt, StackStart: testMem - 0x1000, StackEnd: testMem},
		"all":   {Entry: handlerAt, StackEnd: everywhere},
	} {
		t.Run(what, func(t *testing.T) {
			inBothModes(t, func(t *testing.T, mode Start) {
				g := &testGuest{}
				loop := len(g.text)
				g.load(eventsAt+eventsTick).op(0x48, 0x85, 0xc0).jump(0x84, loop).halt(5) // test %rax, %rax
				mustHalt(t, start(t, withEvents(g, e), Config{Start: mode}), 5)
			})
		})
	}
}

// A guest that is not ready for events is left alone.
func TestNotReady(t *testing.T) {
	g := withEvents(spinning(), abi.Events{})
	vm := start(t, g, Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	vm.Run(ctx)
	if e := peek[abi.Events](t, vm, eventsAt); e != (abi.Events{HeapAt: e.HeapAt}) {
		t.Errorf("events are %+v", e)
	}
}

// A guest is told to stop whatever it does, and even before it starts.
func TestStop(t *testing.T) {
	const sleep = 1<<64 - 1
	kernel := abi.Events{Entry: handlerAt, StackEnd: ^uint64(0)}
	polls := func() *testGuest {
		g := &testGuest{}
		poll := g.put(abi.PollArgs{TimeoutNanos: sleep})
		loop := len(g.text)
		return g.call(abi.HypercallPoll, poll).load(eventsAt+eventsStop).op(0x48, 0x85, 0xc0).jump(0x84, loop).halt(5)
	}
	computes := func() *testGuest {
		g := &testGuest{}
		return g.load(eventsAt+eventsStop).op(0x48, 0x85, 0xc0).jump(0x84, 0).halt(5)
	}
	inBothModes(t, func(t *testing.T, mode Start) {
		for what, g := range map[string]func() *testGuest{"polls": polls, "computes": computes} {
			for _, after := range []time.Duration{-1, 0, time.Millisecond, 30 * time.Millisecond} {
				vm := start(t, withEvents(g(), kernel), Config{Start: mode})
				if after < 0 && !vm.Stop() {
					t.Errorf("%s: cannot be asked before it runs", what)
				}
				timer := time.AfterFunc(max(after, 0), func() { vm.Stop() })
				mustHalt(t, vm, 5)
				timer.Stop()
				if vm.Stop() {
					t.Errorf("%s: can be asked after its end", what)
				}
			}
		}
	})
}

// Being asked again and again leaves the guest in one piece, and the end of
// the context still is its end.
func TestStopMany(t *testing.T) {
	for what, g := range map[string]*testGuest{"polls": sleepingOn(), "computes": spinning()} {
		vm := start(t, withEvents(g, abi.Events{Entry: handlerAt, StackEnd: ^uint64(0)}), Config{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := vm.Run(ctx)
			done <- err
		}()
		for range 200 {
			vm.Stop()
			time.Sleep(100 * time.Microsecond)
		}
		cancel()
		select {
		case err := <-done:
			if err != context.Canceled {
				t.Errorf("%s: %v", what, err)
			}
		case <-time.After(patience):
			t.Errorf("%s: does not end", what)
		}
	}
}

// sleepingOn polls for ever, whatever it is told.
func sleepingOn() *testGuest {
	g := &testGuest{}
	poll := g.put(abi.PollArgs{TimeoutNanos: 1<<64 - 1})
	return g.call(abi.HypercallPoll, poll).jump(0x84, 0).jump(0x85, 0)
}

// Images without events cannot be asked.
func TestStopOthers(t *testing.T) {
	if vm := start(t, sleeping(), Config{}); vm.Stop() {
		t.Error("a guest without events was asked to stop")
	}
}

// Events must be memory that the guest may write.
func TestEventsPlace(t *testing.T) {
	needKVM(t)
	for _, at := range []uint64{0, 1, eventsAt + 4, textAt, rodataAt, dataAt - 8, dataAt + 0x10000 - eventsSize + 8, heapAt, testMem, 1 << 63, ^uint64(0) - 7} {
		g := withEvents(spinning(), abi.Events{})
		g.events = at
		c := Config{}
		c.Image, c.MemBytes = g.image(t), testMem
		if vm, err := New(c); err == nil {
			t.Errorf("events at %#x were taken", at)
			vm.Close()
		}
	}
}

// Whatever a guest says of itself, the tender goes on or ends it.
func TestHostileEvents(t *testing.T) {
	const far = ^uint64(0)
	for _, e := range []abi.Events{
		{Entry: 1}, {Entry: far}, {Entry: 1 << 63}, {Entry: rodataAt}, {Entry: testMem}, {Entry: abi.UserSystemBase},
		{Entry: textAt, TextStart: far, TextEnd: 1}, {Entry: textAt, StackStart: far, StackEnd: far - 1},
		{Entry: textAt, Tick: far, Stop: far, RIP: far, RFLAGS: far},
	} {
		inBothModes(t, func(t *testing.T, mode Start) {
			vm := start(t, withEvents(spinning(), e), Config{Start: mode})
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			started := time.Now()
			exit, err := vm.Run(ctx)
			t.Logf("%+v: %+v, %v", e, exit, err)
			if took := time.Since(started); took > patience {
				t.Errorf("%+v: took %v", e, took)
			}
		})
	}
}
