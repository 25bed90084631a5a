# Sets the base of TLS and uses it, twice.
	.include "guest.inc"

main:	mov	$block, %edi
	call	set_tls
	cmpq	$block, %fs:0
	jne	bad
	cmpl	$1234, %fs:8
	jne	bad
	mov	$block + 16, %edi
	call	set_tls
	cmpl	$5678, %fs:8
	jne	bad
	movl	$9, %fs:0
	cmpl	$9, block+16(%rip)
	jne	bad
	print	"SUCCESS"
	ret
bad:	mov	$1, %edi
	jmp	exit

	.data
	.balign	16
block:	.quad	block, 1234, 0, 5678
	manifest 0
