# Follows pointers from data to data, to text and to BSS.
	.include "guest.inc"

main:	mov	chain(%rip), %rax
	mov	(%rax), %rax
	call	*(%rax)
	mov	pointer(%rip), %rax
	cmpq	$0, (%rax)
	jne	bad
	print	"SUCCESS"
	ret
bad:	mov	$1, %edi
	jmp	exit
target:	ret

	.data
chain:	.quad	1f
2:	.quad	target
1:	.quad	2b
pointer:
	.quad	nothing

	.bss
nothing:
	.zero	8
	manifest 0
