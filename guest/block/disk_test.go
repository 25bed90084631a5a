package block

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"

	"tender/guest"
)

var _ Device = (*guest.Block)(nil)

// sectorBytes is what a physical disk writes at once.
const sectorBytes = 512

// disk is a block device with the two places where writes can be: the cache
// of the host's kernel, and stable storage.
type disk struct {
	block  int
	synced bool   // every write waits for stable storage
	cache  []byte // what reads see
	stable []byte
	dirty  []dirty // what of the cache is not stable, in order

	rand *rand.Rand
	// left is how many blocks can be written before a crash in the middle of
	// the next one; negative for no crash.
	left int
	// fail, if set, gives the error of a transfer of the block at off.
	fail func(write bool, off int64) error
}

type dirty struct {
	off  int64
	data []byte
}

var errCrashed = errors.New("the machine has crashed")

func newDisk(block, capacity int) *disk {
	return &disk{block: block, cache: make([]byte, capacity), stable: make([]byte, capacity), left: -1, rand: rand.New(rand.NewPCG(1, 2))}
}

func (d *disk) CapacityBytes() int64 { return int64(len(d.cache)) }
func (d *disk) BlockBytes() int      { return d.block }

// check is what the guest kernel checks.
func (d *disk) check(p []byte, off int64) error {
	if off < 0 || off%int64(d.block) != 0 || len(p)%d.block != 0 {
		return fmt.Errorf("%d bytes at %d: %w", len(p), off, syscall.EINVAL)
	}
	return nil
}

func (d *disk) ReadAt(p []byte, off int64) (int, error) {
	if err := d.check(p, off); err != nil {
		return 0, err
	}
	for done := 0; done < len(p); done += d.block {
		at := off + int64(done)
		if at >= int64(len(d.cache)) {
			return done, io.EOF
		}
		if d.fail != nil {
			if err := d.fail(false, at); err != nil {
				return done, err
			}
		}
		copy(p[done:done+d.block], d.cache[at:])
	}
	return len(p), nil
}

// WriteAt writes block after block, as the guest kernel does.
func (d *disk) WriteAt(p []byte, off int64) (int, error) {
	if err := d.check(p, off); err != nil {
		return 0, err
	}
	if off > int64(len(d.cache)-len(p)) {
		return 0, syscall.ENOSPC
	}
	for done := 0; done < len(p); done += d.block {
		at, data := off+int64(done), p[done:done+d.block]
		if d.left == 0 {
			d.write(at, d.torn(data, at))
			return done, errCrashed
		}
		d.left--
		if d.fail != nil {
			if err := d.fail(true, at); err != nil {
				return done, err
			}
		}
		d.write(at, data)
		if d.synced {
			d.sync()
		}
	}
	return len(p), nil
}

func (d *disk) write(off int64, data []byte) {
	copy(d.cache[off:], data)
	for i := 0; i < len(data); i += sectorBytes {
		d.dirty = append(d.dirty, dirty{off + int64(i), append([]byte(nil), data[i:i+sectorBytes]...)})
	}
}

// torn is a block written in part: the start, the end, or the middle of it.
func (d *disk) torn(data []byte, off int64) []byte {
	from, to := d.rand.IntN(len(data)+1), d.rand.IntN(len(data)+1)
	t := append([]byte(nil), d.cache[off:off+int64(len(data))]...)
	if from < to {
		copy(t[from:to], data[from:to])
	} else {
		copy(t[:to], data[:to])
		copy(t[from:], data[from:])
	}
	return t
}

// sync puts the cache on stable storage.
func (d *disk) sync() {
	for _, w := range d.dirty {
		copy(d.stable[w.off:], w.data)
	}
	d.dirty = d.dirty[:0]
}

// killed is the disk after the tender was killed: the kernel's cache stays.
func (d *disk) killed() *disk {
	d.left = -1
	return d
}

// unplugged is the disk after the host has lost power: of what was not stable,
// any sectors in any order were written, some of them in part.
func (d *disk) unplugged() *disk {
	d.rand.Shuffle(len(d.dirty), func(i, j int) { d.dirty[i], d.dirty[j] = d.dirty[j], d.dirty[i] })
	for _, w := range d.dirty[:d.rand.IntN(len(d.dirty)+1)] {
		n := len(w.data)
		if d.rand.IntN(4) == 0 {
			n = d.rand.IntN(n)
		}
		copy(d.stable[w.off:], w.data[:n])
	}
	copy(d.cache, d.stable)
	d.dirty, d.left = nil, -1
	return d
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
