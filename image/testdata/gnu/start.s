# A guest as a C tool chain links it: sections with their own permissions, a
# note of GNU's, and BSS in a segment without file bytes.
	.section .interp, "a"
	.asciz "/nonexistent/solo5/"

	.section .note.foreign, "a", @note
	.long 4, 8, 3
	.asciz "GNU"
	.quad 0x0123456789abcdef

	.section .note.abi, "a", @note
	.balign 4
	.long 6, 16, 0x31494241
	.asciz "Solo5"
	.balign 4
	.long 1, 2, 0, 0

	.section .note.manifest, "a", @note
	.balign 8
	.long 6, 12 + 104 * 2, 0x3154464d
	.asciz "Solo5"
	.balign 4
	.long 0, 1, 2
	.zero 68
	.long 0x40000000
	.zero 32
	.asciz "storage"
	.zero 60
	.long 1
	.zero 32

	.section .text, "ax"
	.globl _start
_start:	jmp _start

	.section .rodata, "a"
	.ascii "read only"

	.section .data, "aw"
	.ascii "writable"

	.section .bss, "aw", @nobits
	.zero 0x5000
