package spt

import (
	"encoding/binary"

	"tender/abi"
	"tender/image"
)

// bootEnd is the end of the pages that boot info, a manifest of any length and
// a command line of any length take.
const bootEnd = abi.SPTBootInfo + 0x4000

// bootInfo is what the guest finds at abi.SPTBootInfo.
type bootInfo struct {
	memBytes, kernelEnd uint64
	entries             []abi.ManifestEntry
	cmdline             string
}

// write lays boot info, manifest and command line out in mem, guest memory
// from address 0: at most 14896 bytes.
func (b bootInfo) write(mem []byte) {
	const bootSize = 40 // abi.SPTBoot
	manifest := image.EncodeManifest(b.entries)
	manifestAt := uint64(abi.SPTBootInfo + bootSize)
	cmdlineAt := manifestAt + uint64(len(manifest))
	boot, err := binary.Append(nil, binary.LittleEndian, abi.SPTBoot{
		MemSize:   b.memBytes,
		KernelEnd: b.kernelEnd,
		Cmdline:   cmdlineAt,
		Manifest:  manifestAt,
		EpollFD:   epollFD,
		TimerFD:   timerFD,
	})
	if err != nil || len(boot) != bootSize {
		panic("abi.SPTBoot has no fixed layout")
	}
	copy(mem[abi.SPTBootInfo:bootEnd], boot)
	copy(mem[manifestAt:bootEnd], manifest)
	copy(mem[cmdlineAt:bootEnd], b.cmdline) // its NUL is there already
}
