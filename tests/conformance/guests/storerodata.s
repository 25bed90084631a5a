# Stores to read-only data.
	.include "guest.inc"

main:	movb	$1, constant(%rip)
	print	"SURVIVED"
	ret

	.section .rodata
constant:
	.byte	7
	.text
	manifest 0
