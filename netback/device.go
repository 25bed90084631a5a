// Package netback is the host side of a guest's network devices: an existing
// TAP interface, a file descriptor somebody else opened, or a pipe for tests.
//
// A frame is an Ethernet frame from the destination address to the end of
// the payload, without checksum and without any header of the host's. One
// read or write moves one frame. All descriptors are non-blocking and stay
// out of the Go poller, so that FD can be handed to poll, epoll or io_uring.
package netback

// DefaultMTU is the MTU of a device whose interface is not known.
const DefaultMTU = 1500

const (
	// maxMTU is what the guest's manifest can express.
	maxMTU = 1<<16 - 1
	// maxFrameBytes is a payload of maxMTU after an Ethernet header with two
	// VLAN tags. A TAP itself would pass frames of megabytes to the host.
	maxFrameBytes = 14 + 2*4 + maxMTU
)

// Device is the host side of one guest network device. It is used by one
// goroutine at a time, and no method but Close allocates. After Close, FD is
// -1 and frames fail with unix.EBADF.
type Device interface {
	// ReadFrame takes one frame and returns its length; what does not fit p
	// is cut off and lost. It fails with unix.EAGAIN, unwrapped, when no
	// frame waits or p is empty, with io.EOF when the other end of a socket
	// has closed, and with the unix.Errno of the host otherwise.
	ReadFrame(p []byte) (n int, err error)

	// WriteFrame sends p as one frame and keeps no reference to it. It fails
	// with unix.EAGAIN, unwrapped, when the queue is full, with unix.EMSGSIZE
	// for a frame of more than 64 KiB, and with the unix.Errno of the host
	// otherwise: unix.EINVAL for a frame shorter than an Ethernet header on a
	// TAP, for one. The MTU is not enforced. A frame for an interface that is
	// down is lost without an error, like one for an unplugged cable.
	WriteFrame(p []byte) error

	// FD is readable (POLLIN) while a frame waits. It stays the device's: the
	// caller neither closes it nor changes its flags. Poll reports POLLERR or
	// POLLHUP, for good, once the interface or the other end is gone.
	FD() int

	// MAC is the address the guest shall use.
	MAC() [6]byte

	// MTU is the largest payload in bytes, Ethernet header not counted, at
	// the time the device was opened; at most 65535.
	MTU() int

	// Close releases the device. A second Close is an error and touches no
	// descriptor.
	Close() error
}

// Offloader is a Device whose descriptor has a virtio network header before each
// frame: who reads and writes FD sees the headers, callers of ReadFrame and
// WriteFrame do not.
type Offloader interface {
	Device
	// HasHeader says whether there are headers, of 10 bytes. If not, there are
	// no offloads.
	HasHeader() bool
	// SetOffloads says whether the host may leave checksums and the cutting of
	// TCP segments to the reader. It may not at first. Source: TUNSETOFFLOAD.
	SetOffloads(on bool) error
}

// Options are the settings of a device that its interface does not give.
type Options struct {
	// MAC is the guest's unicast address; all zero means a random, locally
	// administered one.
	MAC [6]byte
	// Header asks for virtio network headers on a TAP, see Offloader.
	Header bool
	// LongQueue has a TAP's queue of frames for the guest hold 4096, if it has the
	// length that the kernel gives it; another is somebody's choice, and stays.
	LongQueue bool
}
