# Uses TLS before its base is set.
	.include "guest.inc"

main:	mov	%fs:0, %rax
	print	"SURVIVED"
	ret

	manifest 0
