# Makes the system call of its arguments: number, and up to four more.
	.include "guest.inc"

main:	call	number
	push	%rax
	call	number
	push	%rax
	call	number
	push	%rax
	call	number
	push	%rax
	call	number
	mov	%rax, %r10
	pop	%rdx
	pop	%rsi
	pop	%rdi
	pop	%rax
	syscall
	print	"SURVIVED"
	ret
	manifest 1
	device	DEVICE_BLOCK, storage
