package hvt

import (
	"unsafe"

	"github.com/bobuhiro11/gokvm/kvm"

	"tender/abi"
)

// ioeventfd is struct kvm_ioeventfd.
type ioeventfd struct {
	datamatch uint64
	addr      uint64
	len       uint32
	fd        int32
	flags     uint32
	_         [36]byte
}

// ioeventfdPIO says that addr is an I/O port.
const ioeventfdPIO = 1 << 1

var ioctlIOEventFD = kvm.IIOW(0x79, unsafe.Sizeof(ioeventfd{}))

// kickOnOut has a 4-byte OUT to the port count up the eventfd, in place of an
// exit.
func kickOnOut(vmFD, eventFD int, port uint64) error {
	return ioctl(vmFD, ioctlIOEventFD, &ioeventfd{addr: port, len: 4, fd: int32(eventFD), flags: ioeventfdPIO})
}

// sharedRing is the ring at the start of page-aligned memory.
func sharedRing(memory []byte) *abi.NetRing {
	_ = memory[unsafe.Sizeof(abi.NetRing{})-1]
	return (*abi.NetRing)(unsafe.Pointer(unsafe.SliceData(memory)))
}
