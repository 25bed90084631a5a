#include "go_asm.h"
#include "textflag.h"

// Go declarations and contracts: entry_amd64.go.

#define ON_KERNEL_STACK \
	LEAQ	·stack+const_stackSize(SB), SP \
	LEAQ	·kernelG(SB), R14 \
	XORPS	X15, X15 \
	CLD

#define CALL_FUNC(f) \
	MOVQ	f(SB), DX \
	MOVQ	(DX), AX \
	CALL	AX

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
	ON_KERNEL_STACK
	CALL	·bindLeaves(SB)
	CALL_FUNC(·bootFn)
	MOVQ	·bootSP(SB), SP
	JMP	_rt0_amd64_linux(SB)

TEXT ·syscallEntry(SB),NOSPLIT|NOFRAME,$0
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
	CALL_FUNC(·syscallFn)
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
	LEAQ	·bailout+2048(SB), SP
	CALL_FUNC(·kernelFaultFn)
	INT	$3

program:
	MOVQ	·current(SB), R11
	MOVQ	AX, registers_ax(R11)
	MOVQ	BX, registers_bx(R11)
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
	MOVQ	·record(SB), AX
	MOVQ	16(AX), CX
	MOVQ	CX, registers_pc(R11)
	MOVQ	24(AX), CX
	MOVQ	CX, registers_flags(R11)
	MOVQ	$1, registers_full(R11)
	ON_KERNEL_STACK
	CALL_FUNC(·faultFn)
	JMP	·resume(SB)

TEXT ·signalEntry(SB),NOSPLIT|NOFRAME,$0
	MOVQ	DX, ·hostContext(SB)
	LEAQ	·kernelG(SB), R14
	XORPS	X15, X15
	CLD
	CALL_FUNC(·hostSignalFn)
	JMP	·resume(SB)

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
