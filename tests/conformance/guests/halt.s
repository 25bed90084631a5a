# Halts the CPU.
	.include "guest.inc"

main:	hlt
	print	"SURVIVED"
	ret

	manifest 0
