package confine

import (
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"tender/seccomp"
	"tender/seccomp/seccomptest"
)

// Every call that the filter allows can be made.
func TestAllowed(t *testing.T) {
	for _, kind := range []string{"calls", "threads"} {
		if status, sig, out := finish(t, child(t, act{Kind: kind})); status != childDone {
			t.Errorf("%s: status %d, signal %v, %q", kind, status, sig, out)
		}
	}
}

// What the filter does not allow ends the process.
func TestRefused(t *testing.T) {
	const (
		high     = 1 << 32
		x32      = 0x40000000
		anon     = unix.MAP_ANONYMOUS | unix.MAP_PRIVATE
		readExec = unix.PROT_READ | unix.PROT_EXEC
		sysDup   = unix.SYS_DUP
	)
	type call struct {
		what   string
		number uintptr
		args   [6]uintptr
	}
	table := []call{
		{"mmap of code", unix.SYS_MMAP, [6]uintptr{0, 4096, readExec, anon, ^uintptr(0)}},
		{"mmap of a file", unix.SYS_MMAP, [6]uintptr{0, 4096, unix.PROT_READ, unix.MAP_PRIVATE, diskFD}},
		{"mmap of shared memory", unix.SYS_MMAP, [6]uintptr{0, 4096, unix.PROT_READ, unix.MAP_ANONYMOUS | unix.MAP_SHARED}},
		{"mprotect to code", unix.SYS_MPROTECT, [6]uintptr{0, 0, readExec}},
		{"write elsewhere", unix.SYS_WRITE, [6]uintptr{otherFD}},
		{"write to standard input", unix.SYS_WRITE, [6]uintptr{0}},
		{"write to a disk where it stands", unix.SYS_WRITE, [6]uintptr{diskFD}},
		{"write, upper half", unix.SYS_WRITE, [6]uintptr{high | 1}},
		{"read elsewhere", unix.SYS_READ, [6]uintptr{otherFD}},
		{"read standard input", unix.SYS_READ, [6]uintptr{0}},
		{"pread64 elsewhere", unix.SYS_PREAD64, [6]uintptr{otherFD}},
		{"pwrite64 to a read-only disk", unix.SYS_PWRITE64, [6]uintptr{readOnlyFD}},
		{"pwrite64 elsewhere", unix.SYS_PWRITE64, [6]uintptr{otherFD}},
		{"fdatasync elsewhere", unix.SYS_FDATASYNC, [6]uintptr{otherFD}},
		{"fstat elsewhere", unix.SYS_FSTAT, [6]uintptr{otherFD}},
		{"sendto elsewhere", unix.SYS_SENDTO, [6]uintptr{otherFD}},
		{"sendto of bytes", unix.SYS_SENDTO, [6]uintptr{framesFD, 0, 1}},
		{"sendto somebody", unix.SYS_SENDTO, [6]uintptr{framesFD, 0, 0, 0, 1}},
		{"TUNSETIFF", unix.SYS_IOCTL, [6]uintptr{framesFD, unix.TUNSETIFF}},
		{"TUNSETOFFLOAD", unix.SYS_IOCTL, [6]uintptr{framesFD, unix.TUNSETOFFLOAD}},
		{"TIOCSTI", unix.SYS_IOCTL, [6]uintptr{1, unix.TIOCSTI}},
		{"KVM_CREATE_VM", unix.SYS_IOCTL, [6]uintptr{0, 0xae01}},
		{"KVM_SET_USER_MEMORY_REGION", unix.SYS_IOCTL, [6]uintptr{0, 0x4020ae46}},
		{"KVM_RUN with an argument", unix.SYS_IOCTL, [6]uintptr{0, kvmRun, 1}},
		{"KVM_RUN, upper half", unix.SYS_IOCTL, [6]uintptr{0, high | kvmRun}},
		{"ppoll of many", unix.SYS_PPOLL, [6]uintptr{0, 65}},
		{"tgkill of another process", unix.SYS_TGKILL, [6]uintptr{1, 1, 0}},
		{"kill", unix.SYS_KILL, [6]uintptr{1, 0}},
		{"tkill", unix.SYS_TKILL, [6]uintptr{1, 0}},
		{"fork by clone", unix.SYS_CLONE, [6]uintptr{uintptr(syscall.SIGCHLD)}},
		{"clone into a namespace", unix.SYS_CLONE, [6]uintptr{threadFlags | unix.CLONE_NEWUSER}},
		{"prctl of dumpable", unix.SYS_PRCTL, [6]uintptr{unix.PR_SET_DUMPABLE, 1}},
		{"prctl of a name", unix.SYS_PRCTL, [6]uintptr{unix.PR_SET_NAME}},
		{"x32", unix.SYS_GETPID | x32, [6]uintptr{}},
		{"no such call", 100000, [6]uintptr{}},
	}
	for what, number := range map[string]uintptr{
		"open": unix.SYS_OPEN, "openat": unix.SYS_OPENAT, "openat2": unix.SYS_OPENAT2, "creat": unix.SYS_CREAT,
		"execve": unix.SYS_EXECVE, "execveat": unix.SYS_EXECVEAT, "fork": unix.SYS_FORK, "vfork": unix.SYS_VFORK,
		"ptrace": unix.SYS_PTRACE, "process_vm_readv": unix.SYS_PROCESS_VM_READV, "process_vm_writev": unix.SYS_PROCESS_VM_WRITEV,
		"socket": unix.SYS_SOCKET, "socketpair": unix.SYS_SOCKETPAIR, "connect": unix.SYS_CONNECT, "bind": unix.SYS_BIND,
		"sendto": unix.SYS_SENDTO, "sendmsg": unix.SYS_SENDMSG, "recvmsg": unix.SYS_RECVMSG,
		"dup": sysDup, "dup2": unix.SYS_DUP2, "dup3": unix.SYS_DUP3, "fcntl": unix.SYS_FCNTL, "pidfd_getfd": unix.SYS_PIDFD_GETFD,
		"unlink": unix.SYS_UNLINK, "rename": unix.SYS_RENAME, "link": unix.SYS_LINK, "chmod": unix.SYS_CHMOD, "stat": unix.SYS_STAT,
		"ftruncate": unix.SYS_FTRUNCATE, "fallocate": unix.SYS_FALLOCATE, "sendfile": unix.SYS_SENDFILE, "splice": unix.SYS_SPLICE,
		"mount": unix.SYS_MOUNT, "chroot": unix.SYS_CHROOT, "pivot_root": unix.SYS_PIVOT_ROOT, "chdir": unix.SYS_CHDIR,
		"unshare": unix.SYS_UNSHARE, "setns": unix.SYS_SETNS, "setuid": unix.SYS_SETUID, "setresuid": unix.SYS_SETRESUID,
		"setgroups": unix.SYS_SETGROUPS, "capset": unix.SYS_CAPSET, "seccomp": unix.SYS_SECCOMP, "bpf": unix.SYS_BPF,
		"perf_event_open": unix.SYS_PERF_EVENT_OPEN, "userfaultfd": unix.SYS_USERFAULTFD, "io_uring_setup": unix.SYS_IO_URING_SETUP,
		"memfd_create": unix.SYS_MEMFD_CREATE, "keyctl": unix.SYS_KEYCTL, "init_module": unix.SYS_INIT_MODULE,
		"mremap": unix.SYS_MREMAP, "pkey_mprotect": unix.SYS_PKEY_MPROTECT, "remap_file_pages": unix.SYS_REMAP_FILE_PAGES,
		"shmat": unix.SYS_SHMAT, "personality": unix.SYS_PERSONALITY, "setrlimit": unix.SYS_SETRLIMIT, "prlimit64": unix.SYS_PRLIMIT64,
		"arch_prctl": unix.SYS_ARCH_PRCTL, "iopl": unix.SYS_IOPL, "modify_ldt": unix.SYS_MODIFY_LDT, "reboot": unix.SYS_REBOOT,
		"getdents64": unix.SYS_GETDENTS64, "readv": unix.SYS_READV, "writev": unix.SYS_WRITEV, "pwritev2": unix.SYS_PWRITEV2,
		"wait4": unix.SYS_WAIT4, "setsid": unix.SYS_SETSID, "eventfd2": unix.SYS_EVENTFD2, "epoll_ctl": unix.SYS_EPOLL_CTL,
	} {
		table = append(table, call{what: what, number: number})
	}
	for _, c := range table {
		status, sig, out := finish(t, child(t, act{Kind: "one", Number: c.number, Args: c.args}))
		if sig != syscall.SIGSYS {
			t.Errorf("%s: status %d, signal %v, %q", c.what, status, sig, out)
		}
	}
	if runtime.GOARCH != "amd64" {
		t.Error("the numbers of KVM's requests are amd64's")
	}
}

func TestDocument(t *testing.T) {
	p := childConfig.policy(surroundings{PID: 4711, Kernel: []int{10, 11}, ReadOnly: []int{readOnlyFD}})
	seccomptest.CheckDocument(t, "../docs/seccomp.md", "hvt", p)
}

// Descriptors that are named more than once do not make rules that overlap.
func TestDescriptorsTwice(t *testing.T) {
	c := Config{Output: []int{1, 2, 1}, Frames: []int{7, 7}, Disks: []int{8, 8}}
	p := c.policy(surroundings{PID: 1, Kernel: []int{1, 5, 7}})
	if _, err := p.Compile(); err != nil && err != seccomp.ErrUnavailable {
		t.Error(err)
	}
}

// The rules say why, and libseccomp takes them.
func TestRules(t *testing.T) {
	p := childConfig.policy(surroundings{PID: 4711, Kernel: []int{10, 11}, ReadOnly: []int{readOnlyFD}})
	for _, r := range p {
		if r.Why == "" {
			t.Errorf("%s %s: no why", r.Call, r.Conditions())
		}
	}
	prog, err := p.Compile()
	if err == seccomp.ErrUnavailable {
		t.Skip(err)
	}
	check(t, err)
	t.Logf("%d rules, %d instructions", len(p), len(prog))
}
