package kernel

import "tender/abi"

// registers is the state of a suspended thread. The assembly uses its offsets.
type registers struct {
	ax, bx, cx, dx, si, di, bp, sp       uint64
	r8, r9, r10, r11, r12, r13, r14, r15 uint64
	pc, flags, fs                        uint64
	// full says that every register matters and the thread is resumed by
	// IRETQ; otherwise it resumes from a system call, which clobbers CX, R11
	// and the flags.
	full uint64
	// vectors says that the vector registers at thread.save matter as well;
	// only with full.
	vectors uint64
}

// stackSize is the kernel's stack in bytes; the last bailoutSize ones are that
// of kernelFault.
const (
	stackSize   = 16<<10 + bailoutSize
	bailoutSize = 2 << 10
)

var (
	stack    [stackSize / 8]uint64
	kernelG  [64]uint64 // stands in for the g of package runtime: all zero, so no stack check fails
	bootInfo uintptr    // as given at entry
	bootSP   uintptr    // stack pointer of the Go runtime's first thread
	bootCS   uintptr    // code segment selector at entry
	bootSS   uintptr    // stack segment selector at entry
	current  uintptr    // *thread that runs, or that has called the kernel
	loadedFS uintptr    // FS base in the CPU: that of the thread that ran last

	// record is where the last exception is described: *abi.FaultRecord.
	record uintptr

	tickAddress uintptr // of tickEntry

	// tender is where abi.TenderNote.Events points.
	tender tenderEvents
)

// tenderEvents has a name of this package for the assembly.
type tenderEvents abi.Events

// The assembly calls these through the func value, which holds the register
// ABI entry: outside of package runtime it cannot be named.
var (
	bootFn        = boot
	syscallFn     = onSyscall
	faultFn       = onFault
	tickFn        = onTick
	kernelFaultFn = onKernelFault
	hostSignalFn  = onHostSignal
)

// start is the entry point of the image. In: DI = boot info. It calls boot
// and jumps to the Go runtime's entry with bootSP as stack.
func start()

// syscallEntry stands for the SYSCALL instruction, with its register
// contract: AX = number, DI SI DX R10 R8 R9 = arguments; result in AX, all
// else kept but CX, R11, flags and the vector registers (all callers are
// function bodies, to which those belong). It may return on another thread.
func syscallEntry()

// clockEntry is syscallEntry of clock_gettime. It tells the time from the last
// reading, without a change of stacks, and leaves the rest to kernelEntry:
// other clocks, readings that are too old, sleepers whose time has come, and ticks.
func clockEntry()

// kernelEntry is syscallEntry of all that the kernel itself answers.
func kernelEntry()

// faultEntry is abi.TenderNote.FaultEntry: entered with all registers but RIP
// and RFLAGS as at the fault, the rest at record.
func faultEntry()

// tickEntry is abi.Events.Entry.
func tickEntry()

// signalEntry is abi.TenderNote.SignalEntry: a Linux signal handler (DI =
// signal, SI = siginfo, DX = ucontext) on signalStack. It does not return, but
// continues the thread where the program's own handler wants it. A tick that
// has interrupted the kernel is noted in tender, and the kernel goes on.
func signalEntry()

// textStart and textEnd enclose the code that runs, or has not yet saved
// everything, on a stack of the program.
func textStart()
func textEnd()

// Routines in assembly, by their address. Compiled code that calls assembly by
// name goes on with the g it finds by FS, which is the program's; through a
// func value it keeps kernelG. So these take the register ABI (arguments and
// results in AX, BX, CX, DI, SI, R8, R9) and are called by way of leaf.
var leaves struct{ out, rdtsc, rdrand, rdseed, cpuid, linux, loadTables, vectors, changeCR4, xgetbv, xsetbv uintptr }

// bindLeaves fills leaves in; start calls it.
func bindLeaves()
func bindKernelLeaves()

// out is OUT of a doubleword to a port: a hypercall.
func out(port, value uint64) { leaf[func(port, value uint64)](&leaves.out)(port, value) }

// rdtsc is the time stamp counter.
func rdtsc() uint64 { return leaf[func() uint64](&leaves.rdtsc)() }

// rdrand and rdseed give 0 as ok when the CPU has no random number ready.
func rdrand() (v, ok uint64) { return leaf[func() (v, ok uint64)](&leaves.rdrand)() }
func rdseed() (v, ok uint64) { return leaf[func() (v, ok uint64)](&leaves.rdseed)() }

// cpuid is the CPUID instruction.
func cpuid(leafNumber, sub uint64) (a, b, c, d uint64) {
	return leaf[func(leafNumber, sub uint64) (a, b, c, d uint64)](&leaves.cpuid)(leafNumber, sub)
}

// xgetbv is XCR0: the parts of the state that XSAVE knows. CR4.OSXSAVE is on.
func xgetbv() uint64 { return leaf[func() uint64](&leaves.xgetbv)() }

// linuxCall is the body of linux; it has a name so that tools know it.
func linuxCall()

// linux is a system call of the host, for spt: the only place in an image with
// a SYSCALL instruction.
func linux(nr, a, b, c, d, e, f uintptr) int64 {
	return leaf[func(nr, a, b, c, d, e, f uintptr) int64](&leaves.linux)(nr, a, b, c, d, e, f)
}
