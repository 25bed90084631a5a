package blockback

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// File is a device on a regular file or a block device of the host. It holds
// an advisory lock (flock) until it is closed: exclusive, or shared when it
// is read-only.
type File struct {
	file       *os.File
	capacity   int64
	blockBytes int
	readOnly   bool
}

var _ Device = (*File)(nil)

// OpenFile opens existing storage; it never creates or resizes any. Errors are
// one line that names the path and says how to mend the matter.
// Source: solo5-abi 5.1.
func OpenFile(path string, opts Options) (*File, error) {
	d, err := openFile(path, opts)
	if err != nil {
		return nil, fmt.Errorf("could not attach block device: %s: %w", path, err)
	}
	return d, nil
}

func openFile(path string, opts Options) (*File, error) {
	size := opts.BlockBytes
	if size == 0 {
		size = DefaultBlockBytes
	}
	if size < MinBlockBytes || size > MaxBlockBytes || size&(size-1) != 0 {
		return nil, fmt.Errorf("block size %d is not a power of two in %d..%d", size, MinBlockBytes, MaxBlockBytes)
	}
	mode := os.O_RDWR
	if opts.ReadOnly {
		mode = os.O_RDONLY
	}
	// O_NONBLOCK keeps the open of a FIFO from waiting for its other end.
	file, err := os.OpenFile(path, mode|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, openError(path, err)
	}
	d := &File{file: file, blockBytes: size, readOnly: opts.ReadOnly}
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
	switch err := unix.Flock(int(d.file.Fd()), lock|unix.LOCK_NB); err {
	case nil:
	case unix.EWOULDBLOCK:
		return fmt.Errorf("another process uses it: end that one (`lslocks` names it) or attach a copy: %w", err)
	default:
		return fmt.Errorf("locking it: %w", err)
	}
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
func (d *File) FD() int { return int(d.file.Fd()) }

// ReadAt implements Device. The error wraps unix.EINVAL for a range outside
// the capacity and io.ErrUnexpectedEOF when the file has shrunk.
func (d *File) ReadAt(p []byte, off int64) (int, error) {
	if err := d.checkRange(len(p), off); err != nil {
		return 0, err
	}
	n, err := d.file.ReadAt(p, off)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return n, fmt.Errorf("reading %d bytes at %d: %w", len(p), off, err)
	}
	return n, nil
}

// WriteAt implements Device. The error wraps unix.EINVAL for a range outside
// the capacity and unix.EROFS when the device is read-only.
func (d *File) WriteAt(p []byte, off int64) (int, error) {
	if d.readOnly {
		return 0, fmt.Errorf("writing %d bytes at %d: %w", len(p), off, unix.EROFS)
	}
	if err := d.checkRange(len(p), off); err != nil {
		return 0, err
	}
	n, err := d.file.WriteAt(p, off)
	if err != nil {
		return n, fmt.Errorf("writing %d bytes at %d: %w", len(p), off, err)
	}
	return n, nil
}

func (d *File) checkRange(n int, off int64) error {
	if off < 0 || off > d.capacity || int64(n) > d.capacity-off {
		return fmt.Errorf("range of %d bytes at %d is outside the %d bytes of the device: %w", n, off, d.capacity, unix.EINVAL)
	}
	return nil
}

// Close implements Device.
func (d *File) Close() error {
	if err := d.file.Close(); err != nil {
		return fmt.Errorf("closing a block device: %w", err)
	}
	return nil
}
