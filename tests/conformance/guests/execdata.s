# Executes data.
	.include "guest.inc"

main:	call	code
	print	"SURVIVED"
	ret

	.data
code:	ret
	.text
	manifest 0
