package hvt

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/machine"
	"tender/netback"
)

// patience is how long a stop may take on a busy test machine before a test
// fails; the promise of 100 ms is for one that is not, and is logged.
const patience = 2 * time.Second

// spinning is a guest that never ends, sleeping one that waits for ever.
func spinning() *testGuest {
	g := &testGuest{}
	return g.op(0xeb, 0xfe) // jmp .
}

func sleeping() *testGuest {
	g := &testGuest{}
	return g.call(abi.HypercallPoll, g.put(abi.PollArgs{TimeoutNanos: 1<<64 - 1})).halt(0)
}

func talking() *testGuest {
	g := &testGuest{}
	g.call(abi.HypercallWalltime, g.put(abi.WalltimeArgs{}))
	return g.jump(0x84, 0).jump(0x85, 0)
}

// A guest that keeps its place in the Go scheduler does not hold up who needs all of
// them.
func TestKeepProc(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	inBothModes(t, func(t *testing.T, mode Start) {
		for name, g := range map[string]*testGuest{"loop": spinning(), "poll": sleeping(), "hypercalls": talking()} {
			t.Run(name, func(t *testing.T) {
				vm := start(t, g, Config{Start: mode, KeepProc: true})
				ctx, cancel := context.WithCancel(context.Background())
				ended := make(chan error)
				go func() {
					_, err := vm.Run(ctx)
					ended <- err
				}()
				time.Sleep(20 * time.Millisecond)
				began := time.Now()
				for range 10 {
					runtime.GC()
				}
				if took := time.Since(began); took > 10*patience {
					t.Errorf("ten collections took %v", took)
				}
				cancel()
				if err := <-ended; !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
	})
}

func TestCancel(t *testing.T) {
	cause := errors.New("the operator said so")
	inBothModes(t, func(t *testing.T, mode Start) {
		for name, g := range map[string]*testGuest{"loop": spinning(), "poll": sleeping(), "hypercalls": talking()} {
			t.Run(name, func(t *testing.T) {
				for _, after := range []time.Duration{0, time.Millisecond, 20 * time.Millisecond} {
					vm := start(t, g, Config{Start: mode, KeepProc: after > time.Millisecond})
					ctx, cancel := context.WithCancelCause(context.Background())
					var asked time.Time
					timer := time.AfterFunc(after, func() {
						asked = time.Now()
						cancel(cause)
					})
					_, err := vm.Run(ctx)
					ended := time.Now()
					timer.Stop()
					<-ctx.Done()
					if !errors.Is(err, cause) {
						t.Errorf("got %v", err)
					}
					took := ended.Sub(asked)
					t.Logf("stopped %v after the request", took)
					if took > patience {
						t.Errorf("took %v", took)
					}
				}
			})
		}
	})
}

func TestCancelledBefore(t *testing.T) {
	vm := start(t, spinning(), Config{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := vm.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestDeadline(t *testing.T) {
	vm := start(t, spinning(), Config{})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := vm.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// The collector and the scheduler go on while a guest computes.
func TestRuntimeGoesOn(t *testing.T) {
	vm := start(t, spinning(), Config{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		vm.Run(ctx)
	}()
	for range 20 {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-done
}

func TestCloseWhileRunning(t *testing.T) {
	vm := start(t, sleeping(), Config{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		vm.Run(ctx)
	}()
	for {
		if vm.life.Running() {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := vm.Close(); err == nil {
		t.Error("closed under a running guest")
	}
	cancel()
	<-done
}

// openFDs counts the process's descriptors.
func openFDs(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// mappings counts the process's memory mappings of guests.
func mappings(t *testing.T) (n int) {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, "/dev/zero") || strings.Contains(line, "kvm-vcpu") {
			n++
		}
	}
	return n
}

// Guests that end in every way leave no descriptor, mapping or goroutine.
func TestLeaks(t *testing.T) {
	needKVM(t)
	hello := &testGuest{}
	hello.puts("hello").halt(0)
	hostile := &testGuest{}
	hostile.out(0x123, 0)
	once := func() {
		for _, g := range []*testGuest{hello, hostile, spinning(), sleeping()} {
			for _, mode := range []Start{StartKernel, StartUser} {
				vm, err := New(Config{Config: machine.Config{Image: g.image(t), MemBytes: testMem}, Start: mode})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
				vm.Run(ctx)
				cancel()
				if err := vm.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
		im := (&testGuest{manifest: oneNet}).image(t)
		if _, err := New(Config{Config: machine.Config{Image: im, MemBytes: testMem}}); err == nil {
			t.Error("no device was attached")
		}
		im.Tender.FaultEntry = 0
		if _, err := New(Config{Config: machine.Config{Image: im, MemBytes: testMem, Net: map[string]netback.Device{"net0": nil}}}); err == nil {
			t.Error("a nil device was attached")
		}
	}
	once()
	fds, maps, goroutines := openFDs(t), mappings(t), runtime.NumGoroutine()
	for range 10 {
		once()
	}
	if n := openFDs(t); n != fds {
		t.Errorf("%d descriptors, %d before", n, fds)
	}
	if n := mappings(t); n != maps {
		t.Errorf("%d mappings, %d before", n, maps)
	}
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > goroutines && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, %d before", n, goroutines)
	}
}

// The loop around KVM_RUN allocates nothing per exit.
func TestExitsDoNotAllocate(t *testing.T) {
	const exits = 5000
	g := &testGuest{}
	args := g.put(abi.WalltimeArgs{})
	g.op(0x41, 0xbc).op(le32(exits)...) // mov $exits, %r12d
	loop := len(g.text)
	g.call(abi.HypercallWalltime, args)
	g.op(0x41, 0xff, 0xcc).jump(0x85, loop).halt(0) // dec %r12d; jnz loop
	vm := start(t, g, Config{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	started := time.Now()
	exit, err := vm.Run(context.Background())
	took := time.Since(started)
	runtime.ReadMemStats(&after)
	if err != nil || exit.Status != 0 {
		t.Fatal(exit, err)
	}
	if n := after.Mallocs - before.Mallocs; n > exits/10 {
		t.Errorf("%d allocations in %d exits", n, exits)
	}
	t.Logf("%v per exit", took/exits)
}

// The Go runtime sends signals to threads at any time, and some KVM calls
// give up when they see one. A guest must start nevertheless.
func TestSignalsDuringSetup(t *testing.T) {
	needKVM(t)
	im := spinning().image(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread := unix.Gettid()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Microsecond):
				unix.Tgkill(unix.Getpid(), thread, unix.SIGURG)
			}
		}
	}()
	for range 200 {
		vm, err := New(Config{Config: machine.Config{Image: im, MemBytes: testMem}})
		if err != nil {
			t.Error(err)
			break
		}
		vm.Close()
	}
	close(stop)
	<-stopped
}
