# Meets an exception without a table of handlers.
	.include "guest.inc"

main:	lidt	none(%rip)
	ud2

	.data
none:	.zero	10
	manifest 0
