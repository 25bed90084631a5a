# The hvt side of the guests: entry at CPL 0, exceptions, hypercalls.
	.include "guest.inc"

	.macro	hypercall port
	mov	$args, %eax
	mov	$\port, %edx
	out	%eax, %dx
	.endm

	.globl	_start
_start:	mov	%rdi, boot(%rip)
	mov	%rsp, entry_rsp(%rip)
	lgdt	gdtr(%rip)
	xor	%ecx, %ecx		# 32 gates, to stubs of 16 bytes
1:	mov	%ecx, %eax
	shl	$4, %eax
	lea	stubs(%rax), %edx
	mov	%dx, idt(%rax)
	movl	$0x8e000008, idt+2(%rax)	# CS, interrupt gate
	shr	$16, %edx
	mov	%dx, idt+6(%rax)
	inc	%ecx
	cmp	$32, %ecx
	jne	1b
	lidt	idtr(%rip)
	mov	boot(%rip), %rdi
	mov	BOOT_CMDLINE(%rdi), %rdi
	call	main
	xor	%edi, %edi
	jmp	exit

# Exceptions: those of the mask push an error code.
	.balign	16
stubs:	.set	vector, 0
	.rept	32
	.balign	16
	.if	!((0x60227d00 >> vector) & 1)
	push	$0
	.endif
	push	$vector
	jmp	trap
	.set	vector, vector + 1
	.endr

trap:	pop	%rbx
	pop	%rbp
	mov	%cr2, %r12
	print	"trap "
	show	%rbx
	print	" error "
	show	%rbp
	print	" address "
	show	%r12
	print	"\n"
	mov	$EXIT_ABORT, %edi

	.globl	exit
exit:	movq	$0, args(%rip)
	mov	%rdi, args+8(%rip)
	hypercall HYPERCALL_HALT
	jmp	.

	.globl	puts
puts:	mov	%rdi, args(%rip)
	mov	%rsi, args+8(%rip)
	hypercall HYPERCALL_PUTS
	ret

	.globl	clock
clock:	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	mov	$1000000000, %edx
	mul	%rdx
	mov	boot(%rip), %rcx
	divq	BOOT_CYCLE_HZ(%rcx)
	ret

	.globl	wall
wall:	hypercall HYPERCALL_WALLTIME
	mov	args(%rip), %rax
	ret

	.globl	yield
yield:	push	%rdi
	call	clock
	pop	%rdi
	sub	%rax, %rdi
	jns	1f
	xor	%edi, %edi
1:	mov	%rdi, args(%rip)
	hypercall HYPERCALL_POLL
	mov	args+8(%rip), %rax
	ret

	.globl	net_read
net_read:
	call	net_args
	hypercall HYPERCALL_NET_READ
	mov	args+24(%rip), %eax
	mov	args+16(%rip), %rdx
	ret

	.globl	net_write
net_write:
	call	net_args
	hypercall HYPERCALL_NET_WRITE
	mov	args+24(%rip), %eax
	ret

net_args:
	mov	%rdi, args(%rip)
	mov	%rsi, args+8(%rip)
	mov	%rdx, args+16(%rip)
	ret

	.globl	block_read
block_read:
	call	block_args
	hypercall HYPERCALL_BLOCK_READ
	mov	args+32(%rip), %eax
	ret

	.globl	block_write
block_write:
	call	block_args
	hypercall HYPERCALL_BLOCK_WRITE
	mov	args+32(%rip), %eax
	ret

block_args:
	mov	%rcx, args+24(%rip)
	jmp	net_args

	.globl	set_tls
set_tls:
	mov	$0xc0000100, %ecx	# MSR FS_BASE
	mov	%edi, %eax
	mov	%rdi, %rdx
	shr	$32, %rdx
	wrmsr
	ret

	.data
gdt:	.quad	0, 0x00af99000000ffff, 0x00cf93000000ffff
gdtr:	.word	. - gdt - 1
	.quad	gdt
idtr:	.word	32 * 16 - 1
	.quad	idt

	.bss
	.balign	16
idt:	.zero	32 * 16
args:	.zero	64
