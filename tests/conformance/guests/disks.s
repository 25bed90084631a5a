# Reads the first and last byte of 63 block devices, and writes each.
	.include "guest.inc"

main:	mov	$1, %ebx
1:	mov	%rbx, %rdi
	xor	%esi, %esi
	mov	$buffer, %edx
	mov	$512, %ecx
	call	block_read
	test	%eax, %eax
	jnz	bad
	movzbl	buffer(%rip), %eax
	cmp	%rbx, %rax
	jne	bad
	movb	$'w', buffer+511
	mov	%rbx, %rdi
	xor	%esi, %esi
	mov	$buffer, %edx
	mov	$512, %ecx
	call	block_write
	test	%eax, %eax
	jnz	bad
	inc	%ebx
	cmp	$64, %ebx
	jne	1b
	print	"SUCCESS"
	ret
bad:	mov	%rbx, %rdi
	jmp	exit

	.bss
buffer:	.zero	512

	.altmacro
	.macro	disk number
	device	DEVICE_BLOCK, disk\number
	.endm
	manifest 63
	.set	i, 1
	.rept	63
	disk	%i
	.set	i, i + 1
	.endr
