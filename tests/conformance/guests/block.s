# Transfers as its arguments say: 0 to read or 1 to write, offset, bytes.
	.include "guest.inc"

main:	call	number
	mov	%rax, %rbx
	call	number
	mov	%rax, %r12
	call	number
	mov	%rax, %rcx
	mov	$buffer, %edx
	mov	%r12, %rsi
	mov	$1, %edi
	test	%rbx, %rbx
	jz	1f
	movb	$'w', buffer
	call	block_write
	jmp	2f
1:	call	block_read
2:	mov	%rax, %rbx
	print	"result "
	show	%rbx
	print	" first "
	movzbl	buffer(%rip), %eax
	show	%rax
	mov	$1, %edi
	call	entry_of
	mov	%rax, %rbx
	print	" capacity "
	show	MANIFEST_CAPACITY(%rbx)
	print	" sector "
	movzwl	MANIFEST_SECTOR(%rbx), %eax
	show	%rax
	print	" attached "
	movzbl	MANIFEST_ATTACHED(%rbx), %eax
	show	%rax
	ret

	.bss
buffer:	.zero	0x10000
	manifest 1
	device	DEVICE_BLOCK, storage
