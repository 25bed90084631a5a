package spt

import (
	"tender/machine"
	"tender/seccomp"
)

// Arguments the filter allows.
const (
	clockRealtime  = 0
	clockMonotonic = 1
	archSetFS      = 0x1002
)

// Descriptors of the guest's process. Those of the devices follow in the
// order of their handles; 0 and 2 are closed.
const (
	consoleFD = 1
	epollFD   = 3
	timerFD   = 4
	firstFD   = 5
)

// policy is what the guest may call, and there is no more: everything else
// kills it. The devices have descriptors firstFD and up.
// Source: solo5-abi 3.4. A guest that takes ticks needs one more; one with a UMEM
// has a doorbell behind the devices, and no network devices of its own.
func policy(devices []machine.Attachment, ticks, umem bool) seccomp.Policy {
	p := seccomp.Policy{
		{Call: "write", Args: []seccomp.Cond{seccomp.Equal(0, consoleFD, "the console")},
			Why: "the guest's output"},
		{Call: "exit_group",
			Why: "the only way to end with a status of one's own"},
		{Call: "epoll_pwait", Args: []seccomp.Cond{seccomp.Equal(0, epollFD, "the epoll descriptor")},
			Why: "sleep until a network device or the timer is ready; the set is the tender's and cannot be changed"},
		{Call: "timerfd_settime", Args: []seccomp.Cond{seccomp.Equal(0, timerFD, "the timer")},
			Why: "when to wake from epoll_pwait, to the nanosecond"},
		{Call: "clock_gettime", Args: []seccomp.Cond{seccomp.Equal(0, clockMonotonic, "CLOCK_MONOTONIC")},
			Why: "the guest's clock; its process has no vDSO"},
		{Call: "clock_gettime", Args: []seccomp.Cond{seccomp.Equal(0, clockRealtime, "CLOCK_REALTIME")},
			Why: "the date"},
		{Call: "arch_prctl", Args: []seccomp.Cond{seccomp.Equal(0, archSetFS, "ARCH_SET_FS")},
			Why: "the address of thread-local data, where the CPU has no instruction for it"},
	}
	if ticks {
		p = append(p, seccomp.Rule{Call: "rt_sigreturn",
			Why: "the guest kernel goes on after a tick, the signal SIGPROF, has interrupted it"})
	}
	for i, d := range devices {
		fd := uint64(firstFD + i)
		switch {
		case d.Block != nil:
			p = append(p, blockRules(fd, d)...)
		case !umem:
			p = append(p, netRules(fd, d.Name)...)
		}
	}
	if umem {
		p = append(p, seccomp.Rule{Call: "write",
			Args: []seccomp.Cond{seccomp.Equal(0, uint64(firstFD+len(devices)), "the doorbell"), seccomp.Equal(2, 8, "")},
			Why:  "wake the tender, which moves the frames of the guest's rings"})
	}
	return p
}

func netRules(fd uint64, name string) seccomp.Policy {
	device := []seccomp.Cond{seccomp.Equal(0, fd, "network device "+name)}
	return seccomp.Policy{
		{Call: "read", Args: device, Why: "take a frame; the descriptor does not block"},
		{Call: "write", Args: device, Why: "send a frame"},
	}
}

// blockRules allow one block at a time, within the capacity. Offsets need not
// be multiples of the block size.
func blockRules(fd uint64, d machine.Attachment) seccomp.Policy {
	size := uint64(d.Block.BlockBytes())
	block := []seccomp.Cond{
		seccomp.Equal(0, fd, "block device "+d.Name),
		seccomp.Equal(2, size, "its block size"),
		seccomp.AtMost(3, d.Block.CapacityBytes()-size, "its last block"),
	}
	return seccomp.Policy{
		{Call: "pread64", Args: block, Why: "read a block"},
		{Call: "pwrite64", Args: block, Why: "write a block; never beyond the end, which would make a file grow"},
	}
}
