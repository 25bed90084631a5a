package netback

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ethtoolValue is struct ethtool_value of linux/ethtool.h.
type ethtoolValue struct{ cmd, data uint32 }

// ethtoolRequest is struct ifreq of linux/if.h with a pointer as its data.
type ethtoolRequest struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [16]byte
}

// ethtool asks the driver of an interface. data is of the form that its first
// field, the command, has.
func ethtool(name string, data unsafe.Pointer) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	req := ethtoolRequest{data: data}
	copy(req.name[:unix.IFNAMSIZ-1], name)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(s), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req))); errno != 0 {
		return errno
	}
	return nil
}

// disableMerging switches GRO and GSO of an interface off, so that no frame
// larger than its MTU comes out of it. It is best effort: an interface that
// cannot do it, or a caller without CAP_NET_ADMIN, is left as it is.
func disableMerging(name string) {
	for _, cmd := range []uint32{unix.ETHTOOL_SGRO, unix.ETHTOOL_SGSO} {
		// What cannot be switched stays as it is.
		_ = ethtool(name, unsafe.Pointer(&ethtoolValue{cmd: cmd}))
	}
}
