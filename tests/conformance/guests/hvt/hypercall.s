# Makes the hypercall of its arguments: number, address of the struct, and two of its words.
	.include "guest.inc"

main:	call	number
	lea	HYPERCALL_PORT(%rax), %ebx
	call	number
	mov	%rax, %r12
	call	number
	mov	%rax, %r13
	call	number
	test	%r12, %r12
	jnz	1f
	mov	$words, %r12d		# 0: its own
	mov	%r13, words(%rip)
	mov	%rax, words+8(%rip)
1:	mov	%ebx, %edx
	mov	%r12d, %eax
	out	%eax, %dx
	print	"SURVIVED"
	xor	%edi, %edi		# the call may have written to the stack
	jmp	exit

	.bss
words:	.zero	64
	manifest 0
