# Stores to 16 GiB.
	.include "guest.inc"

main:	movabs	$0x400000000, %rax
	mov	%rax, (%rax)
	print	"SURVIVED"
	ret

	manifest 0
