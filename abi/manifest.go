package abi

// Limits of the manifest.
const (
	// ManifestVersion is the only manifest version.
	ManifestVersion = 1
	// ManifestMaxEntries counts entry 0, which is reserved.
	ManifestMaxEntries = 64
	// MaxDevices is the number of devices a manifest can declare.
	MaxDevices = ManifestMaxEntries - 1
	// MaxNameLen is the longest device name, without its NUL.
	MaxNameLen = 67
)

// DeviceType is the type of a manifest entry.
type DeviceType uint32

// Device types. Types from DeviceReserved up are not attached.
const (
	DeviceBlock    DeviceType = 1
	DeviceNet      DeviceType = 2
	DeviceReserved DeviceType = 0x40000000
)

// ManifestHeader precedes the entries.
type ManifestHeader struct {
	Version uint32
	Entries uint32
}

// ManifestEntry is one device; its index in the manifest is its handle.
// Info is BlockInfo or NetInfo by Type. A file has zero in Info, Backend and
// Attached; the tender fills them in the copy it gives to the guest.
type ManifestEntry struct {
	Name     [MaxNameLen + 1]byte
	Type     DeviceType
	Info     [16]byte
	Backend  uint64
	Attached uint8
	_        [7]byte
}

// BlockInfo is ManifestEntry.Info of a block device.
type BlockInfo struct {
	CapacityBytes uint64
	BlockBytes    uint16
	_             [6]byte
}

// NetInfo is ManifestEntry.Info of a network device.
type NetInfo struct {
	MAC [6]byte
	// MTU excludes the Ethernet header.
	MTU uint16
	_   [8]byte
}

// EtherHeaderSize is what a frame may exceed the MTU by.
const EtherHeaderSize = 14
