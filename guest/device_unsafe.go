package guest

import (
	"syscall"
	"unsafe"

	"tender/abi"
)

// deviceInfo asks the guest kernel about an open device.
func deviceInfo(fd uintptr) (abi.DeviceInfo, error) {
	var info abi.DeviceInfo
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, abi.IoctlDeviceInfo, uintptr(unsafe.Pointer(&info)))
	if errno != 0 {
		return info, errno
	}
	return info, nil
}

func netInfo(info *abi.DeviceInfo) abi.NetInfo {
	return *(*abi.NetInfo)(unsafe.Pointer(&info.Info))
}

func blockInfo(info *abi.DeviceInfo) abi.BlockInfo {
	return *(*abi.BlockInfo)(unsafe.Pointer(&info.Info))
}

// deviceName asks the guest kernel for the device with d.Handle.
func deviceName(fd uintptr, d *abi.DeviceName) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, abi.IoctlDeviceName, uintptr(unsafe.Pointer(d))); errno != 0 {
		return errno
	}
	return nil
}

// umemArea asks the guest kernel where the UMEM of a network device is.
func umemArea(fd int) (a abi.UMEMArea, err error) {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), abi.IoctlUMEM, uintptr(unsafe.Pointer(&a))); errno != 0 {
		return a, errno
	}
	return a, nil
}
