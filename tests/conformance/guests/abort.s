# Ends as a guest does that aborts.
	.include "guest.inc"

main:	mov	$EXIT_ABORT, %edi
	jmp	exit
	manifest 0
