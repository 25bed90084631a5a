# Prints 70000 bytes in one call.
	.include "guest.inc"

main:	xor	%ecx, %ecx
	xor	%edx, %edx
1:	lea	'a'(%rdx), %eax
	mov	%al, buffer(%rcx)
	inc	%edx
	cmp	$26, %edx
	jne	2f
	xor	%edx, %edx
2:	inc	%ecx
	cmp	$70000, %ecx
	jne	1b
	mov	$buffer, %edi
	mov	$70000, %esi
	jmp	puts

	.bss
buffer:	.zero	70000
	manifest 0
