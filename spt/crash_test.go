package spt

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"tender/abi"
)

// Instructions that raise what CPUs raise.
var crashes = []struct {
	name   string
	code   []byte
	signal syscall.Signal
}{
	{"store to the zero page", []byte{0x31, 0xc0, 0x89, 0x00}, unix.SIGSEGV},
	{"store just below memory", append(mov(rax, abi.SPTMemBase-1), 0xc6, 0x00, 0x01), unix.SIGSEGV},
	{"store to an unmapped address", append(mov(rax, 16<<30), 0x89, 0x00), unix.SIGSEGV},
	{"store to an address that is none", append(mov(rax, 1<<63), 0x89, 0x00), unix.SIGSEGV},
	{"load of the prologue's neighbour", append(mov(rax, testMem+0x10000), 0x8b, 0x00), unix.SIGSEGV},
	{"store to the prologue", append(mov(rax, testMem), 0x89, 0x00), unix.SIGSEGV},
	{"store to text", append(mov(rax, textAt), 0x89, 0x00), unix.SIGSEGV},
	{"store to read-only data", append(mov(rax, rodataAt), 0x89, 0x00), unix.SIGSEGV},
	{"store to the zeros of read-only data", append(mov(rax, rodataAt+0x1000), 0x89, 0x00), unix.SIGSEGV},
	{"execute read-only data", append(mov(rax, rodataAt), 0xff, 0xe0), unix.SIGSEGV},
	{"execute data", append(mov(rax, dataAt), 0xff, 0xe0), unix.SIGSEGV},
	{"execute the zeros of data", append(mov(rax, heapAt-0x1000), 0xff, 0xe0), unix.SIGSEGV},
	{"execute heap", append(mov(rax, heapAt), 0xff, 0xe0), unix.SIGSEGV},
	{"execute boot info", append(mov(rax, abi.SPTBootInfo), 0xff, 0xe0), unix.SIGSEGV},
	{"thread-local data without a base", []byte{0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0}, unix.SIGSEGV},
	{"halt", []byte{0xf4}, unix.SIGSEGV},
	{"port", []byte{0xe7, 0x10}, unix.SIGSEGV},
	{"return from the entry", []byte{0xc3}, unix.SIGSEGV},
	{"undefined instruction", []byte{0x0f, 0x0b}, unix.SIGILL},
	{"division by zero", []byte{0x31, 0xc9, 0x99, 0xf7, 0xf9}, unix.SIGFPE},
	{"breakpoint", []byte{0xcc}, unix.SIGTRAP},
	{"single step", []byte{0x9c, 0x81, 0x0c, 0x24, 0x00, 0x01, 0x00, 0x00, 0x9d, 0x90}, unix.SIGTRAP},
	{"unaligned access to be aligned", append(mov(rax, heapAt+1), 0x0f, 0x28, 0x00), unix.SIGSEGV},
}

func TestCrashes(t *testing.T) {
	for _, c := range crashes {
		t.Run(c.name, func(t *testing.T) {
			g := &testGuest{}
			mustDie(t, g.op(c.code...).exit(0), Config{}, c.signal)
		})
	}
}

func TestSignalError(t *testing.T) {
	for signal, want := range map[syscall.Signal]int{unix.SIGSYS: 159, unix.SIGSEGV: 139, unix.SIGILL: 132, unix.SIGFPE: 136, unix.SIGTRAP: 133, unix.SIGBUS: 135, unix.SIGPIPE: 141, unix.SIGKILL: 137, 50: 178} {
		e := &SignalError{"guest", signal}
		if e.Status() != want || !strings.HasPrefix(e.Error(), "guest: ") {
			t.Errorf("%v: status %d, %v", signal, e.Status(), e)
		}
	}
}

// What may be written, read and executed.
func TestRights(t *testing.T) {
	g := &testGuest{}
	for _, at := range []uint64{textAt, rodataAt, dataAt, heapAt, abi.SPTBootInfo, testMem - 8} {
		g.op(mov(rcx, at)...).op(0x48, 0x8b, 0x01) // mov (%rcx), %rax
		if at != textAt && at != rodataAt {
			g.op(0x48, 0x89, 0x01) // mov %rax, (%rcx)
		}
	}
	g.op(0x0f, 0x58, 0xc1) // addps %xmm1, %xmm0
	mustExit(t, g.exit(0), Config{}, 0)
}

// With ExecHeap the guest runs what it copies to its heap, and only there.
func TestExecHeap(t *testing.T) {
	code := callCode(unix.SYS_EXIT_GROUP, 5)
	for _, at := range []uint64{heapAt, bootEnd, testMem - 0x1000} {
		g := &testGuest{}
		from := g.put(code)
		g.op(mov(rsi, from)...).op(mov(rdi, at)...).op(mov(rcx, uint64(len(code)))...).op(0xf3, 0xa4) // rep movsb
		g.op(mov(rax, at)...).op(0xff, 0xe0)
		mustExit(t, g, Config{ExecHeap: true}, 5)
		mustDie(t, g, Config{}, unix.SIGSEGV)
	}
	for _, c := range crashes {
		if strings.HasPrefix(c.name, "execute read-only") || strings.HasPrefix(c.name, "execute data") || strings.HasPrefix(c.name, "store to text") {
			mustDie(t, (&testGuest{}).op(c.code...), Config{ExecHeap: true}, c.signal)
		}
	}
}

const signalStackBytes = 32 << 10

// withHandler gives the guest a handler for signals.
func withHandler(handler []byte) *testGuest {
	return &testGuest{handler: handler, note: &abi.TenderNote{
		Version: abi.TenderNoteVersion, Flags: abi.FlagSPT, SignalEntry: handlerAt,
		SignalStack: heapAt + 0x10000, SignalStackBytes: signalStackBytes,
	}}
}

// The handler gets the signal, its stack and the registers, prints them and
// ends the guest.
func TestSignalEntry(t *testing.T) {
	const saved = heapAt
	for _, c := range crashes {
		t.Run(c.name, func(t *testing.T) {
			h := &testGuest{}
			h.saveRegisters(saved)
			h.op(0x48, 0x8b, 0x82, 0xa8, 0, 0, 0) // mov 168(%rdx), %rax: RIP of the ucontext
			h.op(0x48, 0x89, 0x04, 0x25).op(le32(saved + 128)...)
			h.print(saved, 136).exit(77)
			g := withHandler(h.text)
			g.op(mov(rsp, testMem-0x100)...)
			at := len(g.text)
			got := mustExit(t, g.op(c.code...), Config{}, 77)
			registers := peek[[17]uint64](t, got, 0)
			if registers[rdi] != uint64(c.signal) {
				t.Errorf("signal %d", registers[rdi])
			}
			low, high := uint64(heapAt+0x10000), uint64(heapAt+0x10000+signalStackBytes)
			for _, r := range []int{rsp, rsi, rdx} {
				if registers[r] < low || registers[r] >= high {
					t.Errorf("register %d is %#x, not on the stack", r, registers[r])
				}
			}
			rip := registers[16]
			if jumps := strings.HasPrefix(c.name, "execute") || strings.HasPrefix(c.name, "return"); !jumps && (rip < uint64(textAt+at) || rip > uint64(textAt+at+len(c.code))) {
				t.Errorf("interrupted at %#x, the code is at %#x", rip, textAt+at)
			}
		})
	}
}

// Signals again and again, from the handler too: none stays blocked, and the
// stack is taken from its top whenever the guest has left it.
func TestManySignals(t *testing.T) {
	const count = 1000
	// The handler counts, leaves its stack, and makes the next fault.
	var h testGuest
	h.op(mov(rsp, testMem-0x100)...)
	h.op(0xff, 0x04, 0x25).op(le32(heapAt)...)                    // incl count
	h.op(0x81, 0x3c, 0x25).op(le32(heapAt)...).op(le32(count)...) // cmpl $count, count
	h.op(0x72, byte(len(callCode(0, 1))))                         // jb over
	h.exit(9)
	h.op(0x31, 0xc0, 0x89, 0x00)
	mustExit(t, withHandler(h.text).op(0x31, 0xc0, 0x89, 0x00), Config{}, 9)
}

// The refusal of a system call is no signal that the handler gets, and the
// handler cannot return by one.
func TestHandlerIsNoWayOut(t *testing.T) {
	h := (&testGuest{}).exit(77).text
	mustDie(t, withHandler(h).call(unix.SYS_GETPID).exit(0), Config{}, unix.SIGSYS)
	mustDie(t, withHandler(callCode(unix.SYS_RT_SIGRETURN)).op(0x0f, 0x0b), Config{}, unix.SIGSYS)
	mustDie(t, withHandler([]byte{0xc3}).op(0x0f, 0x0b), Config{}, unix.SIGSEGV)
}

// A stack that does not hold a frame ends the guest; one the kernel refuses
// keeps it from starting.
func TestSignalStack(t *testing.T) {
	g := withHandler((&testGuest{}).exit(77).text)
	g.note.SignalStackBytes = 100
	_, err := run(t, start(t, g.op(0x0f, 0x0b), Config{}))
	if err == nil || !strings.Contains(err.Error(), "cannot start: the kernel refused to set the signal stack of 100 bytes") {
		t.Error(err)
	}
}

// A note without the flag has no handler.
func TestNoHandler(t *testing.T) {
	g := withHandler((&testGuest{}).exit(77).text)
	g.note.Flags = 0
	mustDie(t, g.op(0x0f, 0x0b), Config{}, unix.SIGILL)
}

// A file that shrinks while a guest uses it is an error of the device.
func TestShrunkDisk(t *testing.T) {
	r := newRig(t)
	if err := os.Truncate(r.path, 0); err != nil {
		t.Fatal(err)
	}
	g := threeGuest(attempt{"pread64", unix.SYS_PREAD64, []uint64{diskFD, heapAt, diskBlock, 0}, 0}).exit(3)
	mustExit(t, g, Config{Config: r.config}, 3)
}
