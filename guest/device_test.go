//go:build !tender

package guest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// Without an attachment there is no device, and the error says what to do.
func TestNoUnikernel(t *testing.T) {
	t.Setenv("TENDER_NET", "other=tap0,net,=tap1")
	t.Setenv("TENDER_BLOCK", "")
	_, nic := OpenNIC("net0")
	_, block := OpenBlock("disk0")
	for text, err := range map[string]error{"TENDER_NET=net0=TAP": nic, "TENDER_BLOCK=disk0=FILE": block} {
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), "unikernel") {
			t.Errorf("%v; want %s", err, text)
		}
	}
	if _, err := NewPoller(make([]*NIC, 64)...); err == nil || !strings.Contains(err.Error(), "64") {
		t.Errorf("poller: %v", err)
	}
}

func TestNames(t *testing.T) {
	t.Setenv("TENDER_NET", "outside=tap0,inside=tap1")
	t.Setenv("TENDER_BLOCK", "data=/tmp/a=b")
	nics, err := NICNames()
	if !slices.Equal(nics, []string{"outside", "inside"}) || err != nil {
		t.Errorf("%q, %v", nics, err)
	}
	disks, err := BlockNames()
	if !slices.Equal(disks, []string{"data"}) || err != nil {
		t.Errorf("%q, %v", disks, err)
	}
	if path, err := blocks.find("data"); path != "/tmp/a=b" || err != nil {
		t.Errorf("%q, %v", path, err)
	}
}

func TestBlock(t *testing.T) {
	dir := t.TempDir()
	disk, odd := filepath.Join(dir, "disk"), filepath.Join(dir, "odd")
	for path, size := range map[string]int{disk: 4096, odd: 700, filepath.Join(dir, "empty"): 0} {
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("TENDER_BLOCK", "data="+disk+",odd="+odd+",empty="+filepath.Join(dir, "empty")+",gone="+filepath.Join(dir, "gone"))
	for name, want := range map[string]string{"odd": "no number of blocks", "empty": "no number of blocks", "gone": "no such file"} {
		if _, err := OpenBlock(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b, err := OpenBlock("data")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBlock("data"); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("opened twice: %v", err)
	}
	if b.CapacityBytes() != 4096 || b.BlockBytes() != 512 {
		t.Errorf("%d bytes in blocks of %d", b.CapacityBytes(), b.BlockBytes())
	}
	for _, c := range []struct {
		off, n      int64
		read, write error
	}{
		{0, 512, nil, nil},
		{3584, 512, nil, nil},
		{0, 4096, nil, nil},
		{512, 100, syscall.EINVAL, syscall.EINVAL},
		{100, 512, syscall.EINVAL, syscall.EINVAL},
		{-512, 512, syscall.EINVAL, syscall.EINVAL},
		{4096, 512, io.EOF, syscall.ENOSPC},
		{3584, 1024, io.EOF, syscall.ENOSPC},
		{1<<63 - 512, 512, io.EOF, syscall.ENOSPC},
	} {
		if _, err := b.WriteAt(make([]byte, c.n), c.off); err != c.write {
			t.Errorf("write %d at %d: %v, want %v", c.n, c.off, err, c.write)
		}
		if _, err := b.ReadAt(make([]byte, c.n), c.off); err != c.read {
			t.Errorf("read %d at %d: %v, want %v", c.n, c.off, err, c.read)
		}
	}
	if info, err := os.Stat(disk); err != nil || info.Size() != 4096 {
		t.Errorf("the file has grown: %v, %v", info, err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if b, err = OpenBlock("data"); err != nil {
		t.Fatalf("after Close: %v", err)
	}
	b.Close()
}
