package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"tender/abi"
)

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
