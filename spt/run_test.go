package spt

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/machine"
)

// patience is how long a stop may take on a busy test machine before a test
// fails; the promise of 100 ms is for one that is not, and is logged.
const patience = 2 * time.Second

// Guests that do not end by themselves.
func spinning() *testGuest { return (&testGuest{}).op(0xeb, 0xfe) }

func sleeping() *testGuest { return (&testGuest{}).sleep(time.Hour) }

// TestMain also is a tender of a sleeping guest, for TestTenderDies.
func TestMain(m *testing.M) {
	if os.Getenv("SPT_TEST_SLEEP") != "" {
		sleepForEver()
	}
	os.Exit(m.Run())
}

// children are the processes that this one has made and not waited for.
func children(t testing.TB, parent int) (pids []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		var pid, ppid int
		var state byte
		head, tail, _ := strings.Cut(string(text), " (")
		tail = tail[strings.LastIndex(tail, ") ")+2:]
		if _, err := fmt.Sscan(head, &pid); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscanf(tail, "%c %d", &state, &ppid); err != nil {
			t.Fatal(err)
		}
		if ppid == parent {
			pids = append(pids, pid)
		}
	}
	return pids
}

// within runs a guest and, while it sleeps, a function with its process.
func within(t *testing.T, g *testGuest, c Config, do func(pid int)) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	c.Console = w
	p := start(t, g, c)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := p.Run(ctx)
		ended <- err
	}()
	r.SetReadDeadline(time.Now().Add(10 * time.Second))
	if line, err := bufio.NewReader(r).ReadString('\n'); line != "ready\n" {
		cancel()
		t.Fatalf("%q, %v, %v", line, err, <-ended)
	}
	pids := children(t, os.Getpid())
	if len(pids) != 1 {
		t.Fatalf("processes %v", pids)
	}
	do(pids[0])
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// The process has the guest's memory, with the image's rights, the prologue,
// and nothing else.
func TestMappings(t *testing.T) {
	g := (&testGuest{}).puts("ready\n").sleep(time.Hour)
	within(t, g, Config{}, func(pid int) {
		maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("\n%s", maps)
		rights := map[string]string{}
		next := uint64(0x10000)
		for line := range strings.Lines(string(maps)) {
			var from, to uint64
			var right string
			if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &right); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(line, "[vsyscall]") || sealedVDSO(t) && strings.Contains(line, "[v") {
				continue // the kernel's, that it lets nobody unmap
			}
			if from != next || to > testMem+0x2000 {
				t.Errorf("not the guest's: %s", line)
			}
			next = to
			for at := from; at < to; at += 0x1000 {
				rights[fmt.Sprintf("%#x", at)] = right
			}
		}
		for at, want := range map[uint64]string{
			0x10000: "rw-p", 0x11000: "rw-p", bootEnd: "rw-p", textAt: "r-xp", handlerAt: "r-xp", handlerAt + 0x1000: "rw-p",
			rodataAt: "r--p", rodataAt + 0x1000: "r--p", dataAt: "rw-p", heapAt: "rw-p", testMem - 0x1000: "rw-p", testMem: "r-xp",
		} {
			if got := rights[fmt.Sprintf("%#x", at)]; got != want {
				t.Errorf("%#x is %s, want %s", at, got, want)
			}
		}
	})
}

// sealedVDSO says whether the kernel lets no process unmap what it maps into
// all of them (CONFIG_MSEAL_SYSTEM_MAPPINGS).
func sealedVDSO(t *testing.T) bool {
	t.Helper()
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	_, vdso, _ := strings.Cut(string(smaps), "[vdso]")
	_, flags, _ := strings.Cut(vdso, "VmFlags:")
	flags, _, _ = strings.Cut(flags, "\n")
	return slices.Contains(strings.Fields(flags), "sl")
}

// The process has the guest's descriptors and no other, whatever the program
// around it has open, no privilege to gain, no environment, a filter, and the
// image's name.
func TestProcessState(t *testing.T) {
	leak, err := unix.Open("/dev/null", unix.O_RDONLY, 0) // without O_CLOEXEC
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(leak)
	high, err := unix.FcntlInt(uintptr(leak), unix.F_DUPFD, 500)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(high)
	r := newRig(t)
	g := threeGuest().puts("ready\n").sleep(time.Hour)
	within(t, g, Config{Config: r.config}, func(pid int) {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			t.Fatal(err)
		}
		var fds []string
		for _, e := range entries {
			target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			kind, _, _ := strings.Cut(filepath.Base(target), ":")
			fds = append(fds, e.Name()+" "+kind)
		}
		slices.Sort(fds)
		want := []string{"1 pipe", "3 anon_inode", "4 anon_inode", "5 socket", "6 disk", "7 socket"}
		if !slices.Equal(fds, want) {
			t.Errorf("descriptors %q, want %q", fds, want)
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"Name:\tguest.spt\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n", "Threads:\t1\n"} {
			if !strings.Contains(string(status), want) {
				t.Errorf("no %q in\n%s", want, status)
			}
		}
		for _, name := range []string{"cmdline", "environ"} {
			if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name)); len(text) > 0 {
				t.Errorf("%s: %q, %v", name, text, err)
			}
		}
	})
}

func TestCancel(t *testing.T) {
	cause := errors.New("the operator said so")
	talking := (&testGuest{}).call(unix.SYS_CLOCK_GETTIME, 1, heapAt)
	back := len(talking.text) + 2
	talking.op(0xeb, byte(-back))
	for name, g := range map[string]*testGuest{"loop": spinning(), "sleep": sleeping(), "calls": talking} {
		t.Run(name, func(t *testing.T) {
			for _, after := range []time.Duration{0, time.Millisecond, 20 * time.Millisecond} {
				p := start(t, g, Config{})
				ctx, cancel := context.WithCancelCause(context.Background())
				var asked time.Time
				timer := time.AfterFunc(after, func() {
					asked = time.Now()
					cancel(cause)
				})
				_, err := p.Run(ctx)
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
}

func TestCancelledBefore(t *testing.T) {
	p := start(t, spinning(), Config{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestCloseWhileRunning(t *testing.T) {
	g := (&testGuest{}).puts("ready\n").sleep(time.Hour)
	var p *Process
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	p = start(t, g, args(machine.Config{Console: w}))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Run(ctx)
	}()
	if _, err := r.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err == nil {
		t.Error("closed under a running guest")
	}
	cancel()
	<-done
}

// Somebody else's signal.
func TestKilled(t *testing.T) {
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGKILL} {
		p := start(t, sleeping(), Config{})
		killed := make(chan struct{})
		go func() {
			defer close(killed)
			for range 1000 {
				if pids := children(t, os.Getpid()); len(pids) == 1 {
					time.Sleep(50 * time.Millisecond) // let it leave the prologue
					unix.Kill(pids[0], signal)
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
		_, err := run(t, p)
		var death *SignalError
		if !errors.As(err, &death) || death.Signal != signal {
			t.Errorf("%v: %v", signal, err)
		}
		<-killed
	}
}

// sleepForEver is a tender whose guest does not end.
func sleepForEver() {
	p, err := New(args(machine.Config{Image: sleeping().image(new(testing.T)), MemBytes: testMem}))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	p.Run(context.Background())
	os.Exit(1)
}

// The guest ends with its tender, however that ends.
func TestTenderDies(t *testing.T) {
	needFilters(t)
	for _, signal := range []unix.Signal{unix.SIGKILL, unix.SIGTERM} {
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), "SPT_TEST_SLEEP=1")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
			t.Fatalf("%q, %v", line, err)
		}
		var guests []int
		for deadline := time.Now().Add(patience); len(guests) == 0 && time.Now().Before(deadline); {
			guests = children(t, cmd.Process.Pid)
		}
		if len(guests) != 1 {
			t.Errorf("processes %v", guests)
		}
		handle, err := unix.PidfdOpen(guests[0], 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		fds := []unix.PollFd{{Fd: int32(handle), Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, int(patience/time.Millisecond)); n != 1 || err != nil {
			t.Errorf("the guest outlived its tender: %d, %v", n, err)
			unix.PidfdSendSignal(handle, unix.SIGKILL, nil, 0)
		}
		unix.Close(handle)
	}
}

// openFDs are the process's descriptors.
func openFDs(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// memfds counts the mappings of pictures.
func memfds(t *testing.T) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(maps), "memfd:guest")
}

// Guests that end in every way leave no descriptor, mapping, goroutine or
// process.
func TestLeaks(t *testing.T) {
	needFilters(t)
	once := func() {
		for _, g := range []*testGuest{(&testGuest{}).puts("hello").exit(0), (&testGuest{}).op(0x0f, 0x0b), spinning(), sleeping()} {
			for _, console := range []*failingWriter{nil, {room: 3}, {room: 100}} {
				c := args(machine.Config{Image: g.image(t), MemBytes: testMem})
				if console != nil {
					c.Console = console
				}
				p, err := New(c)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
				p.Run(ctx)
				cancel()
				if err := p.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
		p, err := New(args(machine.Config{Image: spinning().image(t), MemBytes: testMem}))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil { // without a run
			t.Fatal(err)
		}
		if _, err := New(args(machine.Config{Image: threeGuest().image(t)})); err == nil {
			t.Error("no device was attached")
		}
		if _, err := New(args(machine.Config{Image: readImage(t, lateSegment()), MemBytes: 2 << 20})); err == nil {
			t.Error("the image did not fit")
		}
	}
	once()
	fds, maps, goroutines := openFDs(t), memfds(t), runtime.NumGoroutine()
	for range 10 {
		once()
	}
	if n := openFDs(t); n != fds {
		t.Errorf("%d descriptors, %d before", n, fds)
	}
	if n := memfds(t); n != maps || n != 0 {
		t.Errorf("%d mappings, %d before", n, maps)
	}
	if pids := children(t, os.Getpid()); len(pids) > 0 {
		t.Errorf("processes %v", pids)
	}
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > goroutines && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, %d before", n, goroutines)
	}
}
