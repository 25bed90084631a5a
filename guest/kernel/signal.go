package kernel

import "tender/abi"

// Signals, as Linux delivers them: CPU exceptions of the program become
// SIGSEGV, SIGFPE and so on with a real signal frame (x86-64 psABI and
// Linux's rt_sigframe), so that the Go runtime's own handler turns a nil
// dereference into a panic. Where the program was interrupted outside of a
// system call, the frame has its vector registers.

const (
	sigILL  = 4
	sigTRAP = 5
	sigABRT = 6
	sigBUS  = 7
	sigFPE  = 8
	sigSEGV = 11
	sigURG  = 23
	numSig  = 65

	ssOnStack = 1
	ssDisable = 2
)

type sigaction struct {
	handler, flags, restorer, mask uint64
}

var actions [numSig]sigaction

type stackt struct {
	sp    uint64
	flags uint32
	_     uint32
	size  uint64
}

// siginfo is the part that faults and kill fill; 128 bytes in all.
type siginfo struct {
	signo, errno, code int32
	_                  int32
	addr               uint64
	_                  [13]uint64
}

// mcontext is struct sigcontext.
type mcontext struct {
	r8, r9, r10, r11, r12, r13, r14, r15   uint64
	di, si, bp, bx, dx, ax, cx, sp, ip, fl uint64
	cs, gs, fs, ss                         uint16
	err, trapno, oldmask, cr2, fpstate     uint64
	_                                      [8]uint64
}

type ucontext struct {
	flags, link uint64
	stack       stackt
	mcontext    mcontext
	sigmask     uint64
	_           [15]uint64
}

// sigframe is what the handler finds at RSP.
type sigframe struct {
	restorer uint64
	uc       ucontext
	info     siginfo
}

func sysSigaction(sig, act, old uintptr) int64 {
	if sig == 0 || sig >= numSig {
		return eINVAL
	}
	if old != 0 {
		*at[sigaction](old) = actions[sig]
	}
	if act != 0 {
		actions[sig] = *at[sigaction](act)
	}
	return 0
}

func sysSigprocmask(how, set, old uintptr) int64 {
	const blockSet, unblock, setMask = 0, 1, 2
	t := self()
	if old != 0 {
		*at[uint64](old) = t.sigmask
	}
	if set == 0 {
		return 0
	}
	m := *at[uint64](set)
	switch how {
	case blockSet:
		t.sigmask |= m
	case unblock:
		t.sigmask &^= m
	case setMask:
		t.sigmask = m
	default:
		return eINVAL
	}
	return 0
}

func sysSigaltstack(ss, old uintptr) int64 {
	t := self()
	if old != 0 {
		*at[stackt](old) = stackt{sp: uint64(t.altSP), flags: t.altFlags, size: uint64(t.altSize)}
	}
	if ss != 0 {
		s := at[stackt](ss)
		t.altSP, t.altFlags, t.altSize = uintptr(s.sp), s.flags&ssDisable, uintptr(s.size)
	}
	return 0
}

// fault describes an exception in the terms of a signal.
type fault struct {
	sig, code int32
	addr      uint64
}

// faultSignal maps exception vectors to signals as Linux does.
func faultSignal(vector, errorCode, ip, cr2 uint64) fault {
	const fpeIntdiv, mapErr, accErr, fromKernel, illOpn, busAlign, trapBrkpt = 1, 1, 2, 128, 2, 1, 1
	switch vector {
	case 0:
		return fault{sigFPE, fpeIntdiv, ip}
	case 1, 3:
		return fault{sigTRAP, trapBrkpt, ip}
	case 6:
		return fault{sigILL, illOpn, ip}
	case 14:
		if errorCode&1 != 0 {
			return fault{sigSEGV, accErr, cr2}
		}
		return fault{sigSEGV, mapErr, cr2}
	case 16, 19:
		return fault{sigFPE, fromKernel, ip}
	case 17:
		return fault{sigBUS, busAlign, 0}
	}
	return fault{sigSEGV, fromKernel, 0}
}

// onFault is entered after an exception of the program; the current thread
// holds all its registers.
func onFault() {
	r := at[abi.FaultRecord](record)
	f := faultSignal(r.Vector, r.ErrorCode, r.RIP, r.CR2)
	t := self()
	if actions[f.sig].handler <= 1 || t.sigmask>>(f.sig-1)&1 != 0 {
		reportFault("unhandled exception", r)
	}
	deliver(t, f, r)
}

// deliver makes the thread continue in its handler for the signal.
func deliver(t *thread, f fault, r *abi.FaultRecord) {
	const onStack, noDefer = 0x08000000, 0x40000000
	const rflagsFixed, rflagsTF, rflagsDF = 0x202, 1 << 8, 1 << 10
	a := &actions[f.sig]
	sp := uintptr(t.sp) - 128
	if a.flags&onStack != 0 && t.altFlags&ssDisable == 0 && !t.onAltStack() {
		sp = t.altSP + t.altSize
	}
	if t.full == 0 {
		t.cx, t.r11, t.flags = 0, 0, rflagsFixed
	}
	vectors := uintptr(0)
	if t.vectors != 0 {
		vectors = (sp - frameVectors) &^ 63
		t.saveToFrame(vectors)
		sp = vectors
	}
	sp = (sp-sizeOf[sigframe]())&^15 - 8
	frame := at[sigframe](sp)
	*frame = sigframe{restorer: a.restorer}
	frame.info = siginfo{signo: f.sig, code: f.code, addr: f.addr}
	uc := &frame.uc
	uc.stack = stackt{sp: uint64(t.altSP), flags: t.altFlags, size: uint64(t.altSize)}
	uc.sigmask = t.sigmask
	uc.mcontext = mcontext{
		r8: t.r8, r9: t.r9, r10: t.r10, r11: t.r11, r12: t.r12, r13: t.r13, r14: t.r14, r15: t.r15,
		di: t.di, si: t.si, bp: t.bp, bx: t.bx, dx: t.dx, ax: t.ax, cx: t.cx, sp: t.sp, ip: t.pc, fl: t.flags,
		cs: uint16(bootCS), ss: uint16(bootSS), oldmask: t.sigmask, fpstate: uint64(vectors),
	}
	if r != nil {
		uc.mcontext.err, uc.mcontext.trapno, uc.mcontext.cr2 = r.ErrorCode, r.Vector, r.CR2
	}
	t.sigmask |= a.mask
	if a.flags&noDefer == 0 {
		t.sigmask |= 1 << (f.sig - 1)
	}
	t.di, t.si, t.dx = uint64(f.sig), uint64(addrOf(&frame.info)), uint64(addrOf(uc))
	t.ax, t.sp, t.pc, t.full, t.vectors = 0, uint64(sp), a.handler, 1, 0
	t.flags &^= rflagsTF | rflagsDF
}

func (t *thread) onAltStack() bool {
	return uintptr(t.sp)-t.altSP <= t.altSize
}

// sysSigreturn restores what the handler was given; the stack pointer is just
// above the frame's restorer field.
func sysSigreturn() {
	t := self()
	uc := at[ucontext](uintptr(t.sp))
	m := &uc.mcontext
	t.restore(m)
	if m.fpstate != 0 {
		t.loadFromFrame(uintptr(m.fpstate))
	}
	t.sigmask = uc.sigmask
}

// restore sets all registers but the FS base and vectors.
func (t *thread) restore(m *mcontext) {
	t.registers = registers{
		ax: m.ax, bx: m.bx, cx: m.cx, dx: m.dx, si: m.si, di: m.di, bp: m.bp, sp: m.sp,
		r8: m.r8, r9: m.r9, r10: m.r10, r11: m.r11, r12: m.r12, r13: m.r13, r14: m.r14, r15: m.r15,
		pc: m.ip, flags: m.fl, fs: t.fs, full: 1,
	}
}

// onKernelFault is entered when the kernel itself faults: most often by a bad
// pointer in a system call of the program.
func onKernelFault() {
	reportFault("fault in the guest kernel", at[abi.FaultRecord](record))
}

// reportFault prints an exception and ends the guest.
func reportFault(what string, r *abi.FaultRecord) {
	putString("tender: ")
	putString(what)
	putString(": vector ")
	putHex(r.Vector)
	putString(" error ")
	putHex(r.ErrorCode)
	putString(" rip ")
	putHex(r.RIP)
	putString(" rsp ")
	putHex(r.RSP)
	putString(" cr2 ")
	putHex(r.CR2)
	putString("\n")
	abort(r)
}
