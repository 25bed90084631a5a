package blockback

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// File is a device on a regular file or a block device of the host. It holds
// an advisory lock (flock) until it is closed: exclusive, or shared when it
// is read-only. A block device that is written to is claimed (O_EXCL) besides,
// which keeps off mounts and other names of it.
//
// Once it is open, its system calls are pread64, pwrite64, fstat, fdatasync
// and close, all on its one descriptor.
type File struct {
	file       *os.File
	fd         int
	capacity   int64
	blockBytes int
	readOnly   bool
	regular    bool // it can shrink, and lose its name
	named      bool // it had a name when it was opened
	closed     bool
}

var _ Device = (*File)(nil)

// patience is how long storage may be in use by another. A guest that has just
// been killed keeps its own until its memory is freed, and udev looks into
// block devices that are new.
const patience = 500 * time.Millisecond

// OpenFile opens existing storage; it never creates or resizes any. Errors are
// one line that names the path and says how to mend the matter.
// Source: solo5-abi 5.1.
func OpenFile(path string, opts Options) (*File, error) {
	deadline := time.Now().Add(patience)
	for {
		d, err := openFile(path, opts)
		switch {
		case err == nil:
			return d, nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EBUSY) || time.Now().After(deadline):
			return nil, fmt.Errorf("could not attach block device: %s: %w", path, err)
		}
		time.Sleep(patience / 50)
	}
}

func openFile(path string, opts Options) (*File, error) {
	size := opts.BlockBytes
	if size == 0 {
		size = DefaultBlockBytes
	}
	if size < MinBlockBytes || size > MaxBlockBytes || size&(size-1) != 0 {
		return nil, fmt.Errorf("block size %d is not a power of two in %d..%d", size, MinBlockBytes, MaxBlockBytes)
	}
	// O_NONBLOCK keeps the open of a FIFO from waiting for its other end.
	mode := os.O_RDWR | unix.O_EXCL | unix.O_NONBLOCK
	switch {
	case opts.ReadOnly:
		mode = os.O_RDONLY | unix.O_NONBLOCK
	case opts.Sync == SyncData:
		mode |= unix.O_DSYNC
	}
	file, err := os.OpenFile(path, mode, 0)
	if err != nil {
		return nil, openError(path, err)
	}
	d := &File{file: file, fd: int(file.Fd()), blockBytes: size, readOnly: opts.ReadOnly}
	if err := d.claim(); err != nil {
		file.Close()
		return nil, err
	}
	return d, nil
}

// openError replaces the words of *fs.PathError, which repeats the path.
func openError(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no such file: make one with `truncate -s 64M %s`: %w", path, unix.ENOENT)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("no permission to open it: run as its owner or attach it read-only: %w", unix.EACCES)
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("the host or another guest uses it: unmount it (`lsblk` shows where), end that guest or attach it read-only: %w", unix.EBUSY)
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("it cannot be written: attach it read-only: %w", unix.EROFS)
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return fmt.Errorf("opening it: %w", err)
}

// claim checks the kind of the open file, locks it and takes its size.
func (d *File) claim() error {
	info, err := d.file.Stat()
	if err != nil {
		return fmt.Errorf("examining it: %w", err)
	}
	kind := info.Mode().Type()
	if kind != 0 && (kind&fs.ModeDevice == 0 || kind&fs.ModeCharDevice != 0) {
		return fmt.Errorf("it is neither a regular file nor a block device (%s)", info.Mode())
	}
	lock := unix.LOCK_EX
	if d.readOnly {
		lock = unix.LOCK_SH
	}
	switch err := unix.Flock(d.fd, lock|unix.LOCK_NB); err {
	case nil:
	case unix.EWOULDBLOCK:
		return fmt.Errorf("it is in use, as another device of this guest or by another process: end that one (`lslocks` names it) or attach a copy: %w", err)
	default:
		return fmt.Errorf("locking it: %w", err)
	}
	st, err := d.stat()
	if err != nil {
		return err
	}
	d.regular, d.named = kind == 0, st.Nlink > 0
	d.capacity, err = d.file.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("taking its size: %w", err)
	}
	switch {
	case d.capacity%int64(d.blockBytes) != 0:
		return fmt.Errorf("backing storage size must be block aligned (%d bytes), it is %d: round it up with `truncate -s %%%[1]d %[3]s` or choose smaller blocks", d.blockBytes, d.capacity, d.file.Name())
	case d.capacity == 0:
		return fmt.Errorf("backing storage must be at least 1 block (%d bytes), it is empty: give it a size with `truncate -s 64M %s`", d.blockBytes, d.file.Name())
	}
	return nil
}

// CapacityBytes implements Device.
func (d *File) CapacityBytes() uint64 { return uint64(d.capacity) }

// BlockBytes implements Device.
func (d *File) BlockBytes() int { return d.blockBytes }

// FD implements Device.
func (d *File) FD() int { return d.fd }

// Close implements Device. It also fails when the file has been shrunk or
// deleted while in use.
func (d *File) Close() error {
	var err error
	if !d.readOnly && !d.closed {
		err = d.settle()
	}
	d.closed = true
	if e := d.file.Close(); e != nil {
		err = errors.Join(err, fmt.Errorf("closing %s: %w", d.file.Name(), e))
	}
	return err
}
