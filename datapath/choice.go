package datapath

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/netback"
)

const (
	// minRoom is the least room of a chunk to receive into: no frame is shorter,
	// nor is a header.
	minRoom = 64
	// maxVectors is the most pieces of a round: those of frames to send with a header
	// each, and those of large frames that are read.
	maxVectors = maxBatch + maxParts + maxScatter*abi.UMEMMaxChain
)

// choice is what the guest has chosen of a port's features, and what it takes to
// have it so.
type choice struct {
	shared  *abi.UMEMPort
	dev     netback.Offloader // nil for a device without headers
	offered uint32
	has     uint32

	// header is the size of the device's headers. Of these, the guest does not
	// see skip bytes, and writes prefix.
	header, skip, prefix int
	// buffers are what frames of several chunks are read to. Those that no long
	// frame comes to are memory in name only.
	buffers []byte
	// bounce is a frame that is put together, for writes without io_uring.
	bounce []byte
	// vectors are of a round's frames in pieces, used of them in use.
	vectors []unix.Iovec
	used    int
}

// noHeader is one that says nothing.
var noHeader [abi.VNETHeaderBytes]byte

func newChoice(u *UMEM, i int, dev netback.Device) choice {
	c := choice{shared: u.port(i), offered: abi.UMEMChains}
	if o, ok := dev.(netback.Offloader); ok && o.HasHeader() {
		c.dev, c.header, c.skip = o, abi.VNETHeaderBytes, abi.VNETHeaderBytes
		c.offered |= abi.UMEMOffloads
		c.bounce = make([]byte, abi.UMEMMaxFrame+abi.VNETHeaderBytes)
		c.vectors = make([]unix.Iovec, maxVectors)
	}
	atomic.StoreUint32(&c.shared.Offers, c.offered)
	return c
}

// wanted is what the guest wants of what it is offered.
func (c *choice) wanted() uint32 {
	w := atomic.LoadUint32(&c.shared.Wants) & c.offered
	if w&abi.UMEMChains == 0 {
		return 0
	}
	return w
}

// pending says that the guest has chosen anew.
func (c *choice) pending() bool { return c.wanted() != c.has }

func (c *choice) chains() bool { return c.has&abi.UMEMChains != 0 }

// follow does what the guest wants. Nothing is under way.
func (c *choice) follow() {
	w := c.wanted()
	if c.dev != nil && (w^c.has)&abi.UMEMOffloads != 0 {
		if err := c.dev.SetOffloads(w&abi.UMEMOffloads != 0); err != nil {
			c.offered &^= abi.UMEMOffloads
			w &= c.offered
			atomic.StoreUint32(&c.shared.Offers, c.offered)
		}
	}
	c.skip, c.prefix = c.header, 0
	if w&abi.UMEMOffloads != 0 {
		c.skip, c.prefix = 0, c.header
	}
	if w&abi.UMEMChains != 0 && c.buffers == nil {
		c.buffers = make([]byte, maxBatch*abi.UMEMMaxFrame)
		if c.bounce == nil {
			c.bounce = make([]byte, abi.UMEMMaxFrame)
			c.vectors = make([]unix.Iovec, maxVectors)
		}
	}
	c.has = w
	atomic.StoreUint32(&c.shared.Has, w)
}

// buffer is what the i-th frame of a round is read to, with chains.
func (c *choice) buffer(i int) []byte { return c.buffers[i*abi.UMEMMaxFrame : (i+1)*abi.UMEMMaxFrame] }

// padded says that the guest's frames have to get a header.
func (c *choice) padded() bool { return c.header > c.prefix }

// whole is a frame as it is written, if it lies in one piece; else nil. A frame that
// has to get a header gets it where it is, if its chunk has room.
func (c *choice) whole(u *UMEM, parts []abi.UMEMDesc) []byte {
	if len(parts) > 1 {
		return nil
	}
	d := parts[0]
	if !c.padded() {
		return u.bytes(d)
	}
	if (uint64(d.Offset())-u.layout.first)%abi.UMEMChunkBytes < uint64(c.header) || int(d.Len())+c.header > 1<<16-1 {
		return nil
	}
	p := u.bytes(abi.NewUMEMDesc(d.Offset()-uint32(c.header), d.Len()+uint16(c.header)))
	copy(p, noHeader[:])
	return p
}

// gather describes a frame in pieces, or chunks that one is read to.
func (c *choice) gather(u *UMEM, parts []abi.UMEMDesc) []unix.Iovec {
	start := c.used
	if c.padded() {
		c.vector(noHeader[:])
	}
	for _, d := range parts {
		c.vector(u.bytes(d))
	}
	return c.vectors[start:c.used]
}

func (c *choice) vector(p []byte) {
	v := &c.vectors[c.used]
	v.Base = &p[0]
	v.SetLen(len(p))
	c.used++
}

// join copies a frame in pieces together.
func (c *choice) join(u *UMEM, parts []abi.UMEMDesc) []byte {
	n := 0
	if c.padded() {
		n = copy(c.bounce, noHeader[:])
	}
	for _, d := range parts {
		n += copy(c.bounce[n:], u.bytes(d))
	}
	return c.bounce[:n]
}
