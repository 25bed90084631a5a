package image

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"

	"tender/abi"
)

// Manifest is the devices an image declares, without the reserved entry 0:
// the handle of a device is its index plus 1.
type Manifest []Device

// Device is one declared device.
type Device struct {
	// Name is 1 to 67 ASCII letters and digits.
	Name string
	Type abi.DeviceType
	// PresetMAC, if not zero, is the address the image asks for. It is of
	// network devices only.
	PresetMAC [6]byte
	// PresetBlockBytes, if not zero, is the block size the image asks for, a
	// power of two. It is of block devices only.
	PresetBlockBytes uint16
}

// Check says whether every device can be attached: at most 63, valid names,
// known types, and no two of the same type and name. A device of a reserved
// type is never attached and so not checked further.
func (m Manifest) Check() error {
	if len(m) > abi.MaxDevices {
		return fmt.Errorf("Solo5 manifest is invalid: %d devices: too many entries, maximum %d", len(m), abi.MaxDevices)
	}
	type key struct {
		name string
		t    abi.DeviceType
	}
	seen := make(map[key]bool, len(m))
	for i, d := range m {
		if d.Type >= abi.DeviceReserved {
			continue
		}
		if err := d.check(); err != nil {
			return fmt.Errorf("Solo5 manifest is invalid: device %d: %w; correct manifest.json and build the image again", i+1, err)
		}
		k := key{d.Name, d.Type}
		if seen[k] {
			return fmt.Errorf("Solo5 manifest is invalid: device %d: %q is declared twice, so one could never be attached; rename it in manifest.json and build the image again", i+1, d.Name)
		}
		seen[k] = true
	}
	return nil
}

func (d Device) check() error {
	if err := checkName(d.Name); err != nil {
		return err
	}
	if d.Type != abi.DeviceNet && d.Type != abi.DeviceBlock {
		return fmt.Errorf("%q has type %d, which is neither NET_BASIC nor BLOCK_BASIC", d.Name, d.Type)
	}
	if d.Type == abi.DeviceBlock && d.PresetBlockBytes != 0 && bits.OnesCount16(d.PresetBlockBytes) != 1 {
		return fmt.Errorf("%q has a block size of %d bytes, not a power of two", d.Name, d.PresetBlockBytes)
	}
	return nil
}

func checkName(name string) error {
	if name == "" {
		return fmt.Errorf("the name is empty, not 1 to %d letters and digits", abi.MaxNameLen)
	}
	if len(name) > abi.MaxNameLen {
		return fmt.Errorf("the name has %d characters, not 1 to %d", len(name), abi.MaxNameLen)
	}
	for _, c := range []byte(name) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return fmt.Errorf("the name %q is not only ASCII letters and digits", name)
		}
	}
	return nil
}

// Handle finds a device by name and type.
func (m Manifest) Handle(name string, t abi.DeviceType) (int, bool) {
	for i, d := range m {
		if d.Name == name && d.Type == t {
			return i + 1, true
		}
	}
	return 0, false
}

// Entries are the entries of the binary manifest, the reserved one first, as
// an image file has them: not attached. The manifest must pass Check.
func (m Manifest) Entries() []abi.ManifestEntry {
	entries := make([]abi.ManifestEntry, 1, 1+len(m))
	entries[0].Type = abi.DeviceReserved
	for _, d := range m {
		e := abi.ManifestEntry{Type: d.Type}
		copy(e.Name[:abi.MaxNameLen], d.Name)
		switch d.Type {
		case abi.DeviceNet:
			copy(e.Info[:], appendStruct(nil, abi.NetInfo{MAC: d.PresetMAC}))
		case abi.DeviceBlock:
			copy(e.Info[:], appendStruct(nil, abi.BlockInfo{BlockBytes: d.PresetBlockBytes}))
		}
		entries = append(entries, e)
	}
	return entries
}

// Binary is the manifest as it lies in guest memory and, after the padding,
// in the note: header and entries. The manifest must pass Check.
func (m Manifest) Binary() []byte { return EncodeManifest(m.Entries()) }

// EncodeManifest is the binary form of a manifest with the given entries,
// the reserved one included.
func EncodeManifest(entries []abi.ManifestEntry) []byte {
	h := abi.ManifestHeader{Version: abi.ManifestVersion, Entries: uint32(len(entries))}
	return appendStruct(appendStruct(nil, h), entries)
}

// ParseManifest reads the binary form of a manifest and applies the rules of
// the contract and those of Check.
func ParseManifest(data []byte) (Manifest, error) {
	invalid := func(format string, args ...any) (Manifest, error) {
		return nil, fmt.Errorf("Solo5 manifest is invalid: "+format+"; build the image again", args...)
	}
	var h abi.ManifestHeader
	n, err := binary.Decode(data, binary.LittleEndian, &h)
	if err != nil {
		return invalid("%d bytes are fewer than its header", len(data))
	}
	if h.Version != abi.ManifestVersion {
		return invalid("its version is %d, not %d", h.Version, abi.ManifestVersion)
	}
	if h.Entries < 1 || h.Entries > abi.ManifestMaxEntries {
		return invalid("it has %d entries, not 1 to %d", h.Entries, abi.ManifestMaxEntries)
	}
	entries := make([]abi.ManifestEntry, h.Entries)
	if size := n + binary.Size(entries); len(data) != size {
		return invalid("%d entries make %d bytes, not %d", h.Entries, size, len(data))
	}
	if _, err := binary.Decode(data[n:], binary.LittleEndian, entries); err != nil {
		return invalid("%w", err)
	}
	if entries[0].Type != abi.DeviceReserved || entries[0].Name[0] != 0 {
		return invalid("entry 0 is not reserved and nameless")
	}
	m := make(Manifest, 0, abi.MaxDevices)
	for i, e := range entries {
		name, _, terminated := bytes.Cut(e.Name[:], []byte{0})
		if !terminated || e.Name[abi.MaxNameLen] != 0 {
			return invalid("the name of entry %d is not terminated", i)
		}
		if e.Attached != 0 {
			return invalid("entry %d is attached already", i)
		}
		if i > 0 {
			m = append(m, device(string(name), &e))
		}
	}
	if err := m.Check(); err != nil {
		return nil, err
	}
	return m, nil
}

func device(name string, e *abi.ManifestEntry) Device {
	d := Device{Name: name, Type: e.Type}
	switch e.Type {
	case abi.DeviceNet:
		d.PresetMAC = [6]byte(e.Info[:6])
	case abi.DeviceBlock:
		d.PresetBlockBytes = binary.LittleEndian.Uint16(e.Info[8:])
	}
	return d
}
