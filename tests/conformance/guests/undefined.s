# Executes what is no instruction.
	.include "guest.inc"

main:	ud2
	print	"SURVIVED"
	ret

	manifest 0
