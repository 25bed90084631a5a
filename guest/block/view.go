package block

import (
	"fmt"
	"io"
	"sync"
	"syscall"
)

// View reads and writes a device at any offset, with any length. What is not
// a whole block it reads, changes and writes back through a buffer of one
// block. Its methods may be called by several goroutines; the device must not
// be written but through it.
//
// Blocks are written one by one: a crash may leave a write that touches more
// than one of them in part.
type View struct {
	dev             Device
	block, capacity int64

	mu     sync.Mutex
	buffer []byte // one block
}

var (
	_ io.ReaderAt = (*View)(nil)
	_ io.WriterAt = (*View)(nil)
)

// NewView makes a view of a device, which stays the caller's.
func NewView(d Device) (*View, error) {
	block, capacity, err := sizes(d)
	if err != nil {
		return nil, err
	}
	return &View{dev: d, block: block, capacity: capacity, buffer: make([]byte, block)}, nil
}

// CapacityBytes is the size of the view.
func (v *View) CapacityBytes() int64 { return v.capacity }

// ReadAt implements io.ReaderAt. Errors are those of the device, EINVAL for
// a negative offset, and io.EOF at the end.
func (v *View) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("reading at %d: %w", off, syscall.EINVAL)
	}
	var end error
	if left := v.capacity - min(off, v.capacity); int64(len(p)) > left {
		p, end = p[:left], io.EOF
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	n, err := v.each(p, off, v.readPart)
	if err != nil {
		return n, err
	}
	return n, end
}

// WriteAt implements io.WriterAt. Errors are those of the device, EINVAL for
// a negative offset, and ENOSPC for a range that goes beyond the end, of which
// nothing is written. With an error, the blocks after the first n bytes may
// hold old or new data.
func (v *View) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("writing at %d: %w", off, syscall.EINVAL)
	}
	if int64(len(p)) > v.capacity-min(off, v.capacity) {
		return 0, fmt.Errorf("writing %d bytes at %d of %d: %w", len(p), off, v.capacity, syscall.ENOSPC)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.each(p, off, v.writePart)
}

// each calls do for runs of whole blocks (within is then 0) and for parts of
// one, in order. do returns how many bytes it has done.
func (v *View) each(p []byte, off int64, do func(p []byte, start, within int64) (int, error)) (int, error) {
	done := 0
	for done < len(p) {
		rest := int64(len(p) - done)
		within := (off + int64(done)) % v.block
		n := min(rest, v.block-within)
		if within == 0 && rest > v.block {
			n = rest - rest%v.block
		}
		got, err := do(p[done:done+int(n)], off+int64(done)-within, within)
		done += got
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// readPart reads p from within the blocks at start.
func (v *View) readPart(p []byte, start, within int64) (int, error) {
	whole := within == 0 && int64(len(p))%v.block == 0
	target := p
	if !whole {
		target = v.buffer
	}
	if err := readFull(v.dev, target, start); err != nil {
		return 0, err
	}
	if !whole {
		copy(p, v.buffer[within:])
	}
	return len(p), nil
}

// writePart stores p within the blocks at start.
func (v *View) writePart(p []byte, start, within int64) (int, error) {
	if within == 0 && int64(len(p))%v.block == 0 {
		return writeFull(v.dev, p, start)
	}
	if err := readFull(v.dev, v.buffer, start); err != nil {
		return 0, err
	}
	copy(v.buffer[within:], p)
	if _, err := writeFull(v.dev, v.buffer, start); err != nil {
		return 0, err
	}
	return len(p), nil
}
