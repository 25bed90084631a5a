# Prints memory, features and the ring of a guest with a network device.
	.include "guest.inc"

main:	mov	boot(%rip), %rbx
	show	BOOT_MEM_SIZE(%rbx)
	print	" "
	mov	BOOT_FEATURES(%rbx), %eax
	show	%rax
	print	" "
	show	BOOT_NET_RING(%rbx)
	ret
	manifest 1
	device	DEVICE_NET, service0
