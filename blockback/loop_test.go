package blockback

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// loop makes a block device of a file.
func loop(t *testing.T, path string, options ...string) string {
	t.Helper()
	out, err := exec.Command("losetup", append(options, "--find", "--show", path)...).CombinedOutput()
	if err != nil {
		t.Skipf("this needs a loop device: %v: %s", err, out)
	}
	dev := strings.TrimSpace(string(out))
	t.Cleanup(func() { check(t, exec.Command("losetup", "--detach", dev).Run()) })
	return dev
}

// smallFS mounts a file system with room for n bytes, which only the thread
// of the test sees.
func smallFS(t *testing.T, n int) string {
	t.Helper()
	runtime.LockOSThread() // for good: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Skipf("this needs a mount namespace: %v", err)
	}
	check(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	dir := t.TempDir()
	check(t, unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", n)))
	t.Cleanup(func() { check(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

// sparse makes a file of n bytes that takes no room.
func sparse(t *testing.T, dir string, n int64) string {
	t.Helper()
	path := filepath.Join(dir, "sparse.img")
	check(t, os.WriteFile(path, nil, 0o600))
	check(t, os.Truncate(path, n))
	return path
}

func TestBlockDevice(t *testing.T) {
	const capacity = 1 << 20
	path := image(t, capacity)
	for _, sectors := range []string{"512", "4096"} { // of the host's device
		t.Run(sectors, func(t *testing.T) {
			dev := loop(t, path, "--sector-size", sectors)
			for _, size := range []int{512, 1024, 2048, 4096, 8192, 16384, 32768} {
				for _, sync := range []Sync{SyncNone, SyncData} {
					testBlockDevice(t, dev, capacity, Options{BlockBytes: size, Sync: sync})
				}
			}
		})
	}
}

func testBlockDevice(t *testing.T, dev string, capacity int64, opts Options) {
	t.Helper()
	d := open(t, dev, opts)
	n := int64(opts.BlockBytes)
	if d.CapacityBytes() != uint64(capacity) || d.BlockBytes() != opts.BlockBytes {
		t.Errorf("%+v: capacity %d, block %d", opts, d.CapacityBytes(), d.BlockBytes())
	}
	want := bytes.Repeat([]byte(fmt.Sprintf("%-15d%d", n, opts.Sync)), int(n)/16)
	if _, err := d.WriteAt(want, capacity-n); err != nil {
		t.Fatal(err)
	}
	for _, off := range []int64{capacity, capacity - n + 1, -n} {
		if _, err := d.WriteAt(want, off); !errors.Is(err, unix.EINVAL) {
			t.Errorf("%+v: write at %d: %v", opts, off, err)
		}
	}
	check(t, d.Close())
	d = open(t, dev, Options{BlockBytes: opts.BlockBytes, ReadOnly: true})
	got := make([]byte, n)
	if _, err := d.ReadAt(got, capacity-n); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%+v: read back: %v", opts, err)
	}
	check(t, d.Close())
}

// Of a read from storage that is gone, and of a write to a device that cannot
// take it, the guest is told.
func TestBlockDeviceErrors(t *testing.T) {
	path := image(t, 1<<20)
	d := open(t, loop(t, path), Options{})
	check(t, os.Truncate(path, 4096))
	p := make([]byte, 4096)
	if n, err := d.ReadAt(p, 1<<19); !errors.Is(err, unix.EIO) || n != 0 {
		t.Errorf("read of what is gone: %d, %v", n, err)
	}
	if n, err := d.ReadAt(p, 0); err != nil || n != len(p) {
		t.Errorf("read of what is left: %d, %v", n, err)
	}
	check(t, d.Close())
}

// A disk that fails when the host's kernel writes its cache back: with
// SyncData the write fails, with SyncNone Close does.
func TestBlockDeviceWriteBack(t *testing.T) {
	const room = 64 << 10
	path := sparse(t, smallFS(t, room), 1<<20)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	check(t, err)
	_, err = f.Write(make([]byte, room))
	check(t, errors.Join(err, f.Close()))
	dev := loop(t, path)
	p := bytes.Repeat([]byte{1}, 4096)
	write := func(sync Sync, off int64) (write, close error) {
		d := open(t, dev, Options{BlockBytes: 4096, Sync: sync})
		_, write = d.WriteAt(p, off)
		return write, d.Close()
	}
	if w, c := write(SyncNone, 2*room); w != nil || !errors.Is(c, unix.EIO) && !errors.Is(c, unix.ENOSPC) || !strings.Contains(c.Error(), "may be lost") {
		t.Errorf("SyncNone: write %v, close %v", w, c)
	}
	if w, _ := write(SyncData, 3*room); !errors.Is(w, unix.EIO) && !errors.Is(w, unix.ENOSPC) {
		t.Errorf("SyncData: write %v", w)
	}
	for _, sync := range []Sync{SyncNone, SyncData} {
		if w, c := write(sync, room-4096); w != nil || c != nil {
			t.Errorf("sync %d, where there is room: write %v, close %v", sync, w, c)
		}
	}
}
