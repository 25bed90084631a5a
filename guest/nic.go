package guest

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
)

// NIC is a network device of the manifest. Its methods may be called by
// several goroutines; none of the frame methods allocates.
type NIC struct {
	name   string
	file   *os.File
	fd     int
	handle uint64
	mac    [6]byte
	mtu    int
	rings  *rings // nil if the tender has none for the device
}

// OpenNIC opens the network device with this name in the manifest. The error
// wraps fs.ErrNotExist if there is none, and EBUSY if it is open already.
func OpenNIC(name string) (*NIC, error) { return openNIC(name) }

// Name is the device's name in the manifest.
func (n *NIC) Name() string { return n.name }

// MAC is the device's Ethernet address.
func (n *NIC) MAC() [6]byte { return n.mac }

// MTU is the largest payload of a frame in bytes: a frame may be
// abi.EtherHeaderSize longer.
func (n *NIC) MTU() int { return n.mtu }

// ReadFrame waits for a frame and stores it in p; a longer frame is cut off
// without notice, so p should hold MTU + abi.EtherHeaderSize bytes. The error
// is os.ErrDeadlineExceeded after the deadline of SetReadDeadline, and
// os.ErrClosed after Close.
func (n *NIC) ReadFrame(p []byte) (int, error) {
	if n.rings == nil {
		return n.file.Read(p)
	}
	for {
		if size, ok := n.rings.read(p); ok {
			return size, nil
		}
		var ready [8]byte
		if _, err := n.file.Read(ready[:]); err != nil {
			return 0, err
		}
	}
}

// TryReadFrame is ReadFrame that does not wait: ok is false if there is no
// frame now.
func (n *NIC) TryReadFrame(p []byte) (size int, ok bool, err error) {
	if n.rings != nil {
		if size, ok = n.rings.read(p); !ok {
			err = n.rings.gone()
		}
		return size, ok, err
	}
	size, err = syscall.Read(n.fd, p)
	switch err {
	case nil:
		return size, true, nil
	case syscall.EAGAIN:
		return 0, false, nil
	}
	return 0, false, fmt.Errorf("reading from network device %q: %w", n.name, err)
}

// ErrFull is the error of sending a frame where too many wait to be sent: it is
// lost, as with any device whose queue is full.
var ErrFull = errors.New("no room to send a frame")

// WriteFrame sends one frame, Ethernet header included. It fails with ErrFull, but
// frames that get lost in the host are no error.
func (n *NIC) WriteFrame(p []byte) error {
	if n.rings != nil {
		parts := [1][]byte{p}
		return n.rings.write(parts[:])
	}
	if _, err := syscall.Write(n.fd, p); err != nil && !noRoom(err) {
		return fmt.Errorf("writing %d bytes to network device %q: %w", len(p), n.name, err)
	}
	return nil
}

// WriteParts is WriteFrame of a frame in parts.
func (n *NIC) WriteParts(parts [][]byte) error {
	if n.rings != nil {
		return n.rings.write(parts)
	}
	return n.WriteFrame(slices.Concat(parts...))
}

// Offload has all frames begin with an abi.VNETHeader from now on, those that are
// read and those that are written: they may be TCP segments of up to
// abi.UMEMMaxFrame bytes, or without a checksum. ok is false if the tender or the
// host's device cannot have that, and all stays as it was. It is called before
// the first frame is read or written, and before NewPoller and NewPath.
func (n *NIC) Offload() (ok bool, err error) {
	if n.rings == nil {
		return false, nil
	}
	if ok, err = n.rings.offload(); err != nil {
		err = fmt.Errorf("network device %q: %w", n.name, err)
	}
	return ok, err
}

// SetReadDeadline makes ReadFrame give up at a time; the zero time means
// never.
func (n *NIC) SetReadDeadline(t time.Time) error { return n.file.SetReadDeadline(t) }

// Close ends reads that wait, with os.ErrClosed, and gives the device back: once
// it has returned, the device can be opened again.
func (n *NIC) Close() error {
	if n.rings != nil {
		n.rings.close()
	}
	return n.file.Close()
}
