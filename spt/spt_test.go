package spt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/machine"
)

func TestHello(t *testing.T) {
	g := &testGuest{}
	g.puts("Hello, ").puts("world\n").exit(0)
	if got := mustExit(t, g, Config{}, 0); got != "Hello, world\n" {
		t.Errorf("console has %q", got)
	}
}

func TestExitStatus(t *testing.T) {
	for _, c := range []struct {
		passed uint64
		want   int
	}{{0, 0}, {1, 1}, {255, 255}, {256, 0}, {1<<64 - 1, 255}, {0x12345, 0x45}} {
		g := &testGuest{}
		g.exit(c.passed)
		mustExit(t, g, Config{}, c.want)
	}
}

// saveRegisters stores RAX to R15 at 8-byte steps from at.
func (g *testGuest) saveRegisters(at uint64) {
	for r := range 16 {
		g.op(0x48|byte(r>>3<<2), 0x89, 0x04|byte(r&7<<3), 0x25).op(le32(uint32(at) + uint32(8*r))...)
	}
}

// The guest prints its registers, boot info, and the word RSP points to.
func TestBootInfo(t *testing.T) {
	for _, mem := range []uint64{2 << 20, 16 << 20, 1 << 30, 4 << 30, 5 << 30} {
		for _, words := range [][]string{nil, {"one"}, {"--two", "words", ""}, {strings.Repeat("x", abi.CmdlineSize-1)}} {
			t.Run(fmt.Sprintf("%dMiB/%d", mem>>20, len(words)), func(t *testing.T) {
				g := &testGuest{}
				g.saveRegisters(heapAt)
				g.op(0x48, 0x8b, 0x04, 0x24)                           // mov (%rsp), %rax
				g.expect(0).op(0x6a, 0x00, 0x58)                       // push $0; pop %rax
				g.op(0x0f, 0xae, 0x1c, 0x25).op(le32(heapAt + 128)...) // stmxcsr
				g.op(0xd9, 0x3c, 0x25).op(le32(heapAt + 136)...)       // fnstcw
				g.op(0x0f, 0x11, 0x04, 0x25).op(le32(heapAt + 144)...) // movups %xmm0
				g.print(heapAt, 160).print(abi.SPTMemBase, bootEnd-abi.SPTMemBase).exit(0)
				got := mustExit(t, g, args(machine.Config{MemBytes: mem, Args: words}), 0)

				registers := peek[[16]uint64](t, got, 0)
				want := [16]uint64{rsp: mem - 8, rdi: abi.SPTBootInfo}
				if registers != want {
					t.Errorf("registers %#x, want %#x", registers, want)
				}
				if got[128:132] != "\x80\x1f\x00\x00" || got[136:138] != "\x7f\x03" || strings.Trim(got[144:160], "\x00") != "" {
					t.Errorf("floating point state %x", got[128:160])
				}
				low := got[160:]
				boot := peek[abi.SPTBoot](t, low, 0x1000)
				wantBoot := abi.SPTBoot{MemSize: mem, KernelEnd: heapAt, Cmdline: 0x11098, Manifest: 0x11028, EpollFD: 3, TimerFD: 4}
				if boot != wantBoot {
					t.Errorf("boot info %+v, want %+v", boot, wantBoot)
				}
				line, _, _ := strings.Cut(low[boot.Cmdline-abi.SPTMemBase:], "\x00")
				if want := strings.Join(words, " "); line != want {
					t.Errorf("command line %q, want %q", line, want)
				}
				if strings.Trim(low[:0x1000], "\x00") != "" {
					t.Error("the page below is not zero")
				}
			})
		}
	}
}

// All memory beside the image and boot info is zero, and may be written: the
// guest adds up all words, and writes one of each page.
func TestMemoryIsZero(t *testing.T) {
	g := &testGuest{}
	for _, r := range [][2]uint64{{abi.SPTMemBase, abi.SPTBootInfo}, {bootEnd, textAt}, {handlerAt + 0x1000, rodataAt}, {rodataAt + 0x2000, dataAt}, {dataAt + 0x8000, testMem}} {
		g.op(mov(rdi, r[0])...).op(mov(rcx, (r[1]-r[0])/8)...).op(0x31, 0xc0)
		g.op(0xf3, 0x48, 0xaf, 0x74, 0x00) // repe scasq
		g.op(0x48, 0x89, 0xc8)             // mov %rcx, %rax
		g.op(0x74, 0x03, 0x48, 0xff, 0xc0) // je +3; inc %rax
		g.expect(0)
		g.op(mov(rdi, r[0])...).op(mov(rdx, r[1])...)
		g.op(0xff, 0x07)                                                             // incl (%rdi)
		g.op(0x48, 0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, 0x48, 0x39, 0xd7, 0x72, 0xf2) // add $4096, %rdi; cmp %rdx, %rdi; jb
	}
	mustExit(t, g.exit(0), Config{}, 0)
}

func TestMemoryRules(t *testing.T) {
	for _, c := range []struct {
		in, want uint64
		notice   string
	}{
		{0, 512 << 20, ""},
		{1, 1 << 20, "adjusting memory to 1048576 bytes"},
		{3 << 20, 3 << 20, ""},
		{3<<20 + 1, 3 << 20, "adjusting memory to 3145728 bytes"},
		{4098 << 20, 4098 << 20, ""},
		{1 << 40, 1 << 40, ""},
		{1<<40 + 1<<20, 0, ""},
		{1<<64 - 1, 0, ""},
	} {
		notice := ""
		config := args(machine.Config{MemBytes: c.in, Log: func(format string, args ...any) { notice = fmt.Sprintf(format, args...) }})
		got, err := config.memBytes()
		if (err != nil) != (c.want == 0) || got != c.want || notice != c.notice {
			t.Errorf("%d: %d, %q, %v; want %d, %q", c.in, got, notice, err, c.want, c.notice)
		}
	}
}

func TestBadConfig(t *testing.T) {
	needFilters(t)
	im := (&testGuest{}).image(t)
	note := func(n abi.TenderNote) Config {
		n.Version, n.Flags = abi.TenderNoteVersion, n.Flags|abi.FlagSPT
		return args(machine.Config{Image: (&testGuest{note: &n}).image(t)})
	}
	const stack = 1 << 16
	for _, c := range []struct {
		want   string
		config Config
	}{
		{"no image", Config{}},
		{"not for the solo5-spt target but for hvt", args(machine.Config{Image: (&testGuest{target: abi.TargetHVT}).image(t)})},
		{"too large", args(machine.Config{Image: im, MemBytes: 1<<40 + 1<<20})},
		{"entry point 0x100000 is not in", args(machine.Config{Image: im, MemBytes: 1 << 20})},
		{"beyond the guest's 2 MB of memory", args(machine.Config{Image: readImage(t, lateSegment()), MemBytes: 3<<20 - 1})},
		{"Guest command line too long", args(machine.Config{Image: im, Args: []string{strings.Repeat("x", 8192)}})},
		{"NUL", args(machine.Config{Image: im, Args: []string{"a\x00b"}})},
		{"signal entry 0x110000 is in no executable segment", note(abi.TenderNote{SignalEntry: rodataAt, SignalStack: heapAt, SignalStackBytes: stack})},
		{"is not in guest memory", note(abi.TenderNote{SignalEntry: handlerAt, SignalStack: 1 << 30, SignalStackBytes: stack})},
		{"is not in guest memory", note(abi.TenderNote{SignalEntry: handlerAt, SignalStack: 1<<64 - 1, SignalStackBytes: 1})},
		{"is not in guest memory", note(abi.TenderNote{SignalEntry: handlerAt, SignalStack: abi.SPTBootInfo, SignalStackBytes: stack})},
		{"cannot be written", note(abi.TenderNote{SignalEntry: handlerAt, SignalStack: rodataAt - 0x1000, SignalStackBytes: 0x1001})},
	} {
		p, err := New(c.config)
		if p != nil || err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// A kernel that does not promise memory it has not got says so before the
// guest starts.
func TestRefusedMemory(t *testing.T) {
	needFilters(t)
	mode, err := os.ReadFile("/proc/sys/vm/overcommit_memory")
	if err != nil || string(mode) == "1\n" {
		t.Skipf("vm.overcommit_memory is %q, %v: this kernel promises any amount", mode, err)
	}
	_, err = New(args(machine.Config{Image: (&testGuest{}).image(t), MemBytes: MaxMem}))
	if !errors.Is(err, unix.ENOMEM) || !strings.Contains(err.Error(), "the kernel refuses 1048576 MiB of guest memory") {
		t.Error(err)
	}
}

// Images of both targets run, if they say so.
func TestTargets(t *testing.T) {
	g := &testGuest{target: abi.TargetHVT, note: &abi.TenderNote{Version: abi.TenderNoteVersion, Flags: abi.FlagSPT}}
	mustExit(t, g.exit(7), Config{}, 7)
}

func TestRunOnce(t *testing.T) {
	needFilters(t)
	g := &testGuest{}
	g.exit(3)
	p, err := New(args(machine.Config{Image: g.image(t), MemBytes: testMem}))
	if err != nil {
		t.Fatal(err)
	}
	if exit, err := run(t, p); exit.Status != 3 || err != nil {
		t.Error(exit, err)
	}
	if _, err := run(t, p); err == nil {
		t.Error("ran twice")
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := p.Close(); err == nil {
		t.Error("closed twice")
	}
	if _, err := run(t, p); err == nil {
		t.Error("ran after Close")
	}
}

// A guest that writes much at once, and a lot of it.
func TestConsole(t *testing.T) {
	const n = 300_000
	g := &testGuest{}
	g.print(heapAt, n).print(heapAt, n).puts("end").exit(0)
	want := strings.Repeat("\x00", 2*n) + "end"
	if got := mustExit(t, g, Config{}, 0); got != want {
		t.Errorf("%d bytes", len(got))
	}

	path := filepath.Join(t.TempDir(), "console")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	mustExit(t, g, args(machine.Config{Console: file}), 0)
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("file: %d bytes, %v", len(got), err)
	}

	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	read := make(chan []byte)
	go func() {
		got := make([]byte, len(want))
		for at := 0; at < len(got); {
			n, err := r.Read(got[at:])
			if err != nil {
				break
			}
			at += n
		}
		read <- got
	}()
	mustExit(t, g, args(machine.Config{Console: w}), 0)
	if !bytes.Equal(<-read, []byte(want)) {
		t.Error("pipe: not all arrived")
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

// The guest ends when its output does not arrive.
func TestConsoleError(t *testing.T) {
	g := &testGuest{}
	g.puts("Hello").op(0xeb, 0xfe)
	_, err := run(t, start(t, g, args(machine.Config{Console: &failingWriter{room: 3}})))
	if err == nil || !strings.Contains(err.Error(), "console: disk full") {
		t.Errorf("got %v", err)
	}
	_, err = run(t, start(t, g, args(machine.Config{Console: shortWriter{}})))
	if err == nil || !strings.Contains(err.Error(), "short write") {
		t.Errorf("got %v", err)
	}
	exit, err := run(t, start(t, (&testGuest{}).puts("Hello").exit(0), Config{})) // nil discards
	if err != nil || exit.Status != 0 {
		t.Error(exit, err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Close()
	mustDie(t, g, args(machine.Config{Console: w}), unix.SIGPIPE)
	w.Close()
	if _, err := New(args(machine.Config{Image: g.image(t), Console: w})); err == nil {
		t.Error("a closed console")
	}
}

func TestTwoAtOnce(t *testing.T) {
	type outcome struct {
		console string
		exit    machine.Exit
		err     error
	}
	results := make(chan outcome, 2)
	want := map[string]int{}
	for i := range 2 {
		g := &testGuest{}
		text := ""
		for j := range 50 {
			line := fmt.Sprintf("guest %d line %d\n", i, j)
			g.puts(line)
			text += line
		}
		g.exit(uint64(10 + i))
		want[text] = 10 + i
		var console strings.Builder
		p := start(t, g, args(machine.Config{Console: &console}))
		go func() {
			exit, err := p.Run(t.Context())
			results <- outcome{console.String(), exit, err}
		}()
	}
	for range 2 {
		if r := <-results; r.err != nil || want[r.console] != r.exit.Status {
			t.Errorf("%q, %+v, %v", r.console, r.exit, r.err)
		}
	}
}
