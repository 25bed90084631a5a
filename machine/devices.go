package machine

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"tender/abi"
	"tender/blockback"
	"tender/image"
	"tender/netback"
)

// Attachment is a device of the manifest with what the host gives for it:
// either Net or Block.
type Attachment struct {
	// Handle is the device's index in the manifest, 1..63.
	Handle int
	Name   string
	Net    netback.Device
	Block  blockback.Device
}

// Attach matches the devices of c with the manifest of its image. It returns
// the attachments by ascending handle, and the manifest entries as the guest
// shall see them, but for Backend. It fails with *MissingDevicesError or
// *UndeclaredDeviceError unless both match.
func (c *Config) Attach() ([]Attachment, []abi.ManifestEntry, error) {
	manifest := c.Image.Manifest
	if err := c.undeclared(); err != nil {
		return nil, nil, err
	}
	entries := manifest.Entries()
	var attached []Attachment
	var missing []image.Device
	for i, d := range manifest {
		a := Attachment{Handle: i + 1, Name: d.Name}
		entry := &entries[a.Handle]
		var err error
		switch d.Type {
		case abi.DeviceNet:
			if a.Net = c.Net[d.Name]; a.Net != nil {
				err = describeNet(a.Net, entry)
			}
		case abi.DeviceBlock:
			if a.Block = c.Block[d.Name]; a.Block != nil {
				err = describeBlock(a.Block, entry)
			}
		default: // of a reserved type
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: device '%s': %w", c.Image.Name, d.Name, err)
		}
		if a.Net == nil && a.Block == nil {
			missing = append(missing, d)
			continue
		}
		entry.Attached = 1
		attached = append(attached, a)
	}
	if len(missing) > 0 {
		return nil, nil, &MissingDevicesError{Guest: c.Image.Name, Devices: missing}
	}
	return attached, entries, nil
}

// undeclared looks for a device the manifest lacks, the first by name.
func (c *Config) undeclared() error {
	var found []UndeclaredDeviceError
	for name := range c.Net {
		if _, ok := c.Image.Manifest.Handle(name, abi.DeviceNet); !ok {
			found = append(found, UndeclaredDeviceError{c.Image.Name, name, abi.DeviceNet})
		}
	}
	for name := range c.Block {
		if _, ok := c.Image.Manifest.Handle(name, abi.DeviceBlock); !ok {
			found = append(found, UndeclaredDeviceError{c.Image.Name, name, abi.DeviceBlock})
		}
	}
	if len(found) == 0 {
		return nil
	}
	first := slices.MinFunc(found, func(a, b UndeclaredDeviceError) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type))
	})
	return &first
}

// describeNet fills the entry's abi.NetInfo.
func describeNet(dev netback.Device, e *abi.ManifestEntry) error {
	mtu, mac := dev.MTU(), dev.MAC()
	if mtu < 1 || mtu > math.MaxUint16 {
		return fmt.Errorf("MTU %d is not in 1..%d", mtu, math.MaxUint16)
	}
	info := e.Info[:]
	clear(info)
	copy(info, mac[:])
	binary.LittleEndian.PutUint16(info[6:], uint16(mtu))
	return nil
}

// describeBlock fills the entry's abi.BlockInfo.
func describeBlock(dev blockback.Device, e *abi.ManifestEntry) error {
	size, capacity := dev.BlockBytes(), dev.CapacityBytes()
	if size < 512 || size > 32768 || size&(size-1) != 0 {
		return fmt.Errorf("block size %d is not a power of two in 512..32768", size)
	}
	if capacity < uint64(size) || capacity%uint64(size) != 0 {
		return fmt.Errorf("capacity of %d bytes is not a multiple of its block size of %d, or 0", capacity, size)
	}
	info := e.Info[:]
	clear(info)
	binary.LittleEndian.PutUint64(info, capacity)
	binary.LittleEndian.PutUint16(info[8:], uint16(size))
	return nil
}
