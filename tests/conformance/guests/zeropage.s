# Stores to the zero page.
	.include "guest.inc"

main:	mov	%rax, 8
	print	"SURVIVED"
	ret

	manifest 0
