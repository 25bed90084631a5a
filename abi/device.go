package abi

// Devices as the guest kernel shows them to the program in the same image:
// character files that open, read, write, poll and close. This is a contract
// between the two halves of the guest only; no tender sees it.
const (
	// NetPath + NAME opens a network device: one frame per read or write.
	NetPath = "/dev/net/"
	// BlockPath + NAME opens a block device: pread and pwrite of whole blocks.
	BlockPath = "/dev/block/"
	// PollPath opens a poll set: readable while a device of its set is; a
	// read gives the u64 set of readable handles.
	PollPath = "/dev/poll"

	// IoctlDeviceInfo fills a DeviceInfo for a network or block device.
	IoctlDeviceInfo = 0x5401_0001
	// IoctlPollSet sets the handles a poll set waits for: the argument is
	// the set itself.
	IoctlPollSet = 0x5401_0002
)

// DeviceInfo is what IoctlDeviceInfo fills in.
type DeviceInfo struct {
	Handle uint64
	// Info is BlockInfo or NetInfo.
	Info [16]byte
}
