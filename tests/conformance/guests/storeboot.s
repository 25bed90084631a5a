# Stores to the boot info.
	.include "guest.inc"

main:	mov	boot(%rip), %rax
	movb	$0, (%rax)
	print	"SURVIVED"
	ret

	manifest 0
