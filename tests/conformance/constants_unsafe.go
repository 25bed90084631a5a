package conformance

import (
	"fmt"
	"strings"
	"unsafe"

	"tender/abi"
)

// constants is the include file with the numbers of the contract.
func constants(target string) string {
	type constant struct {
		name  string
		value uint64
	}
	var entry abi.ManifestEntry
	info := uint64(unsafe.Offsetof(entry.Info))
	all := []constant{
		{"NOTE_ABI1", abi.NoteTypeABI1},
		{"NOTE_MFT1", abi.NoteTypeMFT1},
		{"MANIFEST_VERSION", abi.ManifestVersion},
		{"MANIFEST_HEADER", uint64(unsafe.Sizeof(abi.ManifestHeader{}))},
		{"MANIFEST_ENTRY", uint64(unsafe.Sizeof(entry))},
		{"MANIFEST_TYPE", uint64(unsafe.Offsetof(entry.Type))},
		{"MANIFEST_CAPACITY", info + uint64(unsafe.Offsetof(abi.BlockInfo{}.CapacityBytes))},
		{"MANIFEST_SECTOR", info + uint64(unsafe.Offsetof(abi.BlockInfo{}.BlockBytes))},
		{"MANIFEST_MAC", info + uint64(unsafe.Offsetof(abi.NetInfo{}.MAC))},
		{"MANIFEST_MTU", info + uint64(unsafe.Offsetof(abi.NetInfo{}.MTU))},
		{"MANIFEST_BACKEND", uint64(unsafe.Offsetof(entry.Backend))},
		{"MANIFEST_ATTACHED", uint64(unsafe.Offsetof(entry.Attached))},
		{"DEVICE_BLOCK", uint64(abi.DeviceBlock)},
		{"DEVICE_NET", uint64(abi.DeviceNet)},
		{"DEVICE_RESERVED", uint64(abi.DeviceReserved)},
		{"RESULT_AGAIN", uint64(abi.ResultAgain)},
		{"RESULT_INVAL", uint64(abi.ResultInval)},
		{"RESULT_UNSPEC", uint64(abi.ResultUnspec)},
		{"EXIT_ABORT", abi.ExitAbort},
		{"HYPERCALL_PORT", abi.HypercallPort},
		{"HYPERCALL_WALLTIME", abi.HypercallPort + abi.HypercallWalltime},
		{"HYPERCALL_PUTS", abi.HypercallPort + abi.HypercallPuts},
		{"HYPERCALL_POLL", abi.HypercallPort + abi.HypercallPoll},
		{"HYPERCALL_BLOCK_WRITE", abi.HypercallPort + abi.HypercallBlockWrite},
		{"HYPERCALL_BLOCK_READ", abi.HypercallPort + abi.HypercallBlockRead},
		{"HYPERCALL_NET_WRITE", abi.HypercallPort + abi.HypercallNetWrite},
		{"HYPERCALL_NET_READ", abi.HypercallPort + abi.HypercallNetRead},
		{"HYPERCALL_HALT", abi.HypercallPort + abi.HypercallHalt},
	}
	switch target {
	case "hvt":
		var boot abi.HVTBoot
		all = append(all, []constant{
			{"ABI_TARGET", uint64(abi.TargetHVT)},
			{"ABI_VERSION", abi.VersionHVT},
			{"BOOT_MEM_SIZE", uint64(unsafe.Offsetof(boot.MemSize))},
			{"BOOT_KERNEL_END", uint64(unsafe.Offsetof(boot.KernelEnd))},
			{"BOOT_CYCLE_HZ", uint64(unsafe.Offsetof(boot.CycleHz))},
			{"BOOT_CMDLINE", uint64(unsafe.Offsetof(boot.Cmdline))},
			{"BOOT_MANIFEST", uint64(unsafe.Offsetof(boot.Manifest))},
			{"BOOT_FEATURES", uint64(unsafe.Offsetof(boot.HostFeatures))},
			{"BOOT_NET_RING", uint64(unsafe.Offsetof(boot.NetRing))},
		}...)
	case "spt":
		var boot abi.SPTBoot
		all = append(all, []constant{
			{"ABI_TARGET", uint64(abi.TargetSPT)},
			{"ABI_VERSION", abi.VersionSPT},
			{"BOOT_MEM_SIZE", uint64(unsafe.Offsetof(boot.MemSize))},
			{"BOOT_KERNEL_END", uint64(unsafe.Offsetof(boot.KernelEnd))},
			{"BOOT_CMDLINE", uint64(unsafe.Offsetof(boot.Cmdline))},
			{"BOOT_MANIFEST", uint64(unsafe.Offsetof(boot.Manifest))},
			{"BOOT_EPOLL_FD", uint64(unsafe.Offsetof(boot.EpollFD))},
			{"BOOT_TIMER_FD", uint64(unsafe.Offsetof(boot.TimerFD))},
		}...)
	}
	var b strings.Builder
	for _, c := range all {
		fmt.Fprintf(&b, "\t.set\t%s, %#x\n", c.name, c.value)
	}
	return b.String()
}
