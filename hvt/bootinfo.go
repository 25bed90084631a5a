package hvt

import (
	"encoding/binary"

	"tender/abi"
	"tender/image"
)

// attach takes the devices of c into h and returns the manifest entries as
// the guest shall see them.
func (h *host) attach(c *Config) ([]abi.ManifestEntry, error) {
	attached, entries, err := c.Attach()
	if err != nil {
		return nil, err
	}
	for _, a := range attached {
		if a.Net != nil {
			d := &h.nets[a.Handle]
			d.dev, d.maxFrame = a.Net, uint64(a.Net.MTU())+abi.EtherHeaderSize+vlanTags
			h.hasNet = true
			h.poll.add(a.Net.FD(), uint8(a.Handle))
			continue
		}
		h.blocks[a.Handle] = blockDevice{dev: a.Block, capacityBytes: a.Block.CapacityBytes()}
		h.hasBlk = true
	}
	return entries, nil
}

// bootInfo is what the guest finds at abi.HVTBootInfo.
type bootInfo struct {
	heapAt             uint64 // see abi.Events
	kernelEnd, cycleHz uint64
	hostFeatures       uint32
	netRing            uint64 // GPA, 0 if none is offered
	entries            []abi.ManifestEntry
	cmdline            string
}

// write lays boot info, manifest and command line out in m: at most 15 KiB,
// which end below the first segment.
func (b bootInfo) write(m *memory) {
	const bootSize = 56 // abi.HVTBoot
	manifest := image.EncodeManifest(b.entries)
	manifestAt := uint64(abi.HVTBootInfo + bootSize)
	cmdlineAt := manifestAt + uint64(len(manifest))
	boot, err := binary.Append(nil, binary.LittleEndian, abi.HVTBoot{
		MemSize:      uint64(len(m.bytes)),
		KernelEnd:    b.kernelEnd,
		CycleHz:      b.cycleHz,
		Cmdline:      cmdlineAt,
		Manifest:     manifestAt,
		HostFeatures: b.hostFeatures,
		NetRing:      b.netRing,
	})
	if err != nil || len(boot) != bootSize {
		panic("abi.HVTBoot has no fixed layout")
	}
	copy(m.bytes[abi.HVTBootInfo:], boot)
	copy(m.bytes[manifestAt:], manifest)
	copy(m.bytes[cmdlineAt:], b.cmdline) // its NUL is there already
}
