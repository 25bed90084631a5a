package blockback

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

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
// the capacity, unix.EROFS when the device is read-only, and unix.EIO when
// the file has shrunk: a write would make it grow again, and hide from reads
// what it has lost.
func (d *File) WriteAt(p []byte, off int64) (int, error) {
	if d.readOnly {
		return 0, fmt.Errorf("writing %d bytes at %d: %w", len(p), off, unix.EROFS)
	}
	if err := d.checkRange(len(p), off); err != nil {
		return 0, err
	}
	if d.regular {
		if _, err := d.intact(); err != nil {
			return 0, err
		}
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

// intact fails if a regular file has shrunk.
func (d *File) intact() (unix.Stat_t, error) {
	st, err := d.stat()
	if err == nil && st.Size < d.capacity {
		err = fmt.Errorf("%s has shrunk from %d to %d bytes while in use, what was behind is lost: restore it from a copy: %w", d.file.Name(), d.capacity, st.Size, unix.EIO)
	}
	return st, err
}

func (d *File) stat() (unix.Stat_t, error) {
	var st unix.Stat_t
	if err := unix.Fstat(d.fd, &st); err != nil {
		return st, fmt.Errorf("examining %s: %w", d.file.Name(), err)
	}
	return st, nil
}

// settle puts all writes on stable storage, and fails if some are lost.
func (d *File) settle() error {
	err := unix.Fdatasync(d.fd)
	for err == unix.EINTR {
		err = unix.Fdatasync(d.fd)
	}
	if err != nil {
		return fmt.Errorf("storing what was written to %s: %w: some of it may be lost, see the kernel log", d.file.Name(), err)
	}
	if !d.regular {
		return nil
	}
	st, err := d.intact()
	if err == nil && d.named && st.Nlink == 0 {
		err = fmt.Errorf("%s was deleted while in use: what was written to it is lost", d.file.Name())
	}
	return err
}
