# Sends every frame of its two network devices back, until one of 14 bytes of 0.
	.include "guest.inc"

main:	print	"READY\n"
serve:	call	clock
	movabs	$60000000000, %rdi
	add	%rax, %rdi
	call	yield
	mov	%rax, %r12
	test	%rax, %rax
	jz	bad			# nobody sends
	mov	$1, %ebx
1:	bt	%rbx, %r12
	jnc	4f
2:	mov	%rbx, %rdi
	mov	$frame, %esi
	mov	$frame_bytes, %edx
	call	net_read
	cmp	$RESULT_AGAIN, %eax
	je	4f
	test	%eax, %eax
	jnz	bad
	mov	frame(%rip), %rax	# swap the addresses
	mov	frame+6(%rip), %rcx
	mov	%rcx, frame(%rip)
	mov	%eax, frame+6(%rip)
	shr	$32, %rax
	mov	%ax, frame+10(%rip)
	cmpw	$0, frame+12(%rip)	# the type of the last frame
	je	3f
	mov	%rbx, %rdi
	mov	$frame, %esi
	call	net_write
	test	%eax, %eax
	jnz	bad
	jmp	2b
3:	print	"SUCCESS"
	ret
4:	inc	%ebx
	cmp	$3, %ebx
	jne	1b
	jmp	serve
bad:	mov	$1, %edi
	jmp	exit

	.bss
	.set	frame_bytes, 9014
frame:	.zero	frame_bytes + 2
	manifest 2
	device	DEVICE_NET, service0
	device	DEVICE_NET, service1
