package rig

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// OpenTAP attaches to a TAP of the namespace, which then has a carrier. Each
// Read and Write of the file, which is the caller's to close, is one frame.
func (n *Namespace) OpenTAP(name string) (f *os.File, err error) {
	err = n.Do(func() error { f, err = openTAP(name); return err })
	return f, err
}

func openTAP(name string) (*os.File, error) {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return nil, fmt.Errorf("opening TAP %s: %w", name, err)
	}
	request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("opening TAP %s: %w", name, err)
	}
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("opening TAP %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
