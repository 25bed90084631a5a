package hvt

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"tender/abi"
	"tender/image"
)

// attach takes the devices of c into h and returns the manifest entries as
// the guest shall see them. It fails with *MissingDevicesError or
// *UndeclaredDeviceError unless manifest and devices match.
func (h *host) attach(c *Config) ([]abi.ManifestEntry, error) {
	manifest := c.Image.Manifest
	if err := undeclared(c, manifest); err != nil {
		return nil, err
	}
	entries := manifest.Entries()
	var missing []image.Device
	for i, d := range manifest {
		handle := i + 1
		attached := false
		var err error
		switch d.Type {
		case abi.DeviceNet:
			attached, err = h.attachNet(c, handle, d.Name, &entries[handle])
		case abi.DeviceBlock:
			attached, err = h.attachBlock(c, handle, d.Name, &entries[handle])
		default: // of a reserved type
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: device '%s': %w", c.Image.Name, d.Name, err)
		}
		if !attached {
			missing = append(missing, d)
		}
	}
	if len(missing) > 0 {
		return nil, &MissingDevicesError{Guest: c.Image.Name, Devices: missing}
	}
	return entries, nil
}

// undeclared looks for a device the manifest lacks, the first by name.
func undeclared(c *Config, manifest image.Manifest) error {
	var found []UndeclaredDeviceError
	for name := range c.Net {
		if _, ok := manifest.Handle(name, abi.DeviceNet); !ok {
			found = append(found, UndeclaredDeviceError{c.Image.Name, name, abi.DeviceNet})
		}
	}
	for name := range c.Block {
		if _, ok := manifest.Handle(name, abi.DeviceBlock); !ok {
			found = append(found, UndeclaredDeviceError{c.Image.Name, name, abi.DeviceBlock})
		}
	}
	if len(found) == 0 {
		return nil
	}
	first := slices.MinFunc(found, func(a, b UndeclaredDeviceError) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return &first
}

func (h *host) attachNet(c *Config, handle int, name string, e *abi.ManifestEntry) (bool, error) {
	dev := c.Net[name]
	if dev == nil {
		return false, nil
	}
	mtu, mac := dev.MTU(), dev.MAC()
	if mtu < 1 || mtu > math.MaxUint16 {
		return false, fmt.Errorf("MTU %d is not in 1..%d", mtu, math.MaxUint16)
	}
	info := e.Info[:]
	clear(info)
	copy(info, mac[:])
	binary.LittleEndian.PutUint16(info[6:], uint16(mtu))
	e.Attached = 1
	h.nets[handle].dev = dev
	h.nets[handle].maxFrame = uint64(mtu) + abi.EtherHeaderSize + vlanTags
	h.hasNet = true
	h.poll.add(dev.FD(), uint8(handle))
	return true, nil
}

func (h *host) attachBlock(c *Config, handle int, name string, e *abi.ManifestEntry) (bool, error) {
	dev := c.Block[name]
	if dev == nil {
		return false, nil
	}
	size, capacity := dev.BlockBytes(), dev.CapacityBytes()
	if size < 512 || size > 32768 || size&(size-1) != 0 {
		return false, fmt.Errorf("block size %d is not a power of two in 512..32768", size)
	}
	if capacity < uint64(size) || capacity%uint64(size) != 0 {
		return false, fmt.Errorf("capacity of %d bytes is not a multiple of its block size of %d, or 0", capacity, size)
	}
	info := e.Info[:]
	clear(info)
	binary.LittleEndian.PutUint64(info, capacity)
	binary.LittleEndian.PutUint16(info[8:], uint16(size))
	e.Attached = 1
	h.blocks[handle] = blockDevice{dev: dev, capacityBytes: capacity}
	h.hasBlk = true
	return true, nil
}

// bootInfo is what the guest finds at abi.HVTBootInfo.
type bootInfo struct {
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
