package conformance

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// Hypercalls as no well-behaved guest makes them. Source: solo5-abi 2.5.
func TestHypercalls(t *testing.T) {
	need(t, "hvt")
	const mem = 4 << 20
	for _, c := range []struct {
		what                   string
		number, at, one, other uint64
		want                   end
	}{
		{"reserved", 0, 0, 0, 0, refused("Invalid guest hypercall")},
		{"beyond the last", 9, 0, 0, 0, refused("Invalid guest")},
		{"block write without a device", 4, 0, 0, 0, refused("Invalid guest hypercall")},
		{"block read without a device", 5, 0, 0, 0, refused("Invalid guest hypercall")},
		{"net write without a device", 6, 0, 0, 0, refused("Invalid guest hypercall")},
		{"net read without a device", 7, 0, 0, 0, refused("Invalid guest hypercall")},
		{"struct at the end of memory", 1, mem - 8, 0, 0, refused("Invalid guest access")},
		{"struct just inside memory", 1, mem - 9, 0, 0, survived},
		{"struct behind memory", 1, mem, 0, 0, refused("Invalid guest access")},
		{"struct at the end of 32 bits", 1, 1<<32 - 1, 0, 0, refused("Invalid guest access")},
		{"nothing to print, from nowhere", 2, 0, mem, 0, refused("Invalid guest access")},
		{"nothing to print", 2, 0, mem - 1, 0, survived},
		{"text up to the end of memory", 2, 0, mem - 1, 1, refused("Invalid guest access")},
		{"text of which the end overflows", 2, 0, 1 << 20, 1<<63 + 1<<62, refused("Invalid guest access")},
		{"exit with a cookie outside", 8, 0, mem - 512, 0, refused("Invalid guest access")},
		{"exit with a cookie", 8, 0, 1 << 20, 7, end{status: 7}},
	} {
		t.Run(c.what, func(t *testing.T) {
			got := run(t, "--mem=4", guest(t, "hypercall", "hvt"),
				fmt.Sprint(c.number), fmt.Sprint(c.at), fmt.Sprint(c.one), fmt.Sprint(c.other))
			c.want.compare(t, got)
		})
	}
}

// System calls: those of the contract with its arguments, and others. Source:
// solo5-abi 3.4. The boot info says which descriptor is which, so the numbers
// here are such that none can be meant.
func TestSystemCalls(t *testing.T) {
	need(t, "spt")
	const none = 1 << 20 // no descriptor
	data := file(t, "disk", make([]byte, 4096))
	for _, c := range []struct {
		what string
		call []uint64
		want end
	}{
		{"write to stdout", []uint64{1, 1, 0x100000, 0}, survived},
		{"clock_gettime of the realtime clock", []uint64{228, 0, 0x11000}, survived},
		{"clock_gettime of the monotonic clock", []uint64{228, 1, 0x11000}, survived},
		{"exit_group", []uint64{231, 9}, end{status: 9}},
		{"arch_prctl that sets FS", []uint64{158, 0x1002, 0x100000}, survived},

		{"write to stderr", []uint64{1, 2, 0x100000, 1}, killed(syscall.SIGSYS)},
		{"write to stdout plus 2^32", []uint64{1, 1<<32 + 1, 0x100000, 1}, killed(syscall.SIGSYS)},
		{"read from stdin", []uint64{0, 0, 0x11000, 1}, killed(syscall.SIGSYS)},
		{"exit", []uint64{60, 0}, killed(syscall.SIGSYS)},
		{"getpid", []uint64{39}, killed(syscall.SIGSYS)},
		{"open", []uint64{2, 0x100000, 0}, killed(syscall.SIGSYS)},
		{"openat", []uint64{257, 0, 0x100000, 0}, killed(syscall.SIGSYS)},
		{"mmap", []uint64{9, 0, 4096, 7, 0x22}, killed(syscall.SIGSYS)},
		{"mprotect", []uint64{10, 0x100000, 4096, 7}, killed(syscall.SIGSYS)},
		{"clone", []uint64{56}, killed(syscall.SIGSYS)},
		{"fork", []uint64{57}, killed(syscall.SIGSYS)},
		{"execve", []uint64{59, 0x100000}, killed(syscall.SIGSYS)},
		{"kill", []uint64{62, 0, 9}, killed(syscall.SIGSYS)},
		{"ptrace", []uint64{101}, killed(syscall.SIGSYS)},
		{"epoll_wait", []uint64{232, 0, 0x11000, 1}, killed(syscall.SIGSYS)},
		{"epoll_pwait of another descriptor", []uint64{281, none, 0x11000, 1}, killed(syscall.SIGSYS)},
		{"timerfd_settime of another descriptor", []uint64{286, none, 0, 0x11000}, killed(syscall.SIGSYS)},
		{"clock_gettime of another clock", []uint64{228, 2, 0x11000}, killed(syscall.SIGSYS)},
		{"arch_prctl that sets GS", []uint64{158, 0x1001, 0}, killed(syscall.SIGSYS)},
		{"pread64 of another descriptor", []uint64{17, none, 0x11000, 512, 0}, killed(syscall.SIGSYS)},
		{"pwrite64 of another descriptor", []uint64{18, none, 0x100000, 512, 0}, killed(syscall.SIGSYS)},
		{"a number that is none", []uint64{100000}, killed(syscall.SIGSYS)},
		{"a number of x32", []uint64{1<<30 + 1, 1, 0x100000, 0}, killed(syscall.SIGSYS)},
	} {
		t.Run(c.what, func(t *testing.T) {
			args := []string{"--mem=4", "--block:storage=" + data, guest(t, "syscall", "spt")}
			args = append(args, strings.Fields(strings.Trim(fmt.Sprint(c.call), "[]"))...)
			c.want.compare(t, run(t, args...))
		})
	}
}
