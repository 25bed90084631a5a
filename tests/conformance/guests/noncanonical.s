# Loads from an address that is none.
	.include "guest.inc"

main:	movabs	$0x8000000000000000, %rax
	mov	(%rax), %rax
	print	"SURVIVED"
	ret

	manifest 0
