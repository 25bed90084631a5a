# Executes memory of no segment.
	.include "guest.inc"

main:	mov	$bss_start + 0x101000, %ebx
	movb	$0xc3, (%rbx)	# ret
	call	*%rbx
	print	"SURVIVED"
	ret

	manifest 0
