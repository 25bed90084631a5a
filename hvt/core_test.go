package hvt

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/image"
	"tender/machine"
	"tender/toolchain"
)

// readCore checks the layout of a core file and returns its registers and
// memory.
func readCore(t *testing.T, path string) (prstatus, []byte) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Type != elf.ET_CORE || f.Machine != elf.EM_X86_64 || len(f.Progs) != 2 || f.Progs[0].Type != elf.PT_NOTE || f.Progs[1].Type != elf.PT_LOAD {
		t.Fatalf("%+v", f.FileHeader)
	}
	note := make([]byte, f.Progs[0].Filesz)
	if _, err := f.Progs[0].ReadAt(note, 0); err != nil {
		t.Fatal(err)
	}
	if f.Progs[0].Off != 176 || string(note[12:17]) != "CORE\x00" || binary.LittleEndian.Uint32(note[4:]) != 336 {
		t.Errorf("note at %d: %x", f.Progs[0].Off, note[:20])
	}
	var status prstatus
	if _, err := binary.Decode(note[20:], binary.LittleEndian, &status); err != nil {
		t.Fatal(err)
	}
	memory := make([]byte, f.Progs[1].Filesz)
	if _, err := f.Progs[1].ReadAt(memory, 0); err != nil {
		t.Fatal(err)
	}
	return status, memory
}

// dump writes a core file of the guest.
func dump(t *testing.T, vm *VM) (string, CoreStats) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "core"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	stats, err := vm.WriteCore(f)
	if err != nil {
		t.Fatal(err)
	}
	return f.Name(), stats
}

func TestCoreLayout(t *testing.T) {
	for want, v := range map[int]any{336: prstatus{}, 512: fxsaveState{}, 4096: xsaveState{}} {
		if n := binary.Size(v); n != want {
			t.Errorf("%T has %d bytes, want %d", v, n, want)
		}
	}
}

// A guest that halts, with and without a cookie, and one that crashes.
func TestCore(t *testing.T) {
	inBothModes(t, func(t *testing.T, mode Start) {
		for _, cookie := range []bool{true, false} {
			g := &testGuest{}
			g.op(0xbb).op(le32(0x12345678)...).op(0x41, 0xbf, 0xff, 0, 0, 0) // mov $0x12345678, %ebx; mov $255, %r15d
			g.store(heapAt+0x2000, 0xabcdef)
			args := abi.HaltArgs{Status: abi.ExitAbort}
			if cookie {
				frame := make([]uint64, abi.HaltCookieSize/8)
				copy(frame, []uint64{1, 2, 0x104444, abi.UserCS, 0x202, 0x3ff000, abi.UserSS})
				args.Cookie = uint64(g.put(frame))
			}
			g.call(abi.HypercallHalt, g.put(args))
			vm := start(t, g, Config{Start: mode})
			mustHalt(t, vm, abi.ExitAbort)
			path, stats := dump(t, vm)
			status, memory := readCore(t, path)
			if !bytes.Equal(memory, vm.host.mem.bytes) {
				t.Error("the core's memory is not the guest's")
			}
			const rbx, r15, rip, rsp = 5, 0, 16, 19
			wantRIP, wantRSP := uint64(textAt), uint64(testMem-8)
			if cookie {
				wantRIP, wantRSP = 0x104444, 0x3ff000
			}
			r := status.Regs
			if r[rbx] != 0x12345678 || r[r15] != 255 || r[rip]&^0xff != wantRIP&^0xff || r[rsp] != wantRSP || status.Signal != 6 {
				t.Errorf("cookie %v: registers %x, signal %d", cookie, r, status.Signal)
			}
			if stats.Total != testMem/abi.PageSize || stats.Pages < 3 || stats.Pages > stats.Total/2 {
				t.Errorf("%+v", stats)
			}
			var stat unix.Stat_t
			if err := unix.Stat(path, &stat); err != nil || stat.Blocks*512 > int64(stats.Pages+16)*abi.PageSize {
				t.Errorf("%d blocks for %d pages, %v", stat.Blocks, stats.Pages, err)
			}
		}
		g := &testGuest{}
		g.op(0x49, 0xc7, 0xc7, 1, 0, 0, 0).out(0x999, 0) // mov $1, %r15
		vm := start(t, g, Config{Start: mode})
		mustBreach(t, vm, BreachPort, "port=0x999")
		path, _ := dump(t, vm)
		if status, _ := readCore(t, path); status.Regs[0] != 1 || status.Signal != 11 {
			t.Errorf("%+v", status)
		}
	})
}

// failingFile fails at a write or when it is made large.
type failingFile struct {
	room    int
	noRoom  error
	written int
}

func (f *failingFile) Truncate(int64) error { return f.noRoom }

func (f *failingFile) WriteAt(p []byte, off int64) (int, error) {
	if f.written+len(p) > f.room {
		return 0, unix.ENOSPC
	}
	f.written += len(p)
	return len(p), nil
}

func TestCoreErrors(t *testing.T) {
	g := &testGuest{}
	g.halt(abi.ExitAbort)
	vm := start(t, g, Config{})
	mustHalt(t, vm, abi.ExitAbort)
	for _, f := range []*failingFile{{noRoom: unix.EFBIG}, {room: 0}, {room: 5000}} {
		_, err := vm.WriteCore(f)
		if err == nil || !strings.Contains(err.Error(), "writing the core file") || !errors.Is(err, unix.EFBIG) && !errors.Is(err, unix.ENOSPC) {
			t.Errorf("%+v: %v", f, err)
		}
	}
	needKVM(t)
	closed, err := New(Config{Config: machine.Config{Image: g.image(t), MemBytes: testMem}})
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := closed.WriteCore(&failingFile{}); err == nil {
		t.Error("a core file after Close")
	}
}

// debuggee is testdata/debuggee as an image, and as ELF with symbols.
type debuggee struct{ image, symbols string }

// buildDebuggee skips the test without KVM or gdb.
func buildDebuggee(t *testing.T) debuggee {
	t.Helper()
	needKVM(t)
	needGDB(t)
	dir := t.TempDir()
	d := debuggee{filepath.Join(dir, "debuggee.hvt"), filepath.Join(dir, "debuggee.elf")}
	if _, err := toolchain.Build(t.Context(), toolchain.Options{Package: "./testdata/debuggee", Output: d.image, Debug: d.symbols}); err != nil {
		t.Fatal(err)
	}
	return d
}

// start is a VM of the debuggee that the test closes.
func (d debuggee) start(t *testing.T, c Config, args ...string) *VM {
	t.Helper()
	im, err := image.Open(d.image)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	c.Image, c.Args, c.MemBytes = im, args, 32<<20
	vm, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := vm.Close(); err != nil {
			t.Error(err)
		}
	})
	return vm
}

func needGDB(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("gdb"); err != nil {
		t.Skip("needs gdb: apt-get install gdb")
	}
}

// runGDB runs commands in batch mode and returns what it prints.
func runGDB(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "gdb", append([]string{"-nx", "-batch", "-iex", "set auto-load off"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("gdb: %v\n%s", err, out)
	}
	return string(out)
}

// mustContain checks that text has all parts, in order.
func mustContain(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, p := range parts {
		i := strings.Index(rest, p)
		if i < 0 {
			t.Errorf("no %q (in that order) in:\n%s", p, text)
			return
		}
		rest = rest[i+len(p):]
	}
}

// gdb reads core files of a Go guest that aborted, and of one that was stopped
// in a loop.
func TestCoreGDB(t *testing.T) {
	d := buildDebuggee(t)
	print := []string{"-ex", "info registers rip", "-ex", "bt", "-ex", "print 'main.answer'", "-ex", "print/x 'main.secret'", "-ex", "info registers fs_base", d.symbols}
	values := []string{"= 44", "{0x1111, 0x2222, 0x3333, 0x4444}", "fs_base"}

	vm := d.start(t, Config{}, "abort")
	mustHalt(t, vm, abi.ExitAbort)
	path, stats := dump(t, vm)
	t.Logf("%+v", stats)
	out := runGDB(t, append(print, path)...)
	mustContain(t, out, append([]string{"SIGABRT", "rip", "<out+", "hyperHalt", "onSyscall"}, values...)...)

	// The moment may be that of a tick, or of the garbage collector.
	for range 10 {
		vm = d.start(t, Config{}, "spin")
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := vm.Run(ctx)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		path, _ = dump(t, vm)
		if out = runGDB(t, append(print, path)...); strings.Contains(out, "<main.end+") {
			break
		}
	}
	mustContain(t, out, append([]string{"SIGTERM", "rip", "<main.end+", "main.inner", "main.inner", "main.inner", "main.inner", "main.main"}, values...)...)
}
