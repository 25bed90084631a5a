package abi

// Guest memory of the hvt target.
const (
	// MinLoadAddr is the lowest address of a segment, for every target.
	MinLoadAddr = 0x100000
	// PageSize is the granularity of segments.
	PageSize = 0x1000

	// HVTBootInfo is the GPA of HVTBoot; the manifest follows it directly,
	// and the command line follows the manifest.
	HVTBootInfo = 0x10000
	// CmdlineSize is the command line buffer, NUL included.
	CmdlineSize = 8192

	// HVTMemGranularity is what memory sizes are rounded down to.
	HVTMemGranularity = 2 << 20
	// HVTMaxMem is the largest guest memory.
	HVTMaxMem = 4 << 30
	// DefaultMem is the guest memory when nothing is said.
	DefaultMem = 512 << 20
)

// Page tables and GDT of a CPL 0 start.
const (
	HVTGDT  = 0x1000
	HVTPML4 = 0x2000
	HVTPDPT = 0x3000
	HVTPD   = 0x4000
	HVTPT   = 0x8000
)

// HVTBoot is the boot info of the hvt target; RDI points to it at entry.
type HVTBoot struct {
	// MemSize is the guest's memory; the network ring is not in it.
	MemSize uint64
	// KernelEnd is the end of the highest loaded segment.
	KernelEnd uint64
	// CycleHz is the frequency of the time stamp counter.
	CycleHz uint64
	// Cmdline is the GPA of the NUL-terminated command line.
	Cmdline uint64
	// Manifest is the GPA of the manifest copy.
	Manifest uint64
	// HostFeatures is a set of Host bits.
	HostFeatures uint32
	// GuestFeatures is written 0 by the tender.
	GuestFeatures uint32
	// NetRing is the GPA of the network ring, 0 if none.
	NetRing uint64
}

// Bits of HVTBoot.HostFeatures.
const (
	// HostRingIO offers Solo5's network ring; valid only if NetRing != 0.
	HostRingIO = 1 << 0
	// HostPollMask says that POLL honours FlagPollMask of this image. It is
	// set only for images that carry the flag, so no other guest sees it.
	HostPollMask = 1 << 16
)

// A hypercall is a 4-byte OUT to HypercallPort+number, EAX = GPA of its
// argument struct, which lies below 4 GiB.
const HypercallPort = 0x500

// Hypercall numbers.
const (
	HypercallWalltime   = 1
	HypercallPuts       = 2
	HypercallPoll       = 3
	HypercallBlockWrite = 4
	HypercallBlockRead  = 5
	HypercallNetWrite   = 6
	HypercallNetRead    = 7
	HypercallHalt       = 8
	HypercallMax        = 8
)

// Result is the outcome of a device hypercall.
type Result int32

// Results.
const (
	ResultOK Result = iota
	// ResultAgain: the call would block.
	ResultAgain
	// ResultInval: an argument is not valid for the device.
	ResultInval
	// ResultUnspec: the device failed.
	ResultUnspec
)

// WalltimeArgs is the argument of WALLTIME.
type WalltimeArgs struct {
	// Nanos (out) is CLOCK_REALTIME since 1970 UTC.
	Nanos uint64
}

// PutsArgs is the argument of PUTS.
type PutsArgs struct {
	Data uint64
	Len  uint64
}

// PollArgs is the argument of POLL.
type PollArgs struct {
	// TimeoutNanos is relative.
	TimeoutNanos uint64
	// ReadySet (out) has bit h set if handle h is readable. With FlagPollMask
	// it also is an input: the handles to wait for.
	ReadySet uint64
	// Ret (out) is the number of bits in ReadySet; 0 after a timeout.
	Ret int32
	_   int32
}

// BlockArgs is the argument of BLOCK_READ and BLOCK_WRITE.
type BlockArgs struct {
	Handle uint64
	Offset uint64
	Data   uint64
	Len    uint64
	Ret    Result
	_      int32
}

// NetArgs is the argument of NET_READ and NET_WRITE.
type NetArgs struct {
	Handle uint64
	Data   uint64
	// Len is the buffer's size; NET_READ sets it to the frame's.
	Len uint64
	Ret Result
	_   int32
}

// HaltArgs is the argument of HALT.
type HaltArgs struct {
	// Cookie is 0 or the GPA of HaltCookieSize bytes.
	Cookie uint64
	Status int32
	_      int32
}

// HaltCookieSize is the number of bytes at HaltArgs.Cookie.
const HaltCookieSize = 512

// Exit statuses with a meaning of their own.
const (
	// ExitFailure is the status of a tender that cannot start or must end a
	// guest that broke the contract.
	ExitFailure = 1
	// ExitAbort is the status of a guest that aborted.
	ExitAbort = 255
	// ExitStopped is the status of a guest with FlagEvents that was asked to
	// stop and does not handle that: what a shell shows for SIGTERM.
	ExitStopped = 128 + 15
)
