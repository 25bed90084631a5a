# Breaks the rules of network calls where that has a result: no frame, no device.
	.include "guest.inc"

main:	mov	$1, %edi
	call	read
	mov	$2, %edi
	call	read
	movabs	$0x100000001, %rdi	# only the low half of a handle counts
	call	read
	xor	%edi, %edi
	call	read
	mov	$64, %edi
read:	mov	$frame, %esi
	mov	$1514, %edx
	call	net_read
	show	%rax
	print	" "
	ret

	.bss
frame:	.zero	1514
	manifest 2
	device	DEVICE_NET, service0
	device	DEVICE_BLOCK, storage
