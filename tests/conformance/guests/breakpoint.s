# Meets a breakpoint.
	.include "guest.inc"

main:	int3
	print	"SURVIVED"
	ret

	manifest 0
