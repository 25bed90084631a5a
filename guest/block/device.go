package block

import (
	"errors"
	"fmt"
	"io"
)

// Device is a block device. *guest.Block is one.
type Device interface {
	// ReadAt and WriteAt transfer whole blocks, with offsets and lengths that
	// are multiples of BlockBytes.
	io.ReaderAt
	io.WriterAt
	// CapacityBytes is the size, of which blocks at the end that are not
	// whole are of no use.
	CapacityBytes() int64
	// BlockBytes is a power of two in 512..32768.
	BlockBytes() int
}

// Block sizes of the Solo5 contract.
const (
	minBlockBytes = 512
	maxBlockBytes = 32768
)

func validBlockBytes(n int64) bool {
	return n >= minBlockBytes && n <= maxBlockBytes && n&(n-1) == 0
}

// sizes reads and checks the sizes of a device.
func sizes(d Device) (block, capacity int64, err error) {
	block, capacity = int64(d.BlockBytes()), d.CapacityBytes()
	if !validBlockBytes(block) || capacity < block {
		return 0, 0, fmt.Errorf("no usable block device: %d bytes in blocks of %d", capacity, block)
	}
	return block, capacity - capacity%block, nil
}

// readFull is d.ReadAt for ranges within the capacity.
func readFull(d Device, p []byte, off int64) error {
	n, err := d.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// writeFull is d.WriteAt, of which an error says how much was written.
func writeFull(d Device, p []byte, off int64) (int, error) {
	n, err := d.WriteAt(p, off)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return n, err
}
