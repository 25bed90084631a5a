//go:build tender

package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"tender/abi"
)

func openNIC(name string) (*NIC, error) {
	f, info, err := openDevice(abi.NetPath, "network", name)
	if err != nil {
		return nil, err
	}
	i := netInfo(&info)
	n := &NIC{name: name, file: f, fd: int(f.Fd()), handle: info.Handle, mac: i.MAC, mtu: int(i.MTU)}
	if n.rings, err = openRings(n.fd, uint32(info.Handle), n.mtu); err != nil {
		f.Close()
		return nil, fmt.Errorf("network device %q: %w", name, err)
	}
	return n, nil
}

func openBlock(name string) (*Block, error) {
	f, info, err := openDevice(abi.BlockPath, "block", name)
	if err != nil {
		return nil, err
	}
	return &Block{file: f, info: blockInfo(&info)}, nil
}

// openDevice opens a device of the manifest. Each can be open once.
func openDevice(path, kind, name string) (*os.File, abi.DeviceInfo, error) {
	f, err := os.OpenFile(path+name, os.O_RDWR|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, abi.DeviceInfo{}, fmt.Errorf("no %s device %q: is it in the manifest, and is this a unikernel? (%w)", kind, name, fs.ErrNotExist)
	case errors.Is(err, syscall.EBUSY):
		return nil, abi.DeviceInfo{}, fmt.Errorf("%s device %q is open already: %w", kind, name, syscall.EBUSY)
	case err != nil:
		return nil, abi.DeviceInfo{}, err
	}
	info, err := deviceInfo(f.Fd())
	if err != nil {
		f.Close()
		return nil, info, fmt.Errorf("%s device %q: %w", kind, name, err)
	}
	return f, info, nil
}

func deviceNames(typ abi.DeviceType) (names []string, err error) {
	f, err := os.OpenFile(abi.PollPath, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for handle := range uint32(abi.ManifestMaxEntries) {
		d := abi.DeviceName{Handle: handle}
		if deviceName(f.Fd(), &d) != nil || d.Type != typ {
			continue
		}
		name, _, _ := strings.Cut(string(d.Name[:]), "\x00")
		names = append(names, name)
	}
	return names, nil
}

// noRoom is never the error of a write: the guest kernel drops frames itself.
func noRoom(error) bool { return false }
