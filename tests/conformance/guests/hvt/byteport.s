# Writes a byte to the port of a hypercall.
	.include "guest.inc"

main:	mov	$HYPERCALL_PUTS, %edx
	out	%al, %dx
	print	"SURVIVED"
	ret

	manifest 0
