# Prints the command line as it is.
	.include "guest.inc"

main:	mov	%rdi, %rsi
1:	cmpb	$0, (%rsi)
	lea	1(%rsi), %rsi
	jne	1b
	dec	%rsi
	sub	%rdi, %rsi
	jmp	puts
	manifest 0
