//go:build !tender

package guest

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// ifreq is struct ifreq of Linux: a name, and what the request is about.
type ifreq struct {
	name  [16]byte
	value [24]byte
}

// short is the union as flags, number as an int.
func (r *ifreq) short() *uint16 { return (*uint16)(unsafe.Pointer(&r.value)) }
func (r *ifreq) number() *int32 { return (*int32)(unsafe.Pointer(&r.value)) }

func (r *ifreq) ioctl(fd int, request uintptr) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(r))); errno != 0 {
		return errno
	}
	return nil
}

// openTAP attaches a TAP that exists and is up, and returns a descriptor that
// does not block, and the MTU.
func openTAP(iface string) (fd, mtu int, err error) {
	var r ifreq
	if len(iface) >= len(r.name) {
		return -1, 0, fmt.Errorf("%s: the name of an interface has at most %d characters", iface, len(r.name)-1)
	}
	copy(r.name[:], iface)
	if mtu, err = r.examine(iface); err != nil {
		return -1, 0, err
	}
	const tun = "/dev/net/tun"
	if fd, err = syscall.Open(tun, syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0); err != nil {
		return -1, 0, fmt.Errorf("%s: %w", tun, err)
	}
	const tapFlags, setIFF = 0x0002 | 0x1000, 0x400454ca // IFF_TAP | IFF_NO_PI, TUNSETIFF
	*r.short() = tapFlags
	if err := r.ioctl(fd, setIFF); err != nil {
		syscall.Close(fd)
		return -1, 0, fmt.Errorf("%s cannot be attached: %w; is it a TAP, and free?", iface, err)
	}
	return fd, mtu, nil
}

// examine is the interface's MTU, if it can be used: a name that is none must
// not make a new interface.
func (r *ifreq) examine(iface string) (mtu int, err error) {
	s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	defer syscall.Close(s)
	if err := r.ioctl(s, syscall.SIOCGIFFLAGS); err != nil {
		return 0, fmt.Errorf("no interface %s: %w; ip tuntap add dev %s mode tap makes one", iface, err, iface)
	}
	if *r.short()&syscall.IFF_UP == 0 {
		return 0, fmt.Errorf("%s is down: ip link set %s up", iface, iface)
	}
	if err := r.ioctl(s, syscall.SIOCGIFMTU); err != nil {
		return 0, fmt.Errorf("%s: MTU: %w", iface, err)
	}
	return int(*r.number()), nil
}
