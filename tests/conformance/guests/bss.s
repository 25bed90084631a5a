# Finds 1 MiB of BSS to be zero, and writes it.
	.include "guest.inc"

main:	mov	$zeros, %edi
1:	cmpq	$0, (%rdi)
	jne	bad
	mov	%rdi, (%rdi)
	add	$8, %rdi
	cmp	$zeros + 0x100000, %rdi
	jne	1b
	print	"SUCCESS"
	ret
bad:	mov	$1, %edi
	jmp	exit

	.bss
zeros:	.zero	0x100000
	manifest 0
