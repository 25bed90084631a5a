# Numbers as text, for both targets.
	.include "guest.inc"

	.globl	number
number:	xor	%eax, %eax
1:	movzbl	(%rdi), %ecx
	cmp	$' ', %ecx
	jne	2f
	inc	%rdi
	jmp	1b
2:	sub	$'0', %ecx
	cmp	$9, %ecx
	ja	3f
	imul	$10, %rax
	add	%rcx, %rax
	inc	%rdi
	movzbl	(%rdi), %ecx
	jmp	2b
3:	ret

	.globl	print_number
print_number:
	mov	%rdi, %rax
	mov	$digits + 20, %edi
	mov	$10, %ecx
1:	xor	%edx, %edx
	div	%rcx
	add	$'0', %edx
	dec	%rdi
	mov	%dl, (%rdi)
	test	%rax, %rax
	jnz	1b
	mov	$digits + 20, %esi
	sub	%edi, %esi
	jmp	puts

	.globl	entry_of
entry_of:
	imul	$MANIFEST_ENTRY, %rdi, %rax
	mov	boot(%rip), %rdi
	add	BOOT_MANIFEST(%rdi), %rax
	add	$MANIFEST_HEADER, %rax
	ret

	.bss
digits:	.zero	20

	.globl	boot, entry_rsp
boot:	.zero	8
entry_rsp:
	.zero	8

	.section .interp, "a"
	.balign	8
	.asciz	"/nonexistent/solo5/"
	.balign	8

	.section .note.abi, "a", @note
	.balign	4
	.long	6, 16, NOTE_ABI1
	.asciz	"Solo5"
	.balign	4
	.long	ABI_TARGET, ABI_VERSION, 0, 0
