# Stores to its text.
	.include "guest.inc"

main:	movb	$0x90, main(%rip)
	print	"SURVIVED"
	ret

	manifest 0
