# The spt side of the guests: entry, system calls.
	.include "guest.inc"

	.globl	_start
_start:	mov	%rdi, boot(%rip)
	mov	%rsp, entry_rsp(%rip)
	xor	%edi, %edi		# a stray TLS access shall fault
	call	set_tls
	mov	boot(%rip), %rdi
	mov	BOOT_CMDLINE(%rdi), %rdi
	call	main
	xor	%edi, %edi

	.globl	exit
exit:	mov	$231, %eax		# exit_group
	syscall
	ud2

	.globl	puts
puts:	mov	%rsi, %rdx
	mov	%rdi, %rsi
	mov	$1, %edi
	mov	$1, %eax		# write
	syscall
	ret

	.globl	clock, wall
clock:	mov	$1, %edi		# CLOCK_MONOTONIC
	jmp	gettime
wall:	xor	%edi, %edi		# CLOCK_REALTIME
gettime:
	mov	$timespec, %esi
	mov	$228, %eax		# clock_gettime
	syscall
	imul	$1000000000, timespec(%rip), %rax
	add	timespec+8(%rip), %rax
	ret

	.globl	yield
yield:	mov	%rdi, %rax
	xor	%edx, %edx
	mov	$1000000000, %ecx
	div	%rcx
	or	$1, %rdx		# 0 would disarm the timer
	mov	%rax, timespec+16(%rip)
	mov	%rdx, timespec+24(%rip)
	movq	$0, timespec(%rip)
	movq	$0, timespec+8(%rip)
	mov	boot(%rip), %rdi
	movslq	BOOT_TIMER_FD(%rdi), %rdi
	mov	$1, %esi		# TFD_TIMER_ABSTIME
	mov	$timespec, %edx
	xor	%r10d, %r10d
	mov	$286, %eax		# timerfd_settime
	syscall
	mov	boot(%rip), %rdi
	movslq	BOOT_EPOLL_FD(%rdi), %rdi
	mov	$events, %esi
	mov	$64, %edx
	mov	$-1, %r10
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	mov	$281, %eax		# epoll_pwait
	syscall
	mov	%rax, %rcx
	xor	%eax, %eax
	mov	$events, %edx
1:	dec	%rcx
	js	3f
	mov	4(%rdx), %rsi		# the handle, or that of the timer
	cmp	$64, %rsi
	jae	2f
	bts	%rsi, %rax
2:	add	$12, %rdx
	jmp	1b
3:	ret

# fd replaces the handle in %rdi; it keeps the other arguments.
fd:	call	entry_of
	movslq	MANIFEST_BACKEND(%rax), %rdi
	ret

	.globl	net_read
net_read:
	call	fd
	xor	%eax, %eax		# read
	syscall
	mov	%rax, %rdx
	cmp	$-11, %rax		# EAGAIN
	je	again
	test	%rax, %rax
	js	failed
	xor	%eax, %eax
	ret

	.globl	net_write
net_write:
	call	fd
	mov	$1, %eax		# write
	syscall
	cmp	%rdx, %rax
	jne	failed
	xor	%eax, %eax
	ret

again:	mov	$RESULT_AGAIN, %eax
	ret
failed:	mov	$RESULT_UNSPEC, %eax
	ret

	.globl	block_read, block_write
block_read:
	mov	$17, %eax		# pread64
	jmp	transfer
block_write:
	mov	$18, %eax		# pwrite64
transfer:
	push	%rax
	mov	%rsi, %r10
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	call	fd
	pop	%rax
	syscall
	cmp	%rdx, %rax
	jne	failed
	xor	%eax, %eax
	ret

	.globl	set_tls
set_tls:
	mov	%rdi, %rsi
	mov	$0x1002, %edi		# ARCH_SET_FS
	mov	$158, %eax		# arch_prctl
	syscall
	ret

	.bss
	.balign	16
timespec:
	.zero	32
events:	.zero	64 * 12
