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
	// SocketPath opens a fresh descriptor for a socket. The kernel knows only
	// that it is in use and what readiness it is told of (IoctlSocketReady).
	SocketPath = "/dev/socket"
	// SocketsPath opens the queue of system calls on sockets that were made
	// past the socket layer, by raw SYSCALL instructions, and have reached
	// the kernel: socket, socketpair, the calls that take a socket, and read,
	// write, readv, writev, close, dup, dup2, dup3, ioctl and fcntl (F_GETFD
	// and F_SETFD excepted) of a SocketPath descriptor. A read gives one
	// SocketCall, or EAGAIN; the calling thread is suspended until
	// IoctlSocketReply. One at a time can have it open: EBUSY. When it is
	// closed, the calls that wait end with ENETDOWN. While it is not open,
	// socket and socketpair give EAFNOSUPPORT and calls on sockets ENOTSOCK.
	SocketsPath = "/dev/sockets"

	// IoctlDeviceInfo fills a DeviceInfo for a network or block device.
	IoctlDeviceInfo = 0x5401_0001
	// IoctlPollSet sets the handles a poll set waits for: the argument is
	// the set itself.
	IoctlPollSet = 0x5401_0002
	// IoctlDeviceName fills in a DeviceName for the handle in it, on a poll
	// set; ENOENT for one that is not in the manifest, or not attached.
	IoctlDeviceName = 0x5401_0008
	// IoctlUMEM fills in a UMEMArea, on a network device.
	IoctlUMEM = 0x5401_0009
	// IoctlDoorbell wakes the tender, on a network device.
	IoctlDoorbell = 0x5401_000a
	// IoctlSocketReady tells of edges on a socket: the argument is a set of
	// EPOLL events that hold from now on. Each registration with epoll reports
	// them once; one that is made later reports all that the socket was ever
	// told of, so what is reported may be out of date, but nothing is lost.
	IoctlSocketReady = 0x5401_0003
	// IoctlSocketReply answers a SocketCall: the argument is a *SocketReply.
	// EINVAL if no call with this ID waits.
	IoctlSocketReply = 0x5401_0004
	// IoctlSocketClose closes the descriptor of a socket without handing the
	// call up.
	IoctlSocketClose = 0x5401_0005
	// IoctlSocketDup gives another descriptor for a socket, close-on-exec: the
	// lowest that is free and not below the argument. Both share readiness.
	IoctlSocketDup = 0x5401_0006
	// IoctlSocketDupTo is IoctlSocketDup to the descriptor that the argument
	// names; if that is open it is closed, without handing the call up.
	IoctlSocketDupTo = 0x5401_0007
)

// DeviceInfo is what IoctlDeviceInfo fills in.
type DeviceInfo struct {
	Handle uint64
	// Info is BlockInfo or NetInfo.
	Info [16]byte
}

// DeviceName is the argument of IoctlDeviceName.
type DeviceName struct {
	Handle uint32
	Type   DeviceType
	// Name ends with a NUL.
	Name [MaxNameLen + 1]byte
}

// UMEMArea is where the UMEM is; Bytes is 0 if there is none. With a UMEM, a
// read of a network device gives the u64 1 when its receive ring holds frames,
// or when there are chunks to have back that the tender needs to receive more,
// and EAGAIN otherwise; it gives EIO once the device has failed. Frames cannot be
// written.
type UMEMArea struct{ Address, Bytes uint64 }

// SocketCall is a system call that is handed up: 64 bytes.
type SocketCall struct {
	ID     uint64 // for the reply
	Number uint64 // Linux x86-64
	Args   [6]uint64
}

// SocketReply is the argument of IoctlSocketReply.
type SocketReply struct {
	ID     uint64
	Result int64 // as Linux returns it: negative is an errno
}
