package spt

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/blockback"
	"tender/image"
	"tender/machine"
	"tender/netback"
	"tender/seccomp"
)

// A guest with a network device, a disk of 4096-byte blocks and one more
// network device: descriptors 5, 6 and 7.
const (
	netFD, diskFD, secondNetFD = 5, 6, 7

	diskBlock = 4096
	diskBytes = 16 * diskBlock
)

var threeDevices = image.Manifest{
	{Name: "net0", Type: abi.DeviceNet}, {Name: "disk", Type: abi.DeviceBlock}, {Name: "net1", Type: abi.DeviceNet},
}

// rig is what a guest of threeDevices is attached to.
type rig struct {
	config machine.Config
	wires  [2]*netback.Wire
	path   string // of the disk
}

// newRig makes devices that the test closes. Block i of the disk is full of
// bytes i+1.
func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{path: filepath.Join(t.TempDir(), "disk")}
	var content []byte
	for i := range diskBytes / diskBlock {
		content = append(content, slices.Repeat([]byte{byte(i + 1)}, diskBlock)...)
	}
	if err := os.WriteFile(r.path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	disk, err := blockback.OpenFile(r.path, blockback.Options{BlockBytes: diskBlock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { disk.Close() })
	r.config.Net = map[string]netback.Device{}
	for i, name := range []string{"net0", "net1"} {
		dev, wire := netback.NewPipe(1500)
		t.Cleanup(func() { dev.Close(); wire.Close() })
		r.config.Net[name], r.wires[i] = dev, wire
	}
	r.config.Block = map[string]blockback.Device{"disk": disk}
	return r
}

// attempt is a system call with what becomes of it.
type attempt struct {
	name   string // of the call
	number int64
	args   []uint64
	result int64 // of one that is allowed
}

// negative is the register that holds -1.
const negative = ^uint64(0)

// expiry is the address of a struct itimerspec with 1 ns.
const expiry = dataAt

// allowed are calls for every rule.
var allowed = []attempt{
	{"write", unix.SYS_WRITE, []uint64{consoleFD, rodataAt, 9}, 9},
	{"write", unix.SYS_WRITE, []uint64{consoleFD, 1 << 40, 9}, -int64(unix.EFAULT)},
	{"write", unix.SYS_WRITE, []uint64{netFD, heapAt, 1514}, 1514},
	{"write", unix.SYS_WRITE, []uint64{secondNetFD, heapAt, 9000}, 9000},
	{"read", unix.SYS_READ, []uint64{netFD, heapAt, 1514}, -int64(unix.EAGAIN)},
	{"read", unix.SYS_READ, []uint64{secondNetFD, heapAt, 1514}, -int64(unix.EAGAIN)},
	{"epoll_pwait", unix.SYS_EPOLL_PWAIT, []uint64{epollFD, heapAt, 64, 0, 0, 0}, 0},
	{"timerfd_settime", unix.SYS_TIMERFD_SETTIME, []uint64{timerFD, 1, expiry, 0}, 0},
	{"epoll_pwait", unix.SYS_EPOLL_PWAIT, []uint64{epollFD, heapAt, 64, negative, 0, 0}, 1},
	{"clock_gettime", unix.SYS_CLOCK_GETTIME, []uint64{clockMonotonic, heapAt}, 0},
	{"clock_gettime", unix.SYS_CLOCK_GETTIME, []uint64{clockRealtime, heapAt}, 0},
	{"arch_prctl", unix.SYS_ARCH_PRCTL, []uint64{archSetFS, heapAt}, 0},
	{"arch_prctl", unix.SYS_ARCH_PRCTL, []uint64{archSetFS, 1 << 63}, -int64(unix.EPERM)},
	{"pread64", unix.SYS_PREAD64, []uint64{diskFD, heapAt, diskBlock, 0}, diskBlock},
	{"pread64", unix.SYS_PREAD64, []uint64{diskFD, heapAt, diskBlock, diskBytes - diskBlock}, diskBlock},
	{"pread64", unix.SYS_PREAD64, []uint64{diskFD, heapAt, diskBlock, 1}, diskBlock},
	{"pwrite64", unix.SYS_PWRITE64, []uint64{diskFD, heapAt, diskBlock, diskBytes - diskBlock}, diskBlock},
	{"exit_group", unix.SYS_EXIT_GROUP, []uint64{42}, 0},
}

// threeGuest is a guest of threeDevices that makes the calls.
func threeGuest(calls ...attempt) *testGuest {
	g := &testGuest{manifest: threeDevices}
	g.put([4]int64{3: 1})
	for _, c := range calls {
		g.call(c.number, c.args...)
		if c.name != "exit_group" {
			g.expect(c.result)
		}
	}
	return g
}

func TestAllowedCalls(t *testing.T) {
	g := threeGuest(allowed...)
	r := newRig(t)
	if got := mustExit(t, g, Config{Config: r.config}, 42); got != "read-only" {
		t.Errorf("console has %q", got)
	}
	var frame [16384]byte
	for i, want := range []int{1514, 9000} {
		if n, err := r.wires[i].Receive(frame[:], time.Second); n != want || err != nil {
			t.Errorf("network %d: %d bytes, %v", i, n, err)
		}
	}
	onDisk, err := os.ReadFile(r.path)
	if err != nil || len(onDisk) != diskBytes {
		t.Errorf("disk has %d bytes, %v", len(onDisk), err)
	}
}

// refused are calls that kill the guest.
var refused = []attempt{
	{"write", unix.SYS_WRITE, []uint64{2, rodataAt, 9}, 0},
	{"write", unix.SYS_WRITE, []uint64{0, rodataAt, 9}, 0},
	{"write", unix.SYS_WRITE, []uint64{1<<32 | consoleFD, rodataAt, 9}, 0},
	{"write", unix.SYS_WRITE, []uint64{1<<63 | netFD, rodataAt, 9}, 0},
	{"write", unix.SYS_WRITE, []uint64{diskFD, rodataAt, 9}, 0},
	{"write", unix.SYS_WRITE, []uint64{secondNetFD + 1, rodataAt, 9}, 0},
	{"write", unix.SYS_WRITE, []uint64{epollFD, rodataAt, 9}, 0},
	{"write", unix.SYS_WRITE, []uint64{timerFD, rodataAt, 9}, 0},
	{"read", unix.SYS_READ, []uint64{0, heapAt, 9}, 0},
	{"read", unix.SYS_READ, []uint64{consoleFD, heapAt, 9}, 0},
	{"read", unix.SYS_READ, []uint64{timerFD, heapAt, 8}, 0},
	{"read", unix.SYS_READ, []uint64{diskFD, heapAt, 512}, 0},
	{"read", unix.SYS_READ, []uint64{1<<32 | netFD, heapAt, 9}, 0},
	{"exit", unix.SYS_EXIT, []uint64{0}, 0},
	{"epoll_wait", unix.SYS_EPOLL_WAIT, []uint64{epollFD, heapAt, 64, 0}, 0},
	{"epoll_ctl", unix.SYS_EPOLL_CTL, []uint64{epollFD, unix.EPOLL_CTL_DEL, netFD, 0}, 0},
	{"epoll_pwait", unix.SYS_EPOLL_PWAIT, []uint64{netFD, heapAt, 64, 0, 0, 0}, 0},
	{"epoll_pwait", unix.SYS_EPOLL_PWAIT, []uint64{1<<32 | epollFD, heapAt, 64, 0, 0, 0}, 0},
	{"timerfd_settime", unix.SYS_TIMERFD_SETTIME, []uint64{epollFD, 1, heapAt, 0}, 0},
	{"timerfd_settime", unix.SYS_TIMERFD_SETTIME, []uint64{1<<32 | timerFD, 1, heapAt, 0}, 0},
	{"timerfd_gettime", unix.SYS_TIMERFD_GETTIME, []uint64{timerFD, heapAt}, 0},
	{"clock_gettime", unix.SYS_CLOCK_GETTIME, []uint64{unix.CLOCK_BOOTTIME, heapAt}, 0},
	{"clock_gettime", unix.SYS_CLOCK_GETTIME, []uint64{unix.CLOCK_PROCESS_CPUTIME_ID, heapAt}, 0},
	{"clock_gettime", unix.SYS_CLOCK_GETTIME, []uint64{1<<32 | clockMonotonic, heapAt}, 0},
	{"clock_settime", unix.SYS_CLOCK_SETTIME, []uint64{clockRealtime, heapAt}, 0},
	{"arch_prctl", unix.SYS_ARCH_PRCTL, []uint64{0x1001, heapAt}, 0}, // ARCH_SET_GS
	{"arch_prctl", unix.SYS_ARCH_PRCTL, []uint64{0x1003, heapAt}, 0}, // ARCH_GET_FS
	{"arch_prctl", unix.SYS_ARCH_PRCTL, []uint64{1<<32 | archSetFS, heapAt}, 0},
	{"pread64", unix.SYS_PREAD64, []uint64{diskFD, heapAt, diskBlock, diskBytes}, 0},
	{"pread64", unix.SYS_PREAD64, []uint64{diskFD, heapAt, diskBlock, diskBytes - diskBlock + 1}, 0},
	{"pread64", unix.SYS_PREAD64, []uint64{diskFD, heapAt, diskBlock, 1 << 32}, 0},
	{"pread64", unix.SYS_PREAD64, []uint64{diskFD, heapAt, diskBlock, negative}, 0},
	{"pread64", unix.SYS_PREAD64, []uint64{diskFD, heapAt, 2 * diskBlock, 0}, 0},
	{"pread64", unix.SYS_PREAD64, []uint64{diskFD, heapAt, diskBlock - 1, 0}, 0},
	{"pread64", unix.SYS_PREAD64, []uint64{diskFD, heapAt, 1<<32 | diskBlock, 0}, 0},
	{"pread64", unix.SYS_PREAD64, []uint64{diskFD, heapAt, 0, 0}, 0},
	{"pread64", unix.SYS_PREAD64, []uint64{netFD, heapAt, diskBlock, 0}, 0},
	{"pread64", unix.SYS_PREAD64, []uint64{1<<32 | diskFD, heapAt, diskBlock, 0}, 0},
	{"pwrite64", unix.SYS_PWRITE64, []uint64{diskFD, heapAt, diskBlock, diskBytes}, 0},
	{"pwrite64", unix.SYS_PWRITE64, []uint64{diskFD, heapAt, 512, 0}, 0},
	{"pwrite64", unix.SYS_PWRITE64, []uint64{consoleFD, heapAt, diskBlock, 0}, 0},
	{"preadv", unix.SYS_PREADV, []uint64{diskFD, heapAt, 1, 0, 0}, 0},
	{"lseek", unix.SYS_LSEEK, []uint64{diskFD, 0, 0}, 0},
	{"ftruncate", unix.SYS_FTRUNCATE, []uint64{diskFD, 0}, 0},
	{"ioctl", unix.SYS_IOCTL, []uint64{netFD, 0, 0}, 0},
	{"fcntl", unix.SYS_FCNTL, []uint64{netFD, 0, 0}, 0},
	{"dup2", unix.SYS_DUP2, []uint64{netFD, consoleFD}, 0},
	{"close", unix.SYS_CLOSE, []uint64{netFD}, 0},
	{"openat", unix.SYS_OPENAT, []uint64{0, rodataAt, 0, 0}, 0},
	{"socket", unix.SYS_SOCKET, []uint64{1, 1, 0}, 0},
	{"mmap", unix.SYS_MMAP, []uint64{0, 4096, 3, 0x22, negative, 0}, 0},
	{"mprotect", unix.SYS_MPROTECT, []uint64{heapAt, 4096, 7}, 0},
	{"munmap", unix.SYS_MUNMAP, []uint64{heapAt, 4096}, 0},
	{"brk", unix.SYS_BRK, []uint64{0}, 0},
	{"clone", unix.SYS_CLONE, []uint64{17, 0, 0, 0, 0}, 0},
	{"fork", unix.SYS_FORK, nil, 0},
	{"execve", unix.SYS_EXECVE, []uint64{rodataAt, 0, 0}, 0},
	{"kill", unix.SYS_KILL, []uint64{0, 9}, 0},
	{"ptrace", unix.SYS_PTRACE, []uint64{0, 0, 0, 0}, 0},
	{"rt_sigaction", unix.SYS_RT_SIGACTION, []uint64{11, 0, 0, 8}, 0},
	{"rt_sigreturn", unix.SYS_RT_SIGRETURN, nil, 0},
	{"prctl", unix.SYS_PRCTL, []uint64{unix.PR_SET_NAME, rodataAt}, 0},
	{"seccomp", unix.SYS_SECCOMP, []uint64{1, 0, 0}, 0},
	{"futex", unix.SYS_FUTEX, []uint64{heapAt, 1, 1}, 0},
	{"getpid", unix.SYS_GETPID, nil, 0},
	{"io_uring_setup", unix.SYS_IO_URING_SETUP, []uint64{1, heapAt}, 0},
	{"bpf", unix.SYS_BPF, []uint64{0, 0, 0}, 0},
	{"x32 write", 0x40000000 | unix.SYS_WRITE, []uint64{consoleFD, rodataAt, 9}, 0},
	{"x32 exit_group", 0x40000000 | unix.SYS_EXIT_GROUP, []uint64{0}, 0},
	{"call 9999", 9999, nil, 0},
	{"call -1", -1, nil, 0},
}

func TestRefusedCalls(t *testing.T) {
	r := newRig(t)
	for _, c := range refused {
		t.Run(c.name, func(t *testing.T) {
			g := threeGuest().call(c.number, c.args...).exit(0)
			p := start(t, g, Config{Config: r.config})
			exit, err := run(t, p)
			death, ok := err.(*SignalError)
			if !ok || death.Signal != unix.SIGSYS || death.Status() != 159 {
				t.Errorf("%x: exit %+v, %v", c.args, exit, err)
			}
		})
	}
}

// The numbering of another architecture: INT 0x80 makes an i386 call, 1 of
// which is exit and 4 write.
func TestOtherArchitecture(t *testing.T) {
	for _, number := range []byte{1, 4, 20} {
		g := &testGuest{}
		g.op(0xb8, number, 0, 0, 0, 0xbb, 1, 0, 0, 0, 0xcd, 0x80).exit(0)
		p := start(t, g, Config{})
		_, err := run(t, p)
		// Where the kernel has no i386 calls, the instruction is a fault.
		death, ok := err.(*SignalError)
		if !ok || death.Signal != unix.SIGSYS && death.Signal != unix.SIGSEGV {
			t.Errorf("i386 call %d: %v", number, err)
		}
	}
}

// A guest without devices has none of their descriptors.
func TestNoDevices(t *testing.T) {
	for _, c := range []attempt{allowed[2], allowed[4], allowed[13], allowed[16]} {
		g := &testGuest{}
		mustDie(t, g.call(c.number, c.args...).exit(0), Config{}, unix.SIGSYS)
	}
}

// unneeded are the rules that none of the calls is allowed by.
func unneeded(p seccomp.Policy, calls []attempt) (rules seccomp.Policy) {
	used := make([]bool, len(p))
	for _, c := range calls {
		var args [6]uint64
		copy(args[:], c.args)
		if i := p.Match(c.name, args); i >= 0 {
			used[i] = true
		}
	}
	for i, r := range p {
		if !used[i] {
			rules = append(rules, r)
		}
	}
	return rules
}

// Every rule is needed by a call that TestAllowedCalls makes, has a reason,
// and its twin is found if nothing needs it. What is refused matches none.
func TestRulesAreNeeded(t *testing.T) {
	r := newRig(t)
	r.config.Image = threeGuest().image(t)
	attached, _, err := r.config.Attach()
	if err != nil {
		t.Fatal(err)
	}
	p := policy(attached, false, false)
	if with := policy(attached, true, false); len(with) != len(p)+1 || with.Match("rt_sigreturn", [6]uint64{}) < 0 {
		t.Errorf("ticks need %v", with)
	}
	rings := policy(attached, false, true)
	for _, c := range []struct {
		call string
		args [6]uint64
		want bool
	}{
		{"write", [6]uint64{firstFD + 3, 0, 8}, true},
		{"write", [6]uint64{firstFD + 3, 0, 9}, false},
		{"read", [6]uint64{firstFD + 3, 0, 8}, false},
		{"read", [6]uint64{firstFD, 0, 60}, false},
		{"write", [6]uint64{firstFD, 0, 60}, false},
	} {
		if got := rings.Match(c.call, c.args) >= 0; len(attached) != 3 || got != c.want {
			t.Errorf("with rings, %s%v is allowed: %t", c.call, c.args, got)
		}
	}
	if rules := unneeded(p, allowed); len(rules) > 0 {
		t.Errorf("nothing needs %v", rules)
	}
	extra := seccomp.Rule{Call: "read", Args: []seccomp.Cond{seccomp.Equal(0, 0, "")}}
	if rules := unneeded(append(p, extra), allowed); len(rules) != 1 || rules[0].Conditions() != extra.Conditions() {
		t.Errorf("an unneeded rule is not found: %v", rules)
	}
	for _, rule := range p {
		if rule.Why == "" || rule.Errno != 0 {
			t.Errorf("%s (%s): no reason, or not plainly allowed", rule.Call, rule.Conditions())
		}
	}
	for _, c := range refused {
		var args [6]uint64
		copy(args[:], c.args)
		if p.Match(c.name, args) >= 0 {
			t.Errorf("%s%#x is allowed", c.name, c.args)
		}
	}
}
