package blockback

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// image makes a file of n zero bytes.
func image(t testing.TB, n int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	check(t, os.WriteFile(path, nil, 0o600))
	check(t, os.Truncate(path, n))
	return path
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, path string, opts Options) *File {
	t.Helper()
	d, err := OpenFile(path, opts)
	check(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

func TestOpenFile(t *testing.T) {
	for _, c := range []struct {
		bytes int64
		opts  Options
		block int
		says  string
	}{
		{bytes: 512, block: 512},
		{bytes: 1 << 20, block: 512},
		{bytes: 1 << 40, block: 512}, // sparse
		{bytes: 8192, opts: Options{BlockBytes: 4096}, block: 4096},
		{bytes: 32768, opts: Options{BlockBytes: 32768, ReadOnly: true}, block: 32768},
		{bytes: 0, says: "at least 1 block"},
		{bytes: 511, says: "block aligned"},
		{bytes: 513, says: "truncate -s %512 "},
		{bytes: 512, opts: Options{BlockBytes: 4096}, says: "block aligned"},
		{bytes: 1 << 20, opts: Options{BlockBytes: 521}, says: "power of two"},
		{bytes: 1 << 20, opts: Options{BlockBytes: 256}, says: "power of two"},
		{bytes: 1 << 20, opts: Options{BlockBytes: 65536}, says: "power of two"},
		{bytes: 1 << 20, opts: Options{BlockBytes: -512}, says: "power of two"},
		{bytes: 1 << 20, opts: Options{BlockBytes: math.MinInt}, says: "power of two"},
	} {
		path := image(t, c.bytes)
		d, err := OpenFile(path, c.opts)
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), path) {
				t.Errorf("%d bytes, %+v: error %v, want %q", c.bytes, c.opts, err, c.says)
			}
			continue
		}
		if err != nil {
			t.Errorf("%d bytes, %+v: %v", c.bytes, c.opts, err)
			continue
		}
		if d.CapacityBytes() != uint64(c.bytes) || d.BlockBytes() != c.block {
			t.Errorf("%d bytes, %+v: capacity %d, block %d", c.bytes, c.opts, d.CapacityBytes(), d.BlockBytes())
		}
		check(t, d.Close())
		if err := d.Close(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("second close: %v", err)
		}
	}
}

func TestOpenFileRefusals(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	check(t, unix.Mkfifo(fifo, 0o600))
	secret := filepath.Join(dir, "secret")
	check(t, os.WriteFile(secret, make([]byte, 512), 0))
	dropOverride(t)
	for _, c := range []struct {
		path string
		opts Options
		says string
	}{
		{"", Options{}, "no such file"},
		{filepath.Join(dir, "missing"), Options{}, "truncate -s 64M " + filepath.Join(dir, "missing")},
		{dir, Options{}, "is a directory"},
		{dir, Options{ReadOnly: true}, "neither a regular file nor a block device"},
		{fifo, Options{}, "neither a regular file nor a block device"},
		{fifo, Options{ReadOnly: true}, "neither a regular file nor a block device"},
		{"/dev/null", Options{}, "neither a regular file nor a block device"},
		{secret, Options{}, "no permission"},
	} {
		d, err := OpenFile(c.path, c.opts)
		if err == nil || d != nil {
			t.Errorf("%s opened, error %v", c.path, err)
			continue
		}
		if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.path) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q is not one line with %q", err, c.says)
		}
	}
	_, err := OpenFile(filepath.Join(dir, "missing"), Options{})
	if _, stat := os.Stat(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) || stat == nil {
		t.Errorf("%v; created: %v", err, stat == nil)
	}
}

// dropOverride takes root's right to open any file from this thread, which
// ends with the test.
func dropOverride(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	check(t, unix.Capget(&head, &caps[0]))
	caps[0].Effective &^= 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH
	check(t, unix.Capset(&head, &caps[0]))
}

// The device does what a byte slice does, inside the capacity and at its edges.
func TestFileTransfers(t *testing.T) {
	const capacity = 1 << 16
	path := image(t, capacity)
	d := open(t, path, Options{})
	model := make([]byte, capacity)
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		off := r.Int64N(capacity + 1)
		n := r.Int64N(capacity - off + 1)
		if r.IntN(2) == 0 {
			p := make([]byte, n)
			for i := range p {
				p[i] = byte(r.Uint32())
			}
			if got, err := d.WriteAt(p, off); got != len(p) || err != nil {
				t.Fatalf("write of %d at %d: %d, %v", n, off, got, err)
			}
			copy(model[off:], p)
			continue
		}
		p := make([]byte, n)
		if got, err := d.ReadAt(p, off); got != len(p) || err != nil {
			t.Fatalf("read of %d at %d: %d, %v", n, off, got, err)
		}
		if !bytes.Equal(p, model[off:off+n]) {
			t.Fatalf("read of %d at %d differs", n, off)
		}
	}
	check(t, d.Close())
	onDisk, err := os.ReadFile(path)
	check(t, err)
	if !bytes.Equal(onDisk, model) {
		t.Error("the file differs")
	}
}

func TestFileRange(t *testing.T) {
	const capacity = 4096
	path := image(t, capacity)
	d := open(t, path, Options{})
	for _, c := range []struct {
		n   int
		off int64
		ok  bool
	}{
		{0, 0, true}, {0, capacity, true}, {capacity, 0, true}, {512, capacity - 512, true}, {1, capacity - 1, true},
		{1, capacity, false}, {513, capacity - 512, false}, {capacity + 1, 0, false}, {0, capacity + 1, false},
		{1, -1, false}, {0, -1, false}, {1, math.MaxInt64, false}, {512, math.MaxInt64 - 511, false}, {1, math.MinInt64, false},
	} {
		for what, transfer := range map[string]func([]byte, int64) (int, error){"read": d.ReadAt, "write": d.WriteAt} {
			n, err := transfer(make([]byte, c.n), c.off)
			if c.ok && (err != nil || n != c.n) || !c.ok && (!errors.Is(err, unix.EINVAL) || n != 0) {
				t.Errorf("%s of %d at %d: %d, %v", what, c.n, c.off, n, err)
			}
		}
	}
	info, err := os.Stat(path)
	check(t, err)
	if info.Size() != capacity {
		t.Errorf("the file has grown to %d", info.Size())
	}
}

func TestFileReadOnly(t *testing.T) {
	path := image(t, 512)
	check(t, os.Chmod(path, 0o400))
	d := open(t, path, Options{ReadOnly: true})
	if n, err := d.WriteAt(make([]byte, 512), 0); n != 0 || !errors.Is(err, unix.EROFS) {
		t.Errorf("write: %d, %v", n, err)
	}
	if n, err := d.ReadAt(make([]byte, 512), 0); n != 512 || err != nil {
		t.Errorf("read: %d, %v", n, err)
	}
}

func TestFileAllocatesNothing(t *testing.T) {
	d := open(t, image(t, 4096), Options{})
	p := make([]byte, 512)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := d.WriteAt(p, 512); err != nil {
			t.Error(err)
		}
		if _, err := d.ReadAt(p, 1024); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for two transfers", n)
	}
}

func TestFileLeavesNoDescriptors(t *testing.T) {
	good, bad := image(t, 512), image(t, 511)
	open(t, good, Options{}).Close() // whatever the first open sets up
	before := openFDs(t)
	for range 10 {
		check(t, open(t, good, Options{}).Close())
		for _, path := range []string{bad, "/dev/null"} {
			if _, err := OpenFile(path, Options{}); err == nil {
				t.Errorf("%s opened", path)
			}
		}
	}
	if after := openFDs(t); !maps.Equal(before, after) {
		t.Errorf("descriptors left: before %v, after %v", before, after)
	}
}

func openFDs(t testing.TB) map[string]string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	check(t, err)
	fds := map[string]string{}
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			fds[e.Name()] = target
		}
	}
	return fds
}
