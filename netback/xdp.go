package netback

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Batcher is a Device that hands frames over in memory, so that many of them
// cost one system call or none: ReadFrame makes none, and WriteFrame is QueueFrame
// and Flush.
type Batcher interface {
	Device
	// QueueFrame is WriteFrame, but the frame leaves with a later Flush, and one for
	// an interface that is known to be down fails with unix.EIO.
	QueueFrame(p []byte) error
	// Flush sends what is queued. It says whether frames are left that the host
	// had no room for: they leave with a later Flush.
	Flush() (left bool)
}

const (
	// xdpFrames is the size of each ring of an XDP device, and how many frames may
	// wait to be read: those of 16 ms at a million a second.
	xdpFrames = 16384
	// xdpSends is how many frames may be under way from it.
	xdpSends = 2048
	// xdpBatch is after how many frames the kernel is told of them.
	xdpBatch = 64
)

// XDP is a device on an Ethernet interface of the host that the guest has to
// itself: what arrives there goes to the guest and not to the host, through an
// AF_XDP socket. Source: Documentation/networking/af_xdp.rst of Linux.
type XDP struct {
	fd   int
	name string
	mac  [6]byte // the guest's
	own  [6]byte // the interface's
	mtu  int

	// umem is the memory of frames, in chunks of chunkBytes: xdpFrames that are
	// received to, and xdpSends that are sent from.
	umem       []byte
	chunkBytes uint64
	maps       [][]byte // the rings
	receive    xdpRing[unix.XDPDesc]
	fill       xdpRing[uint64]
	transmit   xdpRing[unix.XDPDesc]
	completion xdpRing[uint64]
	free       []uint64 // chunks that can be sent from
	// state is what the kernel said when it was last asked to send: 0, or ENETDOWN
	// while the interface is down, or ENXIO once it is gone.
	state unix.Errno

	// listener has the interface take frames for other addresses than its own. It
	// and the program's link end with the device.
	listener int
	link     io.Closer
}

var _ Batcher = (*XDP)(nil)

// ReadFrame implements Device.
func (x *XDP) ReadFrame(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, unix.EAGAIN
	}
	switch {
	case x.fd < 0:
		return 0, unix.EBADF
	case x.receive.waiting() > 0:
	case x.state == unix.ENXIO:
		return 0, unix.ENODEV
	default:
		x.giveBack()
		return 0, unix.EAGAIN
	}
	d := x.receive.take()
	n := copy(p, x.frame(d.Addr, d.Len))
	x.fill.put(d.Addr &^ (x.chunkBytes - 1))
	if x.receive.unshown() >= xdpBatch {
		x.giveBack()
	}
	return n, nil
}

// giveBack lets the kernel receive again to the chunks of frames that were read.
func (x *XDP) giveBack() {
	x.receive.publish()
	x.fill.publish()
}

// frame is memory that the kernel or QueueFrame has described.
func (x *XDP) frame(at uint64, n uint32) []byte { return x.umem[at : at+uint64(n)] }

// QueueFrame implements Batcher.
func (x *XDP) QueueFrame(p []byte) error {
	switch {
	case x.fd < 0:
		return unix.EBADF
	case len(p) < ethernetBytes:
		return unix.EINVAL
	case uint64(len(p)) > x.chunkBytes:
		return unix.EMSGSIZE
	}
	if len(x.free) == 0 || x.state != 0 {
		x.Flush()
	}
	switch {
	case x.state == unix.ENXIO:
		return unix.ENODEV
	case x.state != 0:
		return unix.EIO // as a TAP says it
	case len(x.free) == 0:
		return unix.EAGAIN
	}
	last := len(x.free) - 1
	at := x.free[last]
	x.free = x.free[:last]
	copy(x.umem[at:], p)
	x.transmit.put(unix.XDPDesc{Addr: at, Len: uint32(len(p))})
	return nil
}

// Flush implements Batcher. There are no more chunks than slots in a ring, so none
// can fill up. What was queued when the interface went down leaves when it
// is up again.
func (x *XDP) Flush() (left bool) {
	if x.fd < 0 || x.state == unix.ENXIO {
		return false
	}
	x.transmit.publish()
	used := x.transmit.used()
	for before := used + 1; used > 0 && used < before; {
		before = used
		if x.state = kick(x.fd); x.state != unix.ENETDOWN && x.state != unix.ENXIO {
			x.state = 0 // the kernel has sent some, or has no room for more
		}
		used = x.transmit.used()
	}
	for n := x.completion.waiting(); n > 0; n-- {
		x.free = append(x.free, x.completion.take())
	}
	x.completion.publish()
	return used > 0 && x.state == 0
}

// WriteFrame implements Device.
func (x *XDP) WriteFrame(p []byte) error {
	err := x.QueueFrame(p)
	if err == nil {
		x.Flush()
	} else if err == unix.EIO {
		err = nil
	}
	return err
}

// FD implements Device.
func (x *XDP) FD() int { return x.fd }

// MAC implements Device.
func (x *XDP) MAC() [6]byte { return x.mac }

// MTU implements Device.
func (x *XDP) MTU() int { return x.mtu }

// Name is the interface's name.
func (x *XDP) Name() string { return x.name }

// Close implements Device. The host has its interface back.
func (x *XDP) Close() error {
	if x.fd < 0 {
		return os.ErrClosed
	}
	var errs []error
	if x.link != nil {
		errs = append(errs, x.link.Close())
	}
	if x.listener >= 0 {
		errs = append(errs, unix.Close(x.listener))
	}
	errs = append(errs, closeOnce(x.fd))
	x.fd, x.listener, x.link = -1, -1, nil
	for _, m := range append(x.maps, x.umem) {
		if m != nil {
			errs = append(errs, unix.Munmap(m))
		}
	}
	return errors.Join(errs...)
}
