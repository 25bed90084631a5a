package main

import "strings"

// class is a name for functions of the kernel: a stack is of the first class
// that any of its functions belongs to.
type class struct {
	name      string
	functions []string
}

// Where threads are found in the kernel.
var (
	ioClasses = []class{
		{"waking the guest, sleeping", []string{"eventfd_write", "do_sys_poll", "__x64_sys_ppoll", "__x64_sys_nanosleep"}},
		{"TAP read", []string{"tun_chr_read_iter", "tun_do_read", "tun_recvmsg"}},
		{"the host's stack, inside a write", []string{"netif_receive_skb", "__netif_receive_skb_core", "net_rx_action", "tun_rx_batched", "napi_gro_frags"}},
		{"TAP write", []string{"tun_chr_write_iter", "tun_get_user", "tun_sendmsg"}},
		{"AF_XDP send", []string{"xsk_sendmsg", "__xsk_sendmsg", "__xsk_generic_xmit"}},
		{"io_uring", []string{"__do_sys_io_uring_enter", "__x64_sys_io_uring_enter"}},
	}
	senderClasses = []class{
		{"the TAP's queue", []string{"tun_net_xmit"}},
		{"AF_XDP at the other end", []string{"do_xdp_generic", "xsk_generic_rcv"}},
		{"sending", []string{"__x64_sys_sendmmsg", "__sys_sendmmsg"}},
	}
	vcpuClasses = []class{
		{"KVM: entries and exits", []string{"kvm_vcpu_ioctl"}},
	}
	sptClasses = []class{
		{"system calls of the guest", []string{"do_syscall_64"}},
	}
	otherClasses = []class{
		{"sleeping for a time: Go's monitor", []string{"__x64_sys_nanosleep"}},
		{"waiting and waking: Go's scheduler", []string{"__x64_sys_futex", "__x64_sys_epoll_pwait"}},
	}
)

// packages of a guest, by the beginnings of their functions' names: a stack is
// of the first that its innermost known function belongs to.
var packages = []class{
	{"ring", []string{"tender/guest/umem.", "tender/guest."}},
	{"connection tracking", []string{"tender/guest/net/flow.", "tender/guest/net/bounded."}},
	{"rules", []string{"tender/guest/net/filter.", "tender/guest/net/ruleset.", "main."}},
	{"loop", []string{"tender/guest/net/appliance."}},
	{"engine", []string{"tender/guest/net/"}},
}

// kernelClass is the class of a stack that ends in the kernel, or else "".
func kernelClass(s stack, classes []class) string {
	if len(s.frames) == 0 || !s.frames[0].kernel {
		return ""
	}
	for _, c := range classes {
		for _, f := range s.frames {
			for _, name := range c.functions {
				if f.kernel && f.name == name {
					return c.name
				}
			}
		}
	}
	return "kernel, other"
}

// processClass classifies the stacks of a thread of a program's own.
func processClass(classes []class) func(stack) string {
	return func(s stack) string {
		if name := kernelClass(s, classes); name != "" {
			return name
		}
		return "own code"
	}
}

// vcpuClass classifies the stacks of the thread that runs a virtual machine. A
// guest shows perf no stack.
func vcpuClass(s stack) string {
	if len(s.frames) == 0 {
		return "in the guest"
	}
	return processClass(vcpuClasses)(s)
}

// guestClass classifies the stacks of a guest that is a process: its addresses are
// those of the image.
func guestClass(names symbols) func(stack) string {
	return func(s stack) string {
		if name := kernelClass(s, sptClasses); name != "" {
			return name
		}
		for _, f := range s.frames {
			name := names.name(f.address)
			for _, p := range packages {
				for _, prefix := range p.functions {
					if strings.HasPrefix(name, prefix) {
						return p.name
					}
				}
			}
		}
		return "Go runtime and guest kernel"
	}
}
