# Writes to a port that is no hypercall.
	.include "guest.inc"

main:	mov	$0x80, %edx
	out	%eax, %dx
	print	"SURVIVED"
	ret

	manifest 0
