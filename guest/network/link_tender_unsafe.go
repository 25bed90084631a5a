//go:build tender

package network

import (
	"syscall"
	"unsafe"

	"tender/abi"
)

// The hooks of package syscall in the image: see toolchain/socketpatches.go.

//go:linkname isSocket syscall.isSocket
var isSocket func(fd int) bool

//go:linkname socketCall syscall.socketCall
var socketCall func(nr, fd uintptr, p, q, r unsafe.Pointer, x, y, z uintptr) (uintptr, syscall.Errno)

// reply ends a call that was handed up; one whose thread is gone needs none.
func reply(fd uintptr, r abi.SocketReply) {
	syscall.RawSyscall(syscall.SYS_IOCTL, fd, abi.IoctlSocketReply, uintptr(unsafe.Pointer(&r)))
}
