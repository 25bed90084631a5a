# Divides by zero.
	.include "guest.inc"

main:	xor	%ecx, %ecx
	xor	%edx, %edx
	div	%rcx
	print	"SURVIVED"
	ret

	manifest 0
