# Sleeps for its argument in ns, and prints what both clocks say about it.
	.include "guest.inc"

main:	call	number
	mov	%rax, %rbx
	call	wall
	mov	%rax, %r12
	call	clock
	mov	%rax, %r13
	lea	(%rax,%rbx), %rdi
	call	yield
	mov	%rax, %r14
	call	clock
	sub	%r13, %rax
	mov	%rax, %r13
	call	wall
	mov	%rax, %rbx
	sub	%r12, %rax
	mov	%rax, %r12
	print	"monotonic "
	show	%r13
	print	" wall "
	show	%r12
	print	" now "
	show	%rbx
	print	" ready "
	show	%r14
	ret
	manifest 0
