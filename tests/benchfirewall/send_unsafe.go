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

// messages are frames, ready to be sent with one system call.
type messages []mmsghdr

func newMessages(frames [][]byte) messages {
	iov := make([]unix.Iovec, len(frames))
	m := make(messages, len(frames))
	for i, f := range frames {
		iov[i].Base = unsafe.SliceData(f)
		iov[i].SetLen(len(f))
		m[i].hdr.Iov = &iov[i]
		m[i].hdr.Iovlen = 1
	}
	return m
}

// send sends the frames, with one system call unless the interface has no room
// for one. It returns how many the interface took; the others are lost, as with
// any sender that is too fast.
func (m messages) send(socket int) (taken int, err error) {
	for next := 0; next < len(m); {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(socket), uintptr(unsafe.Pointer(&m[next])), uintptr(len(m)-next), 0, 0, 0)
		switch errno {
		case 0:
			taken += int(n)
			next += int(n)
		case unix.ENOBUFS, unix.EAGAIN, unix.EINTR:
			next++
		default:
			return taken, errno
		}
	}
	return taken, nil
}

// rawRead is read(2) that blocks the thread, and that Go's scheduler does not
// hear of: a round trip has no share of it.
func rawRead(fd int, p []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	return int(n), errno
}

// rawWrite is write(2), likewise.
func rawWrite(fd int, p []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	return int(n), errno
}
