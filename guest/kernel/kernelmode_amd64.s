#include "go_asm.h"
#include "textflag.h"

// Go declarations and contracts: kernelmode_amd64.go.

// Entries are vectorSize bytes apart. The CPU has switched to exceptionStack
// and pushed SS, RSP, RFLAGS, CS, RIP and, for some vectors, an error code.
#define PLAIN(n) \
	PCALIGN	$16 \
	PUSHQ	$0 \
	PUSHQ	$n \
	JMP	·trap(SB)

#define WITH_CODE(n) \
	PCALIGN	$16 \
	PUSHQ	$n \
	JMP	·trap(SB)

TEXT ·vectorTable(SB),NOSPLIT|NOFRAME,$0
	PLAIN(0)
	PLAIN(1)
	PLAIN(2)
	PLAIN(3)
	PLAIN(4)
	PLAIN(5)
	PLAIN(6)
	PLAIN(7)
	WITH_CODE(8)
	PLAIN(9)
	WITH_CODE(10)
	WITH_CODE(11)
	WITH_CODE(12)
	WITH_CODE(13)
	WITH_CODE(14)
	PLAIN(15)
	PLAIN(16)
	WITH_CODE(17)
	PLAIN(18)
	PLAIN(19)
	PLAIN(20)
	WITH_CODE(21)
	PLAIN(22)
	PLAIN(23)
	PLAIN(24)
	PLAIN(25)
	PLAIN(26)
	PLAIN(27)
	PLAIN(28)
	WITH_CODE(29)
	WITH_CODE(30)
	PLAIN(31)

// trap: at SP vector, error code, RIP, CS, RFLAGS, RSP, SS.
TEXT ·trap(SB),NOSPLIT|NOFRAME,$0
	PUSHQ	AX
	MOVQ	8(SP), AX
	MOVQ	AX, ·trapRecord+0(SB)
	MOVQ	16(SP), AX
	MOVQ	AX, ·trapRecord+8(SB)
	MOVQ	24(SP), AX
	MOVQ	AX, ·trapRecord+16(SB)
	MOVQ	40(SP), AX
	ANDQ	$~0x100, AX // RFLAGS.TF
	MOVQ	AX, ·trapRecord+24(SB)
	MOVQ	48(SP), AX
	MOVQ	AX, ·trapRecord+32(SB)
	MOVQ	CR2, AX
	MOVQ	AX, ·trapRecord+40(SB)
	POPQ	AX
	MOVQ	·trapRecord+32(SB), SP
	JMP	·faultEntry(SB)

// bindKernelLeaves fills in the rest of leaves.
TEXT ·bindKernelLeaves(SB),NOSPLIT|NOFRAME,$0
	LEAQ	loadTables<>(SB), AX
	MOVQ	AX, ·leaves+48(SB)
	LEAQ	vectors<>(SB), AX
	MOVQ	AX, ·leaves+56(SB)
	LEAQ	changeCR4<>(SB), AX
	MOVQ	AX, ·leaves+64(SB)
	LEAQ	xgetbv<>(SB), AX
	MOVQ	AX, ·leaves+72(SB)
	LEAQ	xsetbv<>(SB), AX
	MOVQ	AX, ·leaves+80(SB)
	RET

TEXT xgetbv<>(SB),NOSPLIT|NOFRAME,$0
	XORL	CX, CX
	XGETBV
	SHLQ	$32, DX
	ORQ	DX, AX
	RET

TEXT vectors<>(SB),NOSPLIT|NOFRAME,$0
	LEAQ	·vectorTable(SB), AX
	RET

// AX, BX = GDT and limit; CX, DI = IDT and limit; SI = TSS selector.
TEXT loadTables<>(SB),NOSPLIT|NOFRAME,$0
	SUBQ	$16, SP
	MOVW	BX, 0(SP)
	MOVQ	AX, 2(SP)
	LGDT	0(SP)
	MOVW	DI, 0(SP)
	MOVQ	CX, 2(SP)
	LIDT	0(SP)
	ADDQ	$16, SP
	LTR	SI
	RET

// AX = bits of CR4 to set, BX = bits to clear.
TEXT changeCR4<>(SB),NOSPLIT|NOFRAME,$0
	MOVQ	CR4, CX
	ORQ	AX, CX
	NOTQ	BX
	ANDQ	BX, CX
	MOVQ	CX, CR4
	RET

TEXT xsetbv<>(SB),NOSPLIT|NOFRAME,$0
	XORL	CX, CX
	XORL	DX, DX
	XSETBV
	RET

TEXT ·textEnd(SB),NOSPLIT|NOFRAME,$0
	INT	$3
