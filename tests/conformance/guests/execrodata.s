# Executes read-only data.
	.include "guest.inc"

main:	call	code
	print	"SURVIVED"
	ret

	.section .rodata
code:	ret
	.text
	manifest 0
