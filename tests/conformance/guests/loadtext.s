# Loads from its text, which hvt guests may only execute.
	.include "guest.inc"

main:	mov	main(%rip), %rax
	print	"SURVIVED"
	ret

	manifest 0
