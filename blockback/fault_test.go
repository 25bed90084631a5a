package blockback

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFileShrinks(t *testing.T) {
	path := image(t, 8192)
	d := open(t, path, Options{})
	p := make([]byte, 512)
	if _, err := d.WriteAt(p, 512); err != nil {
		t.Fatal(err)
	}
	check(t, os.Truncate(path, 4096))
	if _, err := d.ReadAt(p, 4000); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read over the new end: %v", err)
	}
	if n, err := d.ReadAt(p, 0); n != 512 || err != nil {
		t.Errorf("read before it: %d, %v", n, err)
	}
	for _, off := range []int64{0, 7680} {
		if n, err := d.WriteAt(p, off); n != 0 || !errors.Is(err, unix.EIO) {
			t.Errorf("write at %d: %d, %v", off, n, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 4096 {
		t.Errorf("%v, %v: a write made the file grow again", info.Size(), err)
	}
	if err := d.Close(); err == nil || !strings.Contains(err.Error(), "has shrunk from 8192 to 4096 bytes") {
		t.Errorf("close: %v", err)
	}
	if err := d.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("second close: %v", err)
	}
}

// A file that grows is left as it is.
func TestFileGrows(t *testing.T) {
	path := image(t, 4096)
	d := open(t, path, Options{})
	check(t, os.Truncate(path, 8192))
	if _, err := d.WriteAt(make([]byte, 512), 0); err != nil {
		t.Error(err)
	}
	if _, err := d.ReadAt(make([]byte, 512), 4096); !errors.Is(err, unix.EINVAL) {
		t.Errorf("read behind the capacity: %v", err)
	}
	check(t, d.Close())
}

func TestFileDeleted(t *testing.T) {
	remove := func(t *testing.T, path string) { check(t, os.Remove(path)) }
	replace := func(t *testing.T, path string) { check(t, os.Rename(image(t, 4096), path)) }
	move := func(t *testing.T, path string) { check(t, os.Rename(path, path+".old")) }
	for what, c := range map[string]struct {
		vanish func(*testing.T, string)
		opts   Options
		write  bool
		says   string
	}{
		"deleted":            {remove, Options{}, true, "deleted while in use"},
		"replaced":           {replace, Options{}, true, "deleted while in use"},
		"moved":              {move, Options{}, true, ""},
		"deleted, read-only": {remove, Options{ReadOnly: true}, false, ""},
	} {
		path := image(t, 4096)
		d := open(t, path, c.opts)
		c.vanish(t, path)
		p := bytes.Repeat([]byte{7}, 512)
		if c.write {
			if _, err := d.WriteAt(p, 512); err != nil {
				t.Errorf("%s: write: %v", what, err)
			}
		}
		got := make([]byte, 512)
		if _, err := d.ReadAt(got, 512); err != nil || c.write && !bytes.Equal(got, p) {
			t.Errorf("%s: read: %v", what, err)
		}
		if err := d.Close(); (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: close: %v", what, err)
		}
	}
}

// A file that never had a name is not missed.
func TestFileUnnamed(t *testing.T) {
	path := image(t, 4096)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	check(t, err)
	defer f.Close()
	check(t, os.Remove(path))
	d := open(t, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), Options{})
	if _, err := d.WriteAt(make([]byte, 512), 0); err != nil {
		t.Error(err)
	}
	check(t, d.Close())
}

// The guest is told of the write that finds no room, and keeps all before it.
func TestFileNoRoom(t *testing.T) {
	const room = 64 << 10
	for _, opts := range []Options{{BlockBytes: 4096}, {BlockBytes: 4096, Sync: SyncData}} {
		t.Run(fmt.Sprint(opts.Sync), func(t *testing.T) {
			path := sparse(t, smallFS(t, room), 1<<20)
			d := open(t, path, opts)
			var stored int64
			for ; stored < 1<<20; stored += 4096 {
				n, err := d.WriteAt(bytes.Repeat([]byte{byte(stored>>12) + 1}, 4096), stored)
				if err == nil {
					continue
				}
				if !errors.Is(err, unix.ENOSPC) || n == 4096 {
					t.Errorf("write at %d: %d, %v", stored, n, err)
				}
				break
			}
			if stored > room || stored == 0 {
				t.Errorf("%d bytes stored in %d", stored, room)
			}
			if n, err := d.WriteAt(make([]byte, 2*room), 0); n >= 2*room || !errors.Is(err, unix.ENOSPC) {
				t.Errorf("a write that fits in part: %d, %v", n, err)
			}
			if _, err := d.WriteAt(bytes.Repeat([]byte{9}, 4096), 0); err != nil {
				t.Errorf("write to what has room: %v", err)
			}
			check(t, d.Close())
			got, err := os.ReadFile(path)
			check(t, err)
			if got[0] != 9 {
				t.Errorf("the file begins with %d", got[0])
			}
		})
	}
}

func TestFileSyncFlag(t *testing.T) {
	for opts, want := range map[Options]int{
		{}:                               unix.O_RDWR,
		{Sync: SyncData}:                 unix.O_RDWR | unix.O_DSYNC,
		{ReadOnly: true}:                 unix.O_RDONLY,
		{ReadOnly: true, Sync: SyncData}: unix.O_RDONLY,
	} {
		d := open(t, image(t, 512), opts)
		flags, err := unix.FcntlInt(uintptr(d.FD()), unix.F_GETFL, 0)
		check(t, err)
		if got := flags & (unix.O_ACCMODE | unix.O_DSYNC); got != want {
			t.Errorf("%+v: flags %#x, want %#x", opts, got, want)
		}
		check(t, d.Close())
	}
}

func TestFileConcurrent(t *testing.T) {
	const workers, rounds = 8, 200
	d := open(t, image(t, workers*512), Options{})
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			p, got := make([]byte, 512), make([]byte, 512)
			for i := range rounds {
				for j := range p {
					p[j] = byte(w*rounds + i)
				}
				if _, err := d.WriteAt(p, int64(w)*512); err != nil {
					t.Error(err)
				}
				if _, err := d.ReadAt(got, int64(w)*512); err != nil || !bytes.Equal(got, p) {
					t.Errorf("worker %d: %v", w, err)
				}
			}
		})
	}
	all.Wait()
	check(t, d.Close())
}
