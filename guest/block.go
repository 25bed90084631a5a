package guest

import (
	"io"

	"tender/abi"
)

// Block is a block device of the manifest. Its methods may be called by
// several goroutines.
type Block struct {
	file blockFile
	info abi.BlockInfo
}

// OpenBlock opens the block device with this name in the manifest, with the
// errors of OpenNIC.
func OpenBlock(name string) (*Block, error) { return openBlock(name) }

// blockFile is what stores blocks, with the errors of Block.
type blockFile interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
}

// CapacityBytes is the size of the device.
func (b *Block) CapacityBytes() int64 { return int64(b.info.CapacityBytes) }

// BlockBytes is the size of a block. Offsets and lengths are multiples of it.
func (b *Block) BlockBytes() int { return int(b.info.BlockBytes) }

// ReadAt reads whole blocks; io.EOF at the end of the device. An offset or a
// length that is no multiple of BlockBytes gives EINVAL, a failure of the
// host's device EIO.
func (b *Block) ReadAt(p []byte, off int64) (int, error) { return b.file.ReadAt(p, off) }

// WriteAt writes whole blocks, with the errors of ReadAt; a range that goes
// beyond the end gives ENOSPC, and nothing is written. A device that the host
// attaches read-only gives EIO. Package guest/block tells what a write that has
// returned outlives.
func (b *Block) WriteAt(p []byte, off int64) (int, error) { return b.file.WriteAt(p, off) }

// Close gives the device back.
func (b *Block) Close() error { return b.file.Close() }
