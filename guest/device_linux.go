//go:build !tender

package guest

import (
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"

	"tender/abi"
)

// The same program as an ordinary Linux process, for debuggers and the race
// detector: devices are what the environment says.

// attachments are what the environment attaches to devices of one type.
type attachments struct{ variable, kind, example string }

var (
	nets   = attachments{"TENDER_NET", "network", "TAP"}
	blocks = attachments{"TENDER_BLOCK", "block", "FILE"}
)

// each calls f for the devices in order, until it returns false. The variable
// has NAME=WHAT for each, with commas between them.
func (a attachments) each(f func(name, what string) bool) {
	for entry := range strings.SplitSeq(os.Getenv(a.variable), ",") {
		if name, what, ok := strings.Cut(entry, "="); ok && !f(name, what) {
			return
		}
	}
}

// find is what is attached to a device.
func (a attachments) find(device string) (what string, err error) {
	a.each(func(name, w string) bool {
		if name == device {
			what = w
		}
		return what == ""
	})
	if what == "" {
		return "", fmt.Errorf("no %s device %q: this is no unikernel, set %s=%s=%s (%w)", a.kind, device, a.variable, device, a.example, fs.ErrNotExist)
	}
	return what, nil
}

func deviceNames(typ abi.DeviceType) (names []string, err error) {
	a := nets
	if typ == abi.DeviceBlock {
		a = blocks
	}
	a.each(func(name, _ string) bool {
		names = append(names, name)
		return true
	})
	return names, nil
}

// openNIC attaches a TAP. The address is a random one; the TAP's own is that of
// the host's side.
func openNIC(name string) (*NIC, error) {
	iface, err := nets.find(name)
	if err != nil {
		return nil, err
	}
	fd, mtu, err := openTAP(iface)
	if err != nil {
		return nil, fmt.Errorf("network device %q: %w", name, err)
	}
	n := &NIC{name: name, file: os.NewFile(uintptr(fd), iface), fd: fd, mtu: mtu}
	for i := range n.mac {
		n.mac[i] = byte(rand.Uint32())
	}
	n.mac[0] = n.mac[0]&^1 | 2 // one station, local
	return n, nil
}

// noRoom says that a TAP has dropped a frame: its queue is full, or nobody is
// there to take it.
func noRoom(err error) bool {
	return err == syscall.EAGAIN || err == syscall.ENOBUFS || err == syscall.EIO
}

// sectorBytes is the size of a block.
const sectorBytes = 512

// openBlock locks a file.
func openBlock(name string) (*Block, error) {
	path, err := blocks.find(name)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("block device %q: %w", name, err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	switch {
	case err != nil:
	case size < sectorBytes || size%sectorBytes != 0:
		err = fmt.Errorf("%s has %d bytes, which is no number of blocks of %d", path, size, sectorBytes)
	case syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil:
		err = fmt.Errorf("%s is open already: %w", path, syscall.EBUSY)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("block device %q: %w", name, err)
	}
	info := abi.BlockInfo{CapacityBytes: uint64(size), BlockBytes: sectorBytes}
	return &Block{file: &sectors{f, size}, info: info}, nil
}

// sectors are a file of whole blocks that does not grow.
type sectors struct {
	*os.File
	size int64
}

// ReadAt implements blockFile.
func (s *sectors) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off%sectorBytes != 0 || len(p)%sectorBytes != 0 {
		return 0, syscall.EINVAL
	}
	if off >= s.size && len(p) > 0 {
		return 0, io.EOF
	}
	return s.File.ReadAt(p, off)
}

// WriteAt implements blockFile.
func (s *sectors) WriteAt(p []byte, off int64) (int, error) {
	switch {
	case off < 0 || off%sectorBytes != 0 || len(p)%sectorBytes != 0:
		return 0, syscall.EINVAL
	case off > s.size || int64(len(p)) > s.size-off:
		return 0, syscall.ENOSPC
	}
	return s.File.WriteAt(p, off)
}
