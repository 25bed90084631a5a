package blockback

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestFileLock(t *testing.T) {
	for _, c := range []struct {
		first, second bool // read-only
		shared        bool
	}{{false, false, false}, {false, true, false}, {true, false, false}, {true, true, true}} {
		path := image(t, 512)
		first := open(t, path, Options{ReadOnly: c.first})
		second, err := OpenFile(path, Options{ReadOnly: c.second})
		if c.shared {
			check(t, err)
			check(t, second.Close())
			continue
		}
		mustBeInUse(t, path, err, unix.EWOULDBLOCK)
		check(t, first.Close())
		open(t, path, Options{ReadOnly: c.second})
	}
}

// mustBeInUse wants the refusal of a device that something else uses.
func mustBeInUse(t *testing.T, path string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
		t.Errorf("opened a second time as %s: %v", path, err)
	}
}

func TestFileLockOtherNames(t *testing.T) {
	path := image(t, 512)
	dir := filepath.Dir(path)
	names := []string{filepath.Join(dir, "hard"), filepath.Join(dir, "soft"), filepath.Join(dir, ".", "x", "..", "disk.img")}
	check(t, os.Link(path, names[0]))
	check(t, os.Symlink("disk.img", names[1]))
	check(t, os.Mkdir(filepath.Join(dir, "x"), 0o700))
	d := open(t, path, Options{})
	for _, name := range names {
		_, err := OpenFile(name, Options{})
		mustBeInUse(t, name, err, unix.EWOULDBLOCK)
	}
	check(t, d.Close())
	for _, name := range names {
		check(t, open(t, name, Options{}).Close())
	}
}

// Storage that is given up within moments is waited for.
func TestFileLockReleased(t *testing.T) {
	path := image(t, 512)
	first := open(t, path, Options{})
	closed := make(chan error)
	go func() {
		time.Sleep(patience / 5)
		closed <- first.Close()
	}()
	second, err := OpenFile(path, Options{})
	check(t, errors.Join(err, <-closed))
	check(t, second.Close())
}

// Another node of a block device has a lock of its own; the claim of the
// device keeps it off, and keeps off mounts.
func TestBlockDeviceOtherNode(t *testing.T) {
	dev := loop(t, image(t, 1<<20))
	var st unix.Stat_t
	check(t, unix.Stat(dev, &st))
	node := filepath.Join(t.TempDir(), "node")
	check(t, unix.Mknod(node, unix.S_IFBLK|0o600, int(st.Rdev)))
	d := open(t, dev, Options{})
	_, err := OpenFile(node, Options{})
	mustBeInUse(t, node, err, unix.EBUSY)
	_, err = OpenFile(dev, Options{ReadOnly: true})
	mustBeInUse(t, dev, err, unix.EWOULDBLOCK)
	check(t, d.Close())
	check(t, open(t, node, Options{}).Close())
}
