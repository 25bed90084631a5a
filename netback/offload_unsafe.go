package netback

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ethtoolValue is struct ethtool_value of linux/ethtool.h.
type ethtoolValue struct{ cmd, data uint32 }

// ethtoolRequest is struct ifreq of linux/if.h with a pointer as its data.
type ethtoolRequest struct {
	name  [unix.IFNAMSIZ]byte
	value *ethtoolValue
	_     [16]byte
}

// disableMerging switches GRO and GSO of an interface off, so that no frame
// larger than its MTU comes out of it. It is best effort: an interface that
// cannot do it, or a caller without CAP_NET_ADMIN, is left as it is.
func disableMerging(name string) {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(s)
	for _, cmd := range []uint32{unix.ETHTOOL_SGRO, unix.ETHTOOL_SGSO} {
		req := ethtoolRequest{value: &ethtoolValue{cmd: cmd}}
		copy(req.name[:unix.IFNAMSIZ-1], name)
		unix.Syscall(unix.SYS_IOCTL, uintptr(s), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
	}
}
