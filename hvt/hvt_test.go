package hvt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tender/abi"
	"tender/machine"
)

func TestHello(t *testing.T) {
	inBothModes(t, func(t *testing.T, mode Start) {
		g := &testGuest{}
		g.puts("Hello, ").puts("world\n").halt(0)
		var console bytes.Buffer
		vm := start(t, g, Config{Start: mode, Config: machine.Config{Console: &console}})
		mustHalt(t, vm, 0)
		if console.String() != "Hello, world\n" {
			t.Errorf("console has %q", console.String())
		}
	})
}

func TestExitStatus(t *testing.T) {
	inBothModes(t, func(t *testing.T, mode Start) {
		for _, c := range []struct{ passed, want int }{{0, 0}, {1, 1}, {255, 255}, {256, 0}, {-1, 255}, {0x12345, 0x45}} {
			g := &testGuest{}
			g.halt(int32(c.passed))
			if exit := mustHalt(t, start(t, g, Config{Start: mode}), c.want); exit.Cookie != nil {
				t.Error("a cookie that was not left")
			}
		}
	})
}

func TestCookie(t *testing.T) {
	g := &testGuest{}
	want := bytes.Repeat([]byte("cookie! "), abi.HaltCookieSize/8)
	cookie := g.put(want)
	g.call(abi.HypercallHalt, g.put(abi.HaltArgs{Cookie: uint64(cookie), Status: abi.ExitAbort}))
	exit := mustHalt(t, start(t, g, Config{}), abi.ExitAbort)
	if !bytes.Equal(exit.Cookie, want) {
		t.Errorf("cookie is %q", exit.Cookie)
	}
}

func TestWalltime(t *testing.T) {
	g := &testGuest{}
	at := g.put(abi.WalltimeArgs{})
	g.call(abi.HypercallWalltime, at).halt(0)
	vm := start(t, g, Config{})
	before := time.Now()
	mustHalt(t, vm, 0)
	got := time.Unix(0, int64(peek[abi.WalltimeArgs](t, vm, at).Nanos))
	if got.Before(before.Round(0)) || got.After(time.Now()) {
		t.Errorf("guest was told %v, it is %v", got, before)
	}
}

// The guest stores its registers and prints its command line.
func TestBootInfo(t *testing.T) {
	inBothModes(t, func(t *testing.T, mode Start) {
		for _, mem := range []uint64{2 << 20, 16 << 20, 1 << 30, abi.HVTMaxMem} {
			for _, args := range [][]string{nil, {"one"}, {"--two", "words", ""}, {strings.Repeat("x", abi.CmdlineSize-1)}} {
				t.Run(fmt.Sprintf("%dMiB/%d", mem>>20, len(args)), func(t *testing.T) {
					g := &testGuest{}
					want := strings.Join(args, " ")
					const saved = heapAt
					g.op(0x48, 0x89, 0x3c, 0x25).op(le32(saved)...)     // mov %rdi, saved
					g.op(0x48, 0x89, 0x24, 0x25).op(le32(saved + 8)...) // mov %rsp, saved+8
					g.op(0x6a, 0x00, 0x58)                              // push $0; pop %rax
					g.op(0x48, 0x8b, 0x47, 0x18)                        // mov 24(%rdi), %rax: Cmdline
					puts := g.put(abi.PutsArgs{Len: uint64(len(want))})
					g.op(0x48, 0x89, 0x04, 0x25).op(le32(puts)...) // mov %rax, PutsArgs.Data
					g.call(abi.HypercallPuts, puts).halt(0)

					var console bytes.Buffer
					vm := start(t, g, Config{Start: mode, Config: machine.Config{MemBytes: mem, Args: args, Console: &console}})
					mustHalt(t, vm, 0)
					if console.String() != want {
						t.Errorf("command line %q, want %q", console.String(), want)
					}
					if rdi := peek[uint64](t, vm, saved); rdi != abi.HVTBootInfo {
						t.Errorf("RDI = %#x", rdi)
					}
					if rsp := peek[uint64](t, vm, saved+8); rsp != mem-8 {
						t.Errorf("RSP = %#x, memory is %#x", rsp, mem)
					}
					boot := peek[abi.HVTBoot](t, vm, abi.HVTBootInfo)
					wantBoot := abi.HVTBoot{MemSize: mem, KernelEnd: heapAt, CycleHz: boot.CycleHz, Cmdline: 0x100a8, Manifest: 0x10038}
					if boot != wantBoot || boot.CycleHz < 1e8 {
						t.Errorf("boot info %+v, want %+v", boot, wantBoot)
					}
					if nul := vm.host.mem.bytes[boot.Cmdline+uint64(len(want))]; nul != 0 {
						t.Error("command line is not terminated")
					}
				})
			}
		}
	})
}

func le32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

func TestMemoryRules(t *testing.T) {
	for _, c := range []struct {
		in, want uint64
		notice   string
	}{
		{0, 512 << 20, ""},
		{1, 2 << 20, "adjusting memory to 2097152 bytes"},
		{2 << 20, 2 << 20, ""},
		{3 << 20, 2 << 20, "adjusting memory to 2097152 bytes"},
		{4096 << 20, 4096 << 20, ""},
		{4097 << 20, 4096 << 20, "adjusting memory to 4294967296 bytes"},
		{4098 << 20, 0, ""},
		{1<<64 - 1, 0, ""},
	} {
		notice := ""
		config := Config{Config: machine.Config{MemBytes: c.in, Log: func(format string, args ...any) { notice = fmt.Sprintf(format, args...) }}}
		got, err := config.memBytes()
		if (err != nil) != (c.want == 0) || got != c.want || notice != c.notice {
			t.Errorf("%d: %d, %q, %v; want %d, %q", c.in, got, notice, err, c.want, c.notice)
		}
	}
}

func TestBadConfig(t *testing.T) {
	needKVM(t)
	plain := (&testGuest{plain: true}).image(t)
	for _, c := range []struct {
		want   string
		config Config
	}{
		{"no image", Config{}},
		{"cannot start in user mode", Config{Config: machine.Config{Image: plain}, Start: StartUser}},
		{"unknown start mode", Config{Config: machine.Config{Image: plain}, Start: 9}},
		{"too large", Config{Config: machine.Config{Image: plain, MemBytes: 1 << 40}}},
		{"Guest command line too long", Config{Config: machine.Config{Image: plain, Args: []string{strings.Repeat("x", 8192)}}}},
		{"NUL", Config{Config: machine.Config{Image: plain, Args: []string{"a\x00b"}}}},
	} {
		vm, err := New(c.config)
		if vm != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

func TestStartChoice(t *testing.T) {
	for _, c := range []struct {
		plain       bool
		asked, want Start
	}{
		{false, StartAuto, StartUser}, {false, StartKernel, StartKernel}, {false, StartUser, StartUser},
		{true, StartAuto, StartKernel}, {true, StartKernel, StartKernel},
	} {
		g := &testGuest{plain: c.plain}
		g.halt(0)
		vm := start(t, g, Config{Start: c.asked})
		if vm.mode != c.want {
			t.Errorf("plain %v, asked for %v: %v", c.plain, c.asked, vm.mode)
		}
		mustHalt(t, vm, 0)
	}
}

// A plain image on a KVM that emulates is told about once; SSE says why.
func TestEmulatedKernelMode(t *testing.T) {
	needKVM(t)
	probe, err := ProbeKVM()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", probe)
	if !probe.User && !probe.Kernel {
		t.Error("this KVM runs no guest at all")
	}
	g := &testGuest{plain: true}
	g.op(0x0f, 0x58, 0xc1).halt(0) // addps %xmm1, %xmm0
	var notices []string
	vm := start(t, g, Config{Config: machine.Config{Log: func(format string, args ...any) { notices = append(notices, fmt.Sprintf(format, args...)) }}})
	_, err = run(t, vm)
	if probe.Kernel {
		if err != nil || len(notices) != 0 {
			t.Errorf("native: %v, notices %q", err, notices)
		}
		return
	}
	var guest *GuestError
	if !errors.As(err, &guest) || guest.Breach != BreachEmulation || !strings.Contains(err.Error(), "emulates kernel-mode code") {
		t.Errorf("emulated: %v", err)
	}
	if len(notices) != 1 || !strings.Contains(notices[0], "emulates kernel-mode code") {
		t.Errorf("notices %q", notices)
	}
}

func TestRunOnce(t *testing.T) {
	g := &testGuest{}
	g.halt(3)
	needKVM(t)
	vm, err := New(Config{Config: machine.Config{Image: g.image(t), MemBytes: testMem}})
	if err != nil {
		t.Fatal(err)
	}
	mustHalt(t, vm, 3)
	if _, err := vm.Run(context.Background()); err == nil {
		t.Error("ran twice")
	}
	if err := vm.Close(); err != nil {
		t.Error(err)
	}
	if err := vm.Close(); err == nil {
		t.Error("closed twice")
	}
	if _, err := vm.Run(context.Background()); err == nil {
		t.Error("ran after Close")
	}
}

// failingWriter fails after some bytes.
type failingWriter struct{ room int }

func (w *failingWriter) Write(p []byte) (int, error) {
	n := min(w.room, len(p))
	w.room -= n
	if n < len(p) {
		return n, errors.New("disk full")
	}
	return n, nil
}

type shortWriter struct{}

func (shortWriter) Write(p []byte) (int, error) { return len(p) - 1, nil }

func TestConsoleError(t *testing.T) {
	g := &testGuest{}
	g.puts("Hello").puts("world").halt(0)
	_, err := run(t, start(t, g, Config{Config: machine.Config{Console: &failingWriter{room: 7}}}))
	if err == nil || !strings.Contains(err.Error(), "console: disk full") {
		t.Errorf("got %v", err)
	}
	_, err = run(t, start(t, g, Config{Config: machine.Config{Console: shortWriter{}}}))
	if err == nil || !strings.Contains(err.Error(), "short write") {
		t.Errorf("got %v", err)
	}
	mustHalt(t, start(t, g, Config{}), 0) // nil discards
}

func TestTwoAtOnce(t *testing.T) {
	inBothModes(t, func(t *testing.T, mode Start) {
		type outcome struct {
			console string
			exit    machine.Exit
			err     error
		}
		results := make(chan outcome, 2)
		var want []outcome
		for i := range 2 {
			g := &testGuest{}
			text := ""
			for j := range 50 {
				line := fmt.Sprintf("guest %d line %d\n", i, j)
				g.puts(line)
				text += line
			}
			g.halt(int32(10 + i))
			want = append(want, outcome{console: text, exit: machine.Exit{Status: 10 + i}})
			var console strings.Builder
			vm := start(t, g, Config{Start: mode, Config: machine.Config{Console: &console}})
			go func() {
				exit, err := vm.Run(t.Context())
				results <- outcome{console.String(), exit, err}
			}()
		}
		for range 2 {
			r := <-results
			found := false
			for _, w := range want {
				found = found || w.console == r.console && w.exit.Status == r.exit.Status && r.err == nil
			}
			if !found {
				t.Errorf("%+v", r)
			}
		}
	})
}
