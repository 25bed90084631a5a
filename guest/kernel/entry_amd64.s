#include "go_asm.h"
#include "textflag.h"

// Go declarations and contracts: entry_amd64.go.

#define ON_KERNEL_STACK \
	LEAQ	·stack+const_stackSize(SB), SP \
	LEAQ	·kernelG(SB), R14 \
	XORPS	X15, X15 \
	CLD

#define CALL_FUNC(f) \
	MOVQ	f, DX \
	MOVQ	(DX), AX \
	CALL	AX

// SAVE_VECTORS stores the vector registers and control words at CX and gives
// them the values that threads in system calls have. It uses AX, CX and DX.
#define SAVE_VECTORS \
	MOVL	·vectorMask(SB), AX \
	XORL	DX, DX \
	TESTL	AX, AX \
	JEQ	4(PC) \
	XSAVE64	(CX) \
	MOVQ	·cleanVectors(SB), CX \
	JMP	3(PC) \
	FXSAVE64	(CX) \
	MOVQ	·cleanVectors(SB), CX \
	LOAD_VECTORS

// LOAD_VECTORS loads what SAVE_VECTORS has stored.
#define LOAD_VECTORS \
	MOVL	·vectorMask(SB), AX \
	XORL	DX, DX \
	TESTL	AX, AX \
	JEQ	3(PC) \
	XRSTOR64	(CX) \
	JMP	2(PC) \
	FXRSTOR64	(CX)

// From textStart to textEnd, in kernelmode_amd64.s, no tick interrupts.
TEXT ·textStart(SB),NOSPLIT|NOFRAME,$0
	INT	$3

TEXT ·start(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVQ	DI, ·bootInfo(SB)
	XORL	AX, AX
	MOVW	CS, AX
	MOVQ	AX, ·bootCS(SB)
	MOVW	SS, AX
	MOVQ	AX, ·bootSS(SB)
	LEAQ	·faultEntry(SB), AX // references keep them in the image
	LEAQ	·signalEntry(SB), AX
	LEAQ	·signalStack(SB), AX
	LEAQ	·tickEntry(SB), AX
	MOVQ	AX, ·tickAddress(SB)
	LEAQ	·textStart(SB), AX
	MOVQ	AX, ·tender+tenderEvents_TextStart(SB)
	LEAQ	·textEnd(SB), AX
	MOVQ	AX, ·tender+tenderEvents_TextEnd(SB)
	ON_KERNEL_STACK
	CALL	·bindLeaves(SB)
	CALL_FUNC(·bootFn(SB))
	MOVQ	·bootSP(SB), SP
	JMP	_rt0_amd64_linux(SB)

TEXT ·syscallEntry(SB),NOSPLIT|NOFRAME,$0
	CMPQ	AX, $const_nrClockGettime
	JNE	2(PC)
	JMP	·clockEntry(SB)
	JMP	·kernelEntry(SB)

TEXT ·kernelEntry(SB),NOSPLIT|NOFRAME,$0
	MOVQ	·current(SB), R11
	MOVQ	AX, registers_ax(R11)
	MOVQ	BX, registers_bx(R11)
	MOVQ	DX, registers_dx(R11)
	MOVQ	SI, registers_si(R11)
	MOVQ	DI, registers_di(R11)
	MOVQ	BP, registers_bp(R11)
	MOVQ	R8, registers_r8(R11)
	MOVQ	R9, registers_r9(R11)
	MOVQ	R10, registers_r10(R11)
	MOVQ	R12, registers_r12(R11)
	MOVQ	R13, registers_r13(R11)
	MOVQ	R14, registers_r14(R11)
	MOVQ	R15, registers_r15(R11)
	MOVQ	0(SP), CX
	MOVQ	CX, registers_pc(R11)
	LEAQ	8(SP), CX
	MOVQ	CX, registers_sp(R11)
	ON_KERNEL_STACK
	CALL_FUNC(·syscallFn(SB))
	JMP	·resume(SB)

TEXT ·faultEntry(SB),NOSPLIT|NOFRAME,$0
	MOVQ	R11, ·stack(SB) // the far end of the stack: free while no kernel code runs
	LEAQ	·stack(SB), R11
	CMPQ	SP, R11
	JB	program
	LEAQ	·stack+const_stackSize(SB), R11
	CMPQ	SP, R11
	JA	program

	// A fault of the kernel itself: there is nothing to resume.
	ON_KERNEL_STACK
	LEAQ	·stack+const_bailoutSize(SB), SP
	CALL_FUNC(·kernelFaultFn(SB))
	INT	$3

program:
	MOVQ	·current(SB), R11
	MOVQ	AX, registers_ax(R11)
	MOVQ	BX, registers_bx(R11)
	MOVQ	·record(SB), BX
	MOVQ	16(BX), AX
	MOVQ	AX, registers_pc(R11)
	MOVQ	24(BX), AX
	MOVQ	AX, registers_flags(R11)
	LEAQ	·faultFn(SB), BX
	JMP	·interrupted(SB)

TEXT ·tickEntry(SB),NOSPLIT|NOFRAME,$0
	MOVQ	R11, ·stack(SB)
	MOVQ	·current(SB), R11
	MOVQ	AX, registers_ax(R11)
	MOVQ	BX, registers_bx(R11)
	MOVQ	·tender+tenderEvents_RIP(SB), AX
	MOVQ	AX, registers_pc(R11)
	MOVQ	·tender+tenderEvents_RFLAGS(SB), AX
	MOVQ	AX, registers_flags(R11)
	LEAQ	·tickFn(SB), BX
	JMP	·interrupted(SB)

// interrupted saves what is left of the program and calls the func value at
// BX. AX, BX, RIP and RFLAGS are saved; R11 is the thread, and the program's
// R11 is at the far end of the stack.
TEXT ·interrupted(SB),NOSPLIT|NOFRAME,$0
	MOVQ	CX, registers_cx(R11)
	MOVQ	DX, registers_dx(R11)
	MOVQ	SI, registers_si(R11)
	MOVQ	DI, registers_di(R11)
	MOVQ	BP, registers_bp(R11)
	MOVQ	SP, registers_sp(R11)
	MOVQ	R8, registers_r8(R11)
	MOVQ	R9, registers_r9(R11)
	MOVQ	R10, registers_r10(R11)
	MOVQ	·stack(SB), AX
	MOVQ	AX, registers_r11(R11)
	MOVQ	R12, registers_r12(R11)
	MOVQ	R13, registers_r13(R11)
	MOVQ	R14, registers_r14(R11)
	MOVQ	R15, registers_r15(R11)
	MOVQ	$1, registers_full(R11)
	MOVQ	$1, registers_vectors(R11)
	MOVQ	thread_save(R11), CX
	SAVE_VECTORS
	ON_KERNEL_STACK
	CALL_FUNC(0(BX))
	JMP	·resume(SB)

TEXT ·signalEntry(SB),NOSPLIT|NOFRAME,$0
	CMPL	DI, $const_sigPROF
	JNE	program
	CMPQ	·current(SB), $0 // not even booted
	JEQ	kernel
	MOVQ	(ucontext_mcontext+mcontext_ip)(DX), AX
	SUBQ	·tender+tenderEvents_TextStart(SB), AX
	MOVQ	·tender+tenderEvents_TextEnd(SB), BX
	SUBQ	·tender+tenderEvents_TextStart(SB), BX
	CMPQ	AX, BX
	JB	kernel
	MOVQ	(ucontext_mcontext+mcontext_sp)(DX), AX
	LEAQ	·stack(SB), BX
	SUBQ	BX, AX
	CMPQ	AX, $const_stackSize
	JLS	kernel
	MOVQ	(ucontext_mcontext+mcontext_sp)(DX), AX
	LEAQ	·signalStack(SB), BX
	SUBQ	BX, AX
	CMPQ	AX, $const_signalStackSize
	JLS	kernel

program:
	MOVQ	DI, ·hostSignal(SB)
	MOVQ	DX, ·hostContext(SB)
	LEAQ	·kernelG(SB), R14
	XORPS	X15, X15
	CLD
	CALL_FUNC(·hostSignalFn(SB))
	JMP	·resume(SB)

kernel:
	MOVQ	$1, ·tender+tenderEvents_Tick(SB)
	ADDQ	$8, SP // what a handler's RET does
	MOVL	$const_linuxSigreturn, AX
	JMP	·linuxCall(SB)

// resume continues the current thread.
TEXT ·resume(SB),NOSPLIT|NOFRAME,$0
	PUSHQ	BP // go vet wants BP saved before it is loaded; the thread's was, at entry
	MOVQ	·current(SB), R11
	MOVQ	registers_fs(R11), AX
	CMPQ	AX, ·loadedFS(SB)
	JEQ	loaded
	MOVQ	AX, ·loadedFS(SB)
	WRFSBASEQ	AX
loaded:
	CMPQ	registers_full(R11), $0
	JNE	full
	MOVQ	registers_ax(R11), AX
	MOVQ	registers_bx(R11), BX
	MOVQ	registers_dx(R11), DX
	MOVQ	registers_si(R11), SI
	MOVQ	registers_di(R11), DI
	MOVQ	registers_bp(R11), BP
	MOVQ	registers_r8(R11), R8
	MOVQ	registers_r9(R11), R9
	MOVQ	registers_r10(R11), R10
	MOVQ	registers_r12(R11), R12
	MOVQ	registers_r13(R11), R13
	MOVQ	registers_r14(R11), R14
	MOVQ	registers_r15(R11), R15
	MOVQ	registers_sp(R11), SP
	MOVQ	registers_pc(R11), CX
	JMP	CX

full:
	MOVQ	$0, registers_full(R11)
	CMPQ	registers_vectors(R11), $0
	JEQ	general
	MOVQ	$0, registers_vectors(R11)
	MOVQ	thread_save(R11), CX
	LOAD_VECTORS

general:
	PUSHQ	·bootSS(SB)
	PUSHQ	registers_sp(R11)
	PUSHQ	registers_flags(R11)
	PUSHQ	·bootCS(SB)
	PUSHQ	registers_pc(R11)
	MOVQ	registers_ax(R11), AX
	MOVQ	registers_bx(R11), BX
	MOVQ	registers_cx(R11), CX
	MOVQ	registers_dx(R11), DX
	MOVQ	registers_si(R11), SI
	MOVQ	registers_di(R11), DI
	MOVQ	registers_bp(R11), BP
	MOVQ	registers_r8(R11), R8
	MOVQ	registers_r9(R11), R9
	MOVQ	registers_r10(R11), R10
	MOVQ	registers_r12(R11), R12
	MOVQ	registers_r13(R11), R13
	MOVQ	registers_r14(R11), R14
	MOVQ	registers_r15(R11), R15
	MOVQ	registers_r11(R11), R11
	IRETQ

#define LEAF(name, field) \
	LEAQ	name<>(SB), AX \
	MOVQ	AX, ·leaves+field(SB)

TEXT ·bindLeaves(SB),NOSPLIT|NOFRAME,$0
	LEAF(out, 0)
	LEAF(rdtsc, 8)
	LEAF(rdrand, 16)
	LEAF(rdseed, 24)
	LEAF(cpuid, 32)
	LEAQ	·linuxCall(SB), AX
	MOVQ	AX, ·leaves+40(SB)
	JMP	·bindKernelLeaves(SB)

TEXT out<>(SB),NOSPLIT|NOFRAME,$0
	MOVQ	AX, DX
	MOVQ	BX, AX
	OUTL
	RET

TEXT rdtsc<>(SB),NOSPLIT|NOFRAME,$0
	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	RET

TEXT rdrand<>(SB),NOSPLIT|NOFRAME,$0
	XORL	BX, BX
	RDRANDQ	AX
	SETCS	BX
	RET

TEXT rdseed<>(SB),NOSPLIT|NOFRAME,$0
	XORL	BX, BX
	RDSEEDQ	AX
	SETCS	BX
	RET

TEXT cpuid<>(SB),NOSPLIT|NOFRAME,$0
	MOVL	BX, CX
	CPUID
	MOVL	DX, DI
	RET

TEXT ·linuxCall(SB),NOSPLIT|NOFRAME,$0
	MOVQ	SI, R10
	MOVQ	DI, DX
	MOVQ	CX, SI
	MOVQ	BX, DI
	SYSCALL
	RET
