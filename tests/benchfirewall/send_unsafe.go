package main

import (
	"structs"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mmsghdr is struct mmsghdr.
type mmsghdr struct {
	_   structs.HostLayout
	hdr unix.Msghdr
	len uint32
	_   uint32
}

// sendBatch sends the frames with one system call. What the interface has no
// room for is lost, as with any sender that is too fast.
func sendBatch(socket int, frames [][]byte) error {
	iov := make([]unix.Iovec, len(frames))
	msgs := make([]mmsghdr, len(frames))
	for i, f := range frames {
		iov[i].Base = unsafe.SliceData(f)
		iov[i].SetLen(len(f))
		msgs[i].hdr.Iov = &iov[i]
		msgs[i].hdr.Iovlen = 1
	}
	for sent := 0; sent < len(msgs); {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(socket), uintptr(unsafe.Pointer(&msgs[sent])), uintptr(len(msgs)-sent), 0, 0, 0)
		switch errno {
		case 0:
			sent += int(n)
		case unix.ENOBUFS, unix.EAGAIN, unix.EINTR:
			sent++
		default:
			return errno
		}
	}
	return nil
}
