package abi

// Guest memory of the spt target.
const (
	// SPTMemBase is where guest memory starts.
	SPTMemBase = 0x10000
	// SPTBootInfo is the address of SPTBoot; manifest and command line follow.
	SPTBootInfo = 0x11000
)

// SPTBoot is the boot info of the spt target.
type SPTBoot struct {
	MemSize   uint64
	KernelEnd uint64
	Cmdline   uint64
	Manifest  uint64
	EpollFD   int32
	TimerFD   int32
}
