// Package blockback is the host side of a guest's block devices.
package blockback

// Device is the host side of one guest block device. ReadAt and WriteAt may be
// called by several goroutines at once; Close may not run with another call.
type Device interface {
	// ReadAt fills p from the byte offset off, wholly or with an error. The
	// range lies within the capacity; alignment is not required.
	ReadAt(p []byte, off int64) (int, error)
	// WriteAt stores p at the byte offset off, wholly or with an error. The
	// range lies within the capacity; alignment is not required.
	WriteAt(p []byte, off int64) (int, error)
	// CapacityBytes is the size, a multiple of BlockBytes, at the time the
	// device was opened.
	CapacityBytes() uint64
	// BlockBytes is the block size told to the guest: a power of two in
	// 512..32768.
	BlockBytes() int
	// FD is the descriptor of the storage, for a guest that makes its own
	// system calls, or -1 if there is none. It stays the device's: the caller
	// neither closes it nor changes its flags.
	FD() int
	// Close puts what was written on stable storage and releases the device.
	// An error may mean that writes are lost. A second Close is an error.
	Close() error
}

// Block sizes. Source: solo5-abi 5.1.
const (
	MinBlockBytes     = 512
	MaxBlockBytes     = 32768
	DefaultBlockBytes = MinBlockBytes
)

// Options are the settings of a device that its storage does not give.
type Options struct {
	// BlockBytes is the block size; 0 means DefaultBlockBytes.
	BlockBytes int
	// ReadOnly opens the storage for reading, shared with other readers.
	// Writes give unix.EROFS.
	ReadOnly bool
	// Sync is when writes reach stable storage.
	Sync Sync
}

// Sync is what a completed write means.
type Sync int

const (
	// SyncNone: the host's kernel has the data. It outlives the tender, and
	// reaches stable storage at Close or when the kernel chooses to.
	SyncNone Sync = iota
	// SyncData: the data is on stable storage (O_DSYNC), and outlives a crash
	// of the host.
	SyncData
)
