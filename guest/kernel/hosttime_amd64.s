#include "go_asm.h"
#include "textflag.h"

// Go declarations and contracts: entry_amd64.go. This file's name puts it between
// textStart and textEnd.

TEXT ·clockEntry(SB),NOSPLIT|NOFRAME,$0
	CMPQ	DI, $const_clockMonotonic
	JHI	kernel
	CMPQ	·tender+tenderEvents_Tick(SB), $0
	JNE	kernel
	MOVQ	DX, R11
	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	SUBQ	·last+reading_tsc(SB), AX
	CMPQ	AX, ·last+reading_span(SB)
	JCC	restore
	MOVQ	·last+reading_shift(SB), CX
	MULQ	·last+reading_mult(SB)
	SHRQ	CX, DX, AX
	ADDQ	·last+reading_at(SB), AX
	CMPQ	AX, ·clock(SB)
	CMOVQLT	·clock(SB), AX
	CMPQ	AX, ·nextWake(SB) // without a sign: never is the largest
	JCC	restore
	MOVQ	AX, ·clock(SB)
	CMPQ	DI, $const_clockRealtime
	JNE	store
	SUBQ	·wallAt(SB), AX
	CMPQ	AX, ·wallGood(SB)
	JGE	restore
	ADDQ	·wallBase(SB), AX

store:
	// A division by 10^9 = 2^9 * 5^9: the factor is 2^75/5^9.
	MOVQ	AX, CX
	SHRQ	$9, AX
	MOVQ	$0x44b82fa09b5a53, DX
	MULQ	DX
	SHRQ	$11, DX
	MOVQ	DX, timespec_sec(SI)
	IMULQ	$const_second, DX
	SUBQ	DX, CX
	MOVQ	CX, timespec_nsec(SI)
	MOVQ	R11, DX
	XORL	AX, AX
	RET

restore:
	MOVQ	R11, DX

kernel:
	MOVL	$const_nrClockGettime, AX
	JMP	·kernelEntry(SB)
