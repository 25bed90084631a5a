# Computes with SSE, without set-up.
	.include "guest.inc"

main:	cvtsi2sd four(%rip), %xmm0
	sqrtsd	%xmm0, %xmm0
	addsd	%xmm0, %xmm0
	cvttsd2si %xmm0, %rax
	cmp	$4, %rax
	jne	bad
	movups	vector(%rip), %xmm1
	paddd	%xmm1, %xmm1
	movd	%xmm1, %eax
	cmp	$14, %eax
	jne	bad
	print	"SUCCESS"
	ret
bad:	mov	$1, %edi
	jmp	exit

	.section .rodata
	.balign	16
vector:	.long	7, 8, 9, 10
four:	.quad	4
	manifest 0
