package block

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"syscall"
	"testing"
	"testing/iotest"
)

func view(t testing.TB, d Device) *View {
	t.Helper()
	v, err := NewView(d)
	check(t, err)
	return v
}

// A view does what a byte slice does.
func TestViewModel(t *testing.T) {
	for _, size := range []int{512, 4096, 32768} {
		r := rand.New(rand.NewPCG(uint64(size), 1))
		d := newDisk(size, 8*size)
		v := view(t, d)
		model := make([]byte, 8*size)
		for range 3000 {
			off := r.IntN(len(model))
			n := r.IntN(len(model) - off + 1)
			if r.IntN(2) == 0 {
				n = min(n, r.IntN(2*size))
			}
			p := make([]byte, n)
			if r.IntN(2) == 0 {
				if got, err := v.ReadAt(p, int64(off)); got != n || err != nil || !bytes.Equal(p, model[off:off+n]) {
					t.Fatalf("block %d: read of %d at %d: %d, %v", size, n, off, got, err)
				}
				continue
			}
			for i := range p {
				p[i] = byte(r.Uint32())
			}
			if got, err := v.WriteAt(p, int64(off)); got != n || err != nil {
				t.Fatalf("block %d: write of %d at %d: %d, %v", size, n, off, got, err)
			}
			copy(model[off:], p)
		}
		if !bytes.Equal(d.cache, model) {
			t.Errorf("block %d: the device differs", size)
		}
	}
}

func TestViewEdges(t *testing.T) {
	d := newDisk(512, 2048+256) // a block in part at the end
	v := view(t, d)
	if v.CapacityBytes() != 2048 {
		t.Errorf("capacity %d", v.CapacityBytes())
	}
	for _, c := range []struct {
		n   int
		off int64
		got int
		r   error
		w   error
	}{
		{0, 0, 0, nil, nil},
		{1, 2047, 1, nil, nil},
		{2048, 0, 2048, nil, nil},
		{0, 2048, 0, nil, nil},
		{1, 2048, 0, io.EOF, syscall.ENOSPC},
		{2, 2047, 1, io.EOF, syscall.ENOSPC},
		{2049, 0, 2048, io.EOF, syscall.ENOSPC},
		{1, math.MaxInt64, 0, io.EOF, syscall.ENOSPC},
		{1, -1, 0, syscall.EINVAL, syscall.EINVAL},
		{1, math.MinInt64, 0, syscall.EINVAL, syscall.EINVAL},
	} {
		if n, err := v.ReadAt(make([]byte, c.n), c.off); n != c.got || !errors.Is(err, c.r) {
			t.Errorf("read of %d at %d: %d, %v", c.n, c.off, n, err)
		}
		want := c.got
		if c.w != nil {
			want = 0
		}
		if n, err := v.WriteAt(make([]byte, c.n), c.off); n != want || !errors.Is(err, c.w) {
			t.Errorf("write of %d at %d: %d, %v", c.n, c.off, n, err)
		}
	}
}

func TestViewAsReader(t *testing.T) {
	d := newDisk(512, 4096)
	for i := range d.cache {
		d.cache[i] = byte(i * 7 >> 3)
	}
	if err := iotest.TestReader(io.NewSectionReader(view(t, d), 0, 4096), d.cache); err != nil {
		t.Error(err)
	}
}

// Neighbours of what is written are not touched, and errors of the device
// arrive with the count of bytes before them.
func TestViewErrors(t *testing.T) {
	bad := errors.New("bad block")
	for _, c := range []struct {
		n    int
		off  int64
		at   int64 // the bad block
		r, w int   // bytes done
	}{
		{2048, 0, 1024, 0, 1024},
		{100, 1100, 1024, 0, 0},
		{1000, 100, 0, 0, 0},
		{1000, 100, 512, 412, 412},
		{1000, 100, 1024, 924, 924},
	} {
		for _, failsRead := range []bool{false, true} {
			d := newDisk(512, 4096)
			d.fail = func(write bool, off int64) error {
				if off == c.at && write != failsRead {
					return bad
				}
				return nil
			}
			v := view(t, d)
			p := bytes.Repeat([]byte{1}, c.n)
			if failsRead {
				if n, err := v.ReadAt(make([]byte, c.n), c.off); n != c.r || !errors.Is(err, bad) {
					t.Errorf("%+v: read: %d, %v", c, n, err)
				}
			} else if n, err := v.WriteAt(p, c.off); n != c.w || !errors.Is(err, bad) {
				t.Errorf("%+v: write: %d, %v", c, n, err)
			} else if got := bytes.Count(d.cache, []byte{1}); got != c.w {
				t.Errorf("%+v: %d bytes written", c, got)
			}
		}
	}
}

func TestViewAllocatesNothing(t *testing.T) {
	v := view(t, &zeros{})
	p := make([]byte, 3000)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := v.ReadAt(p, 100); err != nil {
			t.Error(err)
		}
		if _, err := v.WriteAt(p, 700); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for two transfers", n)
	}
}

// zeros forgets what is written.
type zeros struct{}

func (*zeros) ReadAt(p []byte, off int64) (int, error)  { return len(p), nil }
func (*zeros) WriteAt(p []byte, off int64) (int, error) { return len(p), nil }
func (*zeros) CapacityBytes() int64                     { return 1 << 20 }
func (*zeros) BlockBytes() int                          { return 512 }

func TestUnusableDevices(t *testing.T) {
	for _, d := range []*disk{newDisk(0, 512), newDisk(500, 5000), newDisk(256, 512), newDisk(65536, 1<<20), newDisk(4096, 512), newDisk(512, 0)} {
		if _, err := NewView(d); err == nil {
			t.Errorf("view of %d bytes in blocks of %d", len(d.cache), d.block)
		}
		if err := Format(d, 10, 2); err == nil {
			t.Errorf("store on %d bytes in blocks of %d", len(d.cache), d.block)
		}
		if _, err := Open(d); err == nil {
			t.Errorf("store opened on %d bytes in blocks of %d", len(d.cache), d.block)
		}
	}
}
