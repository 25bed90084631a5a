package kernel

import (
	"bytes"
	"reflect"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"tender/abi"
)

// Layouts are those of Linux on x86-64 (arch/x86/include/uapi/asm).
func TestLayout(t *testing.T) {
	for _, c := range []struct {
		typ   reflect.Type
		field string // "" for the size
		want  uintptr
	}{
		{reflect.TypeFor[sigaction](), "", 32},
		{reflect.TypeFor[sigaction](), "restorer", 16},
		{reflect.TypeFor[sigaction](), "mask", 24},
		{reflect.TypeFor[stackt](), "", 24},
		{reflect.TypeFor[stackt](), "size", 16},
		{reflect.TypeFor[siginfo](), "", 128},
		{reflect.TypeFor[siginfo](), "code", 8},
		{reflect.TypeFor[siginfo](), "addr", 16},
		{reflect.TypeFor[mcontext](), "", 256},
		{reflect.TypeFor[mcontext](), "di", 64},
		{reflect.TypeFor[mcontext](), "sp", 120},
		{reflect.TypeFor[mcontext](), "ip", 128},
		{reflect.TypeFor[mcontext](), "fl", 136},
		{reflect.TypeFor[mcontext](), "cs", 144},
		{reflect.TypeFor[mcontext](), "err", 152},
		{reflect.TypeFor[mcontext](), "trapno", 160},
		{reflect.TypeFor[mcontext](), "cr2", 176},
		{reflect.TypeFor[mcontext](), "fpstate", 184},
		{reflect.TypeFor[ucontext](), "stack", 16},
		{reflect.TypeFor[ucontext](), "mcontext", 40},
		{reflect.TypeFor[ucontext](), "sigmask", 296},
		{reflect.TypeFor[ucontext](), "", 424},
		{reflect.TypeFor[timespec](), "", reflect.TypeFor[syscall.Timespec]().Size()},
		{reflect.TypeFor[epollEvent](), "", reflect.TypeFor[unix.EpollEvent]().Size()},
		{reflect.TypeFor[epollEvent](), "data", 4},
		{reflect.TypeFor[stat](), "", reflect.TypeFor[syscall.Stat_t]().Size()},
		{reflect.TypeFor[stat](), "mode", fieldOffset(t, reflect.TypeFor[syscall.Stat_t](), "Mode")},
		{reflect.TypeFor[stat](), "rdev", fieldOffset(t, reflect.TypeFor[syscall.Stat_t](), "Rdev")},
		{reflect.TypeFor[stat](), "size", fieldOffset(t, reflect.TypeFor[syscall.Stat_t](), "Size")},
		{reflect.TypeFor[stat](), "accessed", fieldOffset(t, reflect.TypeFor[syscall.Stat_t](), "Atim")},
		{reflect.TypeFor[thread](), "registers", 0},
	} {
		got := c.typ.Size()
		if c.field != "" {
			got = fieldOffset(t, c.typ, c.field)
		}
		if got != c.want {
			t.Errorf("%s.%s = %d, want %d", c.typ.Name(), c.field, got, c.want)
		}
	}
}

func fieldOffset(t *testing.T, typ reflect.Type, name string) uintptr {
	f, ok := typ.FieldByName(name)
	if !ok {
		t.Fatalf("%s has no %s", typ, name)
	}
	return f.Offset
}

func TestFaultSignal(t *testing.T) {
	const ip, cr2 = 0x1000, 0x2000
	for _, c := range []struct {
		what              string
		vector, errorCode uint64
		want              fault
	}{
		{"divide", 0, 0, fault{sigFPE, 1, ip}},
		{"debug", 1, 0, fault{sigTRAP, 1, ip}},
		{"breakpoint", 3, 0, fault{sigTRAP, 1, ip}},
		{"invalid opcode", 6, 0, fault{sigILL, 2, ip}},
		{"general protection", 13, 0, fault{sigSEGV, 128, 0}},
		{"page not there", 14, 6, fault{sigSEGV, 1, cr2}},
		{"page protected", 14, 7, fault{sigSEGV, 2, cr2}},
		{"execute protected", 14, 0x15, fault{sigSEGV, 2, cr2}},
		{"x87", 16, 0, fault{sigFPE, 128, ip}},
		{"alignment", 17, 0, fault{sigBUS, 1, 0}},
		{"SIMD", 19, 0, fault{sigFPE, 128, ip}},
		{"stack segment", 12, 0, fault{sigSEGV, 128, 0}},
		{"unknown", 1 << 60, 0, fault{sigSEGV, 128, 0}},
	} {
		if got := faultSignal(c.vector, c.errorCode, ip, cr2); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.what, got, c.want)
		}
	}
}

// A handler finds what Linux gives it, and returning restores every register.
func TestDeliver(t *testing.T) {
	stack := mapRegion(t, 64<<10)
	alt := mapRegion(t, 64<<10)
	const handler, restorer = 0x1111, 0x2222
	regs := registers{
		ax: 1, bx: 2, cx: 3, dx: 4, si: 5, di: 6, bp: 7, sp: uint64(stack) + 60<<10 + 8,
		r8: 8, r9: 9, r10: 10, r11: 11, r12: 12, r13: 13, r14: 14, r15: 15,
		pc: 16, flags: 0x202, fs: 17, full: 1,
	}
	vectorInit()
	for i, c := range []struct {
		what     string
		flags    uint64
		altSize  uintptr
		inAlt    bool // runs on the alternate stack already
		wantAlt  bool
		wantMask uint64
	}{
		{"own stack", 0, 0, false, false, 1<<20 | 1<<(sigSEGV-1)},
		{"no alternate stack", 0x08000000, 0, false, false, 1<<20 | 1<<(sigSEGV-1)},
		{"alternate stack", 0x08000000, 64 << 10, false, true, 1<<20 | 1<<(sigSEGV-1)},
		{"nested", 0x08000000, 64 << 10, true, true, 1<<20 | 1<<(sigSEGV-1)},
		{"not deferred", 0x40000000, 0, false, false, 1 << 20},
	} {
		threadInit()
		th := self()
		th.registers = regs
		if c.inAlt {
			th.sp = uint64(alt) + 32<<10
		}
		th.sigmask = 0
		if c.altSize != 0 {
			th.altSP, th.altSize, th.altFlags = alt, c.altSize, 0
		}
		th.vectors = uint64(i % 2)
		vectors := bytesAt(th.save, vectorBytes)
		for i := range vectors {
			vectors[i] = byte(i)
		}
		clear(vectors[xstateMarkAt : xstateMarkAt+sizeOf[xstateMark]()]) // the frame's own
		saved := bytes.Clone(vectors)
		before := th.registers
		actions[sigSEGV] = sigaction{handler, c.flags, restorer, 1 << 20}
		deliver(th, fault{sigSEGV, 1, 0x3333}, &abi.FaultRecord{Vector: 14, ErrorCode: 6, CR2: 0x3333})

		sp := uintptr(th.sp)
		if on := sp >= alt && sp < alt+64<<10; on != c.wantAlt {
			t.Errorf("%s: frame at %#x", c.what, sp)
		}
		if th.pc != handler || th.full != 1 || (sp+8)%16 != 0 || *at[uint64](sp) != restorer {
			t.Errorf("%s: starts at %#x with stack %#x", c.what, th.pc, sp)
		}
		info, uc := at[siginfo](uintptr(th.si)), at[ucontext](uintptr(th.dx))
		if th.di != sigSEGV || info.signo != sigSEGV || info.code != 1 || info.addr != 0x3333 {
			t.Errorf("%s: signal %d, %+v", c.what, th.di, info)
		}
		if m := &uc.mcontext; m.ip != before.pc || m.sp != before.sp || m.trapno != 14 || m.err != 6 || m.cr2 != 0x3333 {
			t.Errorf("%s: context %+v", c.what, m)
		}
		if th.sigmask != c.wantMask {
			t.Errorf("%s: mask %#x", c.what, th.sigmask)
		}
		if m := &uc.mcontext; (m.fpstate != 0) != (before.vectors != 0) || m.fpstate%64 != 0 || m.fpstate != 0 && uintptr(m.fpstate) < addrOf(info) {
			t.Errorf("%s: vector registers at %#x, frame at %#x", c.what, m.fpstate, sp)
		}
		th.registers = registers{sp: th.sp + 8, fs: 17} // the handler returns to restorer
		clear(vectors)
		sysSigreturn()
		if th.registers != before || th.sigmask != 0 {
			t.Errorf("%s: came back with %+v, want %+v", c.what, th.registers, before)
		}
		clear(vectors[xstateMarkAt : xstateMarkAt+sizeOf[xstateMark]()])
		if before.vectors != 0 && !bytes.Equal(vectors, saved) {
			t.Errorf("%s: vector registers have changed", c.what)
		}
	}
	actions[sigSEGV] = sigaction{}
}

func TestSignalCalls(t *testing.T) {
	threadInit()
	mem := mapRegion(t, pageSize)
	act, old := at[sigaction](mem), at[sigaction](mem+64)
	*act = sigaction{1, 2, 3, 4}
	for _, c := range []struct {
		what string
		got  int64
		want int64
	}{
		{"sigaction", sysSigaction(10, addrOf(act), 0), 0},
		{"sigaction back", sysSigaction(10, 0, addrOf(old)), 0},
		{"sigaction 0", sysSigaction(0, addrOf(act), 0), eINVAL},
		{"sigaction 65", sysSigaction(65, addrOf(act), 0), eINVAL},
		{"sigaction huge", sysSigaction(^uintptr(0), addrOf(act), 0), eINVAL},
		{"kill 0", sysKill(0), 0},
		{"kill SIGURG", sysKill(sigURG), 0},
		{"kill ignored", sysKill(10), 0},
		{"kill 65", sysKill(65), eINVAL},
		{"tgkill of no thread", sysTgkill(99, sigABRT), eSRCH},
		{"tgkill 0", sysTgkill(1, 0), 0},
		{"tgkill 65", sysTgkill(1, 65), eINVAL},
		{"tgkill ignored", sysTgkill(1, 10), 0},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", c.what, c.got, c.want)
		}
	}
	if *old != *act {
		t.Errorf("action %+v, want %+v", *old, *act)
	}
	actions[10] = sigaction{}

	set := at[uint64](mem + 128)
	was := at[uint64](mem + 192)
	for _, c := range []struct {
		how       uintptr
		set, want uint64
		r         int64
	}{{2, 0xf0, 0xf0, 0}, {0, 0x0f, 0xff, 0}, {1, 0x11, 0xee, 0}, {3, 0, 0xee, eINVAL}} {
		*set = c.set
		before := self().sigmask
		if r := sysSigprocmask(c.how, addrOf(set), addrOf(was)); r != c.r || self().sigmask != c.want || *was != before {
			t.Errorf("sigprocmask %d %#x: %d, mask %#x, was %#x", c.how, c.set, r, self().sigmask, *was)
		}
	}
}
