package sockets

import (
	"syscall"
	"unsafe"
)

// Bounds of Linux: bytes in one call, buffers in one message, messages in one
// call, bytes of control messages.
const (
	maxTransfer = 0x7ffff000
	maxVectors  = 1024
	maxControl  = 1 << 17
)

func (t *Table) sendTo(fd int, p, q unsafe.Pointer, n uintptr, flags int, addrLen uintptr) (int, syscall.Errno) {
	b, errno := memory(p, n)
	if errno != 0 {
		return 0, errno
	}
	var to []byte
	if q != nil {
		if to, errno = address(q, addrLen); errno != 0 {
			return 0, errno
		}
	}
	m := newMessage()
	m.one[0] = b
	m.Buffers, m.Name, m.Flags = m.one[:], to, flags
	sent, errno := t.Send(fd, m)
	m.free()
	return sent, errno
}

func (t *Table) receiveFrom(fd int, p, q unsafe.Pointer, addrLen *int32, n uintptr, flags int) (int, syscall.Errno) {
	b, errno := memory(p, n)
	if errno != 0 {
		return 0, errno
	}
	var from []byte
	if q != nil {
		if from, errno = room(q, addrLen); errno != 0 {
			return 0, errno
		}
	}
	m := newMessage()
	m.one[0] = b
	m.Buffers, m.Name, m.Flags = m.one[:], from, flags
	got, errno := t.Receive(fd, m)
	if errno == 0 && q != nil {
		*addrLen = int32(m.NameLen)
	}
	m.free()
	return got, errno
}

// message is sendmsg and recvmsg.
func (t *Table) message(fd int, h *syscall.Msghdr, flags int, send bool) (int, syscall.Errno) {
	switch {
	case h.Iovlen > maxVectors:
		return 0, syscall.EMSGSIZE
	case int32(h.Namelen) < 0:
		return 0, syscall.EINVAL
	case send && h.Controllen > maxControl:
		return 0, syscall.ENOBUFS
	}
	m := newMessage()
	defer m.free()
	if h.Iovlen != 0 && h.Iov == nil {
		return 0, syscall.EFAULT
	}
	total := uintptr(0)
	for _, v := range unsafe.Slice(h.Iov, int(h.Iovlen)) {
		if int64(v.Len) < 0 {
			return 0, syscall.EINVAL
		}
		b, errno := memory(unsafe.Pointer(v.Base), min(uintptr(v.Len), maxTransfer-total))
		if errno != 0 {
			return 0, errno
		}
		total += uintptr(len(b))
		m.many = append(m.many, b)
	}
	m.Buffers, m.Flags = m.many, flags
	var errno syscall.Errno
	if h.Name != nil {
		if m.Name, errno = memory(unsafe.Pointer(h.Name), uintptr(min(h.Namelen, maxAddress))); errno != 0 {
			return 0, errno
		}
	}
	if m.Control, errno = memory(unsafe.Pointer(h.Control), uintptr(min(h.Controllen, maxControl))); errno != 0 {
		return 0, errno
	}
	if send {
		return t.Send(fd, m)
	}
	n, errno := t.Receive(fd, m)
	if errno == 0 {
		if h.Name != nil {
			h.Namelen = uint32(m.NameLen)
		}
		h.Controllen = uint64(m.ControlLen)
		h.Flags = int32(m.OutFlags)
	}
	return n, errno
}

// mmsghdr is struct mmsghdr.
type mmsghdr struct {
	header syscall.Msghdr
	n      uint32
	_      [4]byte
}

// messages is sendmmsg and recvmmsg. An error after the first message is left
// to the next call.
func (t *Table) messages(fd int, p unsafe.Pointer, count uintptr, flags int, send bool) (int, syscall.Errno) {
	const waitForOne = 0x10000
	if !t.Is(fd) {
		return 0, syscall.EBADF
	}
	if count != 0 && p == nil {
		return 0, syscall.EFAULT
	}
	messages := unsafe.Slice((*mmsghdr)(p), int(min(count, maxVectors)))
	for i := range messages {
		n, errno := t.message(fd, &messages[i].header, flags&^waitForOne, send)
		if errno != 0 {
			if i != 0 {
				return i, 0
			}
			return 0, errno
		}
		messages[i].n = uint32(n)
		if flags&waitForOne != 0 {
			flags |= syscall.MSG_DONTWAIT
		}
	}
	return len(messages), 0
}
