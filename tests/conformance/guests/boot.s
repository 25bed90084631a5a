# Prints the boot info and the state at entry.
	.include "guest.inc"

main:	mov	boot(%rip), %rbx
	print	"boot "
	show	%rbx
	print	" memory "
	show	BOOT_MEM_SIZE(%rbx)
	print	" stack "
	show	entry_rsp(%rip)
	print	" end "
	show	BOOT_KERNEL_END(%rbx)
	print	" linked "
	show	$bss_start
	print	" top "
	mov	entry_rsp(%rip), %rax
	show	(%rax)
	print	" cmdline "
	show	BOOT_CMDLINE(%rbx)
	print	"\n"
	ret
	manifest 0
