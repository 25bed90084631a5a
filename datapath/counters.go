package datapath

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Drop is why a frame did not get to the other side.
type Drop int

// The reasons; the first ones are of receiving, from the network to the guest.
const (
	// ReceiveFailed is a read that the host refused.
	ReceiveFailed Drop = iota
	// ReceiveTooLong is a frame that may have been longer than what the guest takes.
	ReceiveTooLong
	// ReceiveNoRoom is a frame for which the guest had too few chunks.
	ReceiveNoRoom
	// ReceiveBadRoom is no frame, but an entry of a fill ring that names no
	// memory of a chunk, or too little.
	ReceiveBadRoom
	// SendBadDescriptor is a frame that is not in the memory of chunks, or has no
	// end.
	SendBadDescriptor
	// SendInvalid is a frame that is none to the host: too short, for one.
	SendInvalid
	// SendFull is a frame for a queue that was full.
	SendFull
	// SendDown is a frame for an interface that was down.
	SendDown
	// SendGone is a frame for a device that does not exist any more.
	SendGone
	// SendFailed is a frame that the host refused for another reason.
	SendFailed

	// Drops is the number of reasons.
	Drops
)

var dropNames = [Drops]string{"failed", "too_long", "no_room", "bad_room", "bad_descriptor", "invalid", "full", "down", "gone", "failed"}

// String is the reason, a word.
func (d Drop) String() string { return dropNames[d] }

// Sending says that the reason is one of frames from the guest.
func (d Drop) Sending() bool { return d >= SendBadDescriptor }

// Counters are of one device, seen from the host: received is from the network
// to the guest. They may be read at any time.
//
// A frame that the guest has given to send is counted once, as sent or with a
// reason; so is one that was read from the device.
type Counters struct {
	Received, ReceivedBytes atomic.Uint64
	Sent, SentBytes         atomic.Uint64
	dropped                 [Drops]atomic.Uint64
}

// Dropped is how many frames were, for a reason.
func (c *Counters) Dropped(d Drop) uint64 { return c.dropped[d].Load() }

// NotSent is the number of frames of the guest that were dropped.
func (c *Counters) NotSent() (n uint64) {
	for d := range Drops {
		if d.Sending() {
			n += c.Dropped(d)
		}
	}
	return n
}

// sendDrop is the reason behind an errno of a write.
func sendDrop(errno unix.Errno) Drop {
	switch errno {
	case unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM:
		return SendFull
	case unix.EIO, unix.ENETDOWN:
		return SendDown
	case unix.EBADFD, unix.EBADF, unix.ENODEV, unix.ENXIO, unix.EPIPE, unix.ECONNRESET, unix.ENOTCONN:
		return SendGone
	case unix.EINVAL, unix.EMSGSIZE:
		return SendInvalid
	}
	return SendFailed
}
