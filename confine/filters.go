package confine

import (
	"slices"

	"golang.org/x/sys/unix"

	"tender/seccomp"
)

// KVM's requests on a vCPU that runs, from linux/kvm.h.
const (
	kvmRun     = 0xae80
	kvmGetRegs = 0x8090ae81
	kvmSetRegs = 0x4090ae82
	kvmEvents  = 0x8040ae9f
)

// threadFlags are those with which glibc makes a thread.
const threadFlags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD |
	unix.CLONE_SYSVSEM | unix.CLONE_SETTLS | unix.CLONE_PARENT_SETTID | unix.CLONE_CHILD_CLEARTID

// policy is all a confined tender may call.
func (c Config) policy(self surroundings) seccomp.Policy {
	p := guestCalls()
	for _, fd := range self.Kernel {
		if slices.Contains(slices.Concat(c.Output, c.Frames, c.Disks), fd) {
			continue // it has rules below
		}
		p = append(p,
			on("read", fd, "a kernel object", "the Go runtime's eventfd, when its poller wakes; hvt's, when the guest kicks its network ring"),
			on("write", fd, "a kernel object", "the same eventfds, to wake the poller and to end the guest's wait or its ring"),
		)
	}
	for _, fd := range distinct(c.Output) {
		p = append(p, on("write", fd, "stdout or stderr", "the guest's console, the tender's messages"))
	}
	for _, fd := range distinct(c.Frames) {
		p = append(p,
			on("read", fd, "a network device", "the guest takes a frame"),
			on("write", fd, "a network device", "the guest sends a frame"),
		)
	}
	for _, fd := range distinct(c.Sockets) {
		r := on("sendto", fd, "an AF_XDP socket", "the guest sends frames, which lie in the socket's ring")
		r.Args = append(r.Args, seccomp.Equal(2, 0, "no bytes of the caller's"), seccomp.Equal(4, 0, "to nobody else"))
		p = append(p, r)
	}
	if c.Offloads {
		p = append(p, seccomp.Rule{
			Call: "ioctl", Args: []seccomp.Cond{seccomp.Equal(1, unix.TUNSETOFFLOAD, "TUNSETOFFLOAD")},
			Why: "the guest takes or leaves offloads of its network devices; no others know the request",
		})
	}
	for _, fd := range distinct(c.Disks) {
		p = append(p,
			on("pread64", fd, "a block device", "the guest reads blocks"),
			on("fstat", fd, "a block device", "whether the device's file has shrunk or is gone"),
		)
		if !slices.Contains(self.ReadOnly, fd) {
			p = append(p,
				on("pwrite64", fd, "a block device not read-only", "the guest writes blocks"),
				on("fdatasync", fd, "a block device not read-only", "what was written to it is stored when it is closed"),
			)
		}
	}
	return slices.Concat(p, c.Stats.calls(), memoryCalls(), runtimeCalls(self.PID))
}

// calls tell others about the guest.
func (s *Stats) calls() (p seccomp.Policy) {
	if s == nil {
		return nil
	}
	if s.File >= 0 {
		p = append(p, on("pwrite64", s.File, "the file of --stats", "the counters, every second and at the end"))
	}
	if s.Listener >= 0 {
		const conn = "the connection of --stats"
		p = append(p,
			on("accept4", s.Listener, "the socket of --stats", "somebody asks for the counters"),
			seccomp.Rule{Call: "dup3", Args: []seccomp.Cond{seccomp.Equal(1, uint64(s.Conn), conn)}, Why: "who asks gets the one number that may be read and written"},
			on("read", s.Conn, conn, "what is asked for"),
			on("write", s.Conn, conn, "the counters"),
		)
	}
	return p
}

func distinct(fds []int) []int { return slices.Compact(slices.Sorted(slices.Values(fds))) }

// on allows a call on a descriptor, of what is said.
func on(call string, fd int, of, why string) seccomp.Rule {
	return seccomp.Rule{Call: call, Args: []seccomp.Cond{seccomp.Equal(0, uint64(fd), of)}, Why: why}
}

// guestCalls run the guest.
func guestCalls() seccomp.Policy {
	return seccomp.Policy{
		{
			Call: "ioctl", Args: []seccomp.Cond{seccomp.Equal(1, kvmRun, "KVM_RUN"), seccomp.Equal(2, 0, "")},
			Why: "enters the guest",
		},
		{
			Call: "ioctl", Args: []seccomp.Cond{seccomp.Equal(1, kvmGetRegs, "KVM_GET_REGS")},
			Why: "tells where the guest is: at a tick, and in the message about one that had to be ended",
		},
		{
			Call: "ioctl", Args: []seccomp.Cond{seccomp.Equal(1, kvmEvents, "KVM_GET_VCPU_EVENTS")},
			Why: "a tick waits while an exception is on its way to the guest",
		},
		{
			Call: "ioctl", Args: []seccomp.Cond{seccomp.Equal(1, kvmSetRegs, "KVM_SET_REGS")},
			Why: "a tick has the guest's program give way to its kernel",
		},
		{
			Call: "timer_create", Args: []seccomp.Cond{seccomp.Equal(0, unix.CLOCK_THREAD_CPUTIME_ID, "CLOCK_THREAD_CPUTIME_ID")},
			Why: "ticks: it counts the CPU time of the guest's thread",
		},
		{Call: "io_uring_enter", Why: "frames move between the network devices and the guest's rings; the io_uring itself allows nothing but reads and writes"},
		{Call: "timer_settime", Why: "ticks begin"},
		{Call: "timer_delete", Why: "ticks end"},
		{
			Call: "ppoll", Args: []seccomp.Cond{seccomp.AtMost(1, 64, "")},
			Why: "the guest's wait for its network devices",
		},
	}
}

// memoryCalls are the Go runtime's and malloc's. None makes memory executable
// or shows a file in it.
func memoryCalls() seccomp.Policy {
	return seccomp.Policy{
		{
			Call: "mmap", Args: []seccomp.Cond{
				seccomp.Masked(2, unix.PROT_EXEC, 0, "no PROT_EXEC"),
				seccomp.Masked(3, unix.MAP_ANONYMOUS|unix.MAP_PRIVATE, unix.MAP_ANONYMOUS|unix.MAP_PRIVATE, "MAP_ANONYMOUS and MAP_PRIVATE"),
			},
			Why: "the Go heap grows; stacks of new threads",
		},
		{
			Call: "mprotect", Args: []seccomp.Cond{seccomp.Masked(2, unix.PROT_EXEC, 0, "no PROT_EXEC")},
			Why: "stacks and malloc arenas of new threads are reserved without access first",
		},
		{Call: "munmap", Why: "the guest's memory at its end; stacks of threads that are gone"},
		{Call: "madvise", Why: "the Go runtime returns memory to the host, and asks for huge pages"},
		{Call: "brk", Why: "malloc, which new threads call for their data"},
		{
			Call: "prctl", Args: []seccomp.Cond{
				seccomp.Equal(0, unix.PR_SET_VMA, "PR_SET_VMA"),
				seccomp.Equal(1, unix.PR_SET_VMA_ANON_NAME, "PR_SET_VMA_ANON_NAME"),
			},
			Why: "the Go runtime names its memory for /proc/PID/maps",
		},
	}
}

// runtimeCalls are the Go runtime's own: threads, signals, clocks, poller.
func runtimeCalls(pid int) seccomp.Policy {
	return seccomp.Policy{
		{Call: "futex", Why: "threads and goroutines sleep and wake"},
		{Call: "nanosleep", Why: "the runtime's monitor thread between its looks"},
		{Call: "sched_yield", Why: "the scheduler, before a thread sleeps"},
		{Call: "epoll_pwait", Why: "timers and the poller, on a thread that has no goroutine to run"},
		{Call: "clock_gettime", Why: "the time, on hosts whose clock the vDSO cannot read"},
		{Call: "getpid", Why: "before tgkill"},
		{Call: "gettid", Why: "hvt notes which thread to interrupt"},
		{
			Call: "tgkill", Args: []seccomp.Cond{seccomp.Equal(0, uint64(pid), "this process")},
			Why: "interrupts threads: goroutines are preempted, KVM_RUN is left; signals nobody handles are raised again",
		},
		{Call: "rt_sigaction", Why: "a signal nobody handles gets its default action back before it is raised again"},
		{Call: "rt_sigprocmask", Why: "signals are off while a thread starts or ends"},
		{Call: "rt_sigreturn", Why: "the end of every signal handler"},
		{Call: "sigaltstack", Why: "threads have a stack for signals"},
		{Call: "restart_syscall", Why: "the kernel's: resumes a timed wait after SIGSTOP and SIGCONT"},
		{
			Call: "clone", Args: []seccomp.Cond{seccomp.Equal(0, threadFlags, "the flags of a thread")},
			Why: "threads, which the runtime adds when others are in system calls; no processes",
		},
		{
			Call: "clone3", Errno: unix.ENOSYS,
			Why: "its flags are in memory, where a filter cannot look: glibc takes clone instead",
		},
		{Call: "set_robust_list", Why: "glibc, for a new thread"},
		{Call: "rseq", Why: "glibc, for a new thread"},
		{Call: "exit", Why: "a thread ends"},
		{Call: "exit_group", Why: "the process ends"},
		{Call: "close", Why: "the machine and its devices at the end"},
	}
}
