# Prints its two network devices, then which of them have frames: until both have.
	.include "guest.inc"

main:	mov	$1, %ebx
1:	mov	%rbx, %rdi
	call	entry_of
	mov	%rax, %r12
	print	"mac"
	xor	%r13d, %r13d
2:	print	" "
	movzbl	MANIFEST_MAC(%r12,%r13), %eax
	show	%rax
	inc	%r13d
	cmp	$6, %r13d
	jne	2b
	print	" mtu "
	movzwl	MANIFEST_MTU(%r12), %eax
	show	%rax
	print	"\n"
	inc	%ebx
	cmp	$3, %ebx
	jne	1b
	xor	%r13d, %r13d
3:	call	clock
	movabs	$10000000000, %rdi
	add	%rax, %rdi
	call	yield
	cmp	%r13, %rax
	je	4f			# as before
	mov	%rax, %r13
	print	"ready "
	show	%r13
	print	"\n"
	test	%r13, %r13
	jz	bad
	cmp	$6, %r13d
	jne	3b
	ret
4:	call	clock			# do not spin while a frame waits
	lea	1000000(%rax), %rbx
5:	call	clock
	cmp	%rbx, %rax
	jb	5b
	jmp	3b
bad:	mov	$1, %edi
	jmp	exit
	manifest 2
	device	DEVICE_NET, service0
	device	DEVICE_NET, service1
