package sockets

import (
	"syscall"
	"unsafe"
)

// Call answers one system call of Linux x86-64. fd is its first argument, which
// for socket and socketpair is the domain. The others are given by kind, each
// in the order of the call: pointers in p, q, r, integers in x, y, z; those that
// follow the call's last are ignored.
//
//	read, write             p buffer                       x length
//	readv, writev           p vectors                      x count
//	sendto                  p buffer, q address            x length, y flags, z address length
//	recvfrom                p buffer, q address, r *length x length, y flags
//	sendmsg, recvmsg        p message                      x flags
//	sendmmsg, recvmmsg      p messages                     x count, y flags
//	bind, connect           p address                      x length
//	accept, accept4         p address, q *length           x flags
//	getsockname, -peername  p address, q *length
//	setsockopt              p value                        x level, y name, z length
//	getsockopt              p value, q *length             x level, y name
//	socket, socketpair      p descriptors                  x type, y protocol
//	listen, shutdown                                       x backlog, direction
//	fcntl                                                  x command, y argument
//	dup2, dup3                                             x descriptor
//	sendfile                p offset                       x file, y count
//	ioctl                   p argument                     x request
//	close, dup, fstat       p stat
//
// Memory behind pointers is the caller's; it must hold what the lengths say,
// and nothing of it is kept. Other calls fail with ENOSYS.
func (t *Table) Call(nr, fd uintptr, p, q, r unsafe.Pointer, x, y, z uintptr) (uintptr, syscall.Errno) {
	n, errno := t.call(nr, int(int32(fd)), p, q, r, x, y, z)
	if errno != 0 {
		return ^uintptr(0), errno
	}
	return uintptr(n), 0
}

// Raw is Call with the arguments as the registers have them. What they point
// to must not lie on a goroutine's stack, which could move meanwhile.
func (t *Table) Raw(nr uintptr, a [6]uintptr) (uintptr, syscall.Errno) {
	var p, q, r unsafe.Pointer
	var x, y, z uintptr
	switch nr {
	case syscall.SYS_READ, syscall.SYS_WRITE, syscall.SYS_READV, syscall.SYS_WRITEV,
		syscall.SYS_BIND, syscall.SYS_CONNECT, syscall.SYS_SENDMSG, syscall.SYS_RECVMSG:
		p, x = pointer(a[1]), a[2]
	case syscall.SYS_SENDTO:
		p, x, y, q, z = pointer(a[1]), a[2], a[3], pointer(a[4]), a[5]
	case syscall.SYS_RECVFROM:
		p, x, y, q, r = pointer(a[1]), a[2], a[3], pointer(a[4]), pointer(a[5])
	case sysSendmmsg, syscall.SYS_RECVMMSG:
		p, x, y = pointer(a[1]), a[2], a[3]
	case syscall.SYS_ACCEPT, syscall.SYS_GETSOCKNAME, syscall.SYS_GETPEERNAME:
		p, q = pointer(a[1]), pointer(a[2])
	case syscall.SYS_ACCEPT4:
		p, q, x = pointer(a[1]), pointer(a[2]), a[3]
	case syscall.SYS_SETSOCKOPT:
		x, y, p, z = a[1], a[2], pointer(a[3]), a[4]
	case syscall.SYS_GETSOCKOPT:
		x, y, p, q = a[1], a[2], pointer(a[3]), pointer(a[4])
	case syscall.SYS_SOCKET, syscall.SYS_SOCKETPAIR:
		x, y, p = a[1], a[2], pointer(a[3])
	case syscall.SYS_LISTEN, syscall.SYS_SHUTDOWN, syscall.SYS_FCNTL, syscall.SYS_DUP2, syscall.SYS_DUP3:
		x, y = a[1], a[2]
	case syscall.SYS_IOCTL:
		x, p = a[1], pointer(a[2])
	case syscall.SYS_SENDFILE:
		x, p, y = a[1], pointer(a[2]), a[3]
	case syscall.SYS_FSTAT:
		p = pointer(a[1])
	}
	return t.Call(nr, a[0], p, q, r, x, y, z)
}

// pointer is a register that holds an address.
func pointer(a uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&a)) }

func (t *Table) call(nr uintptr, fd int, p, q, r unsafe.Pointer, x, y, z uintptr) (int, syscall.Errno) {
	switch nr {
	case syscall.SYS_READ, syscall.SYS_WRITE:
		b, errno := memory(p, x)
		switch {
		case errno != 0:
			return 0, errno
		case nr == syscall.SYS_READ:
			return t.Read(fd, b)
		}
		return t.Write(fd, b)
	case syscall.SYS_READV, syscall.SYS_WRITEV:
		h := syscall.Msghdr{Iov: (*syscall.Iovec)(p), Iovlen: uint64(x)}
		if x > maxVectors {
			return 0, syscall.EINVAL
		}
		return t.message(fd, &h, 0, nr == syscall.SYS_WRITEV)
	case syscall.SYS_SENDTO:
		return t.sendTo(fd, p, q, x, int(int32(y)), z)
	case syscall.SYS_RECVFROM:
		return t.receiveFrom(fd, p, q, (*int32)(r), x, int(int32(y)))
	case syscall.SYS_SENDMSG, syscall.SYS_RECVMSG:
		if p == nil {
			return 0, syscall.EFAULT
		}
		return t.message(fd, (*syscall.Msghdr)(p), int(int32(x)), nr == syscall.SYS_SENDMSG)
	case sysSendmmsg, syscall.SYS_RECVMMSG:
		return t.messages(fd, p, x, int(int32(y)), nr == sysSendmmsg)
	case syscall.SYS_BIND, syscall.SYS_CONNECT:
		b, errno := address(p, x)
		switch {
		case errno != 0:
			return 0, errno
		case nr == syscall.SYS_BIND:
			return 0, t.Bind(fd, b)
		}
		return 0, t.Connect(fd, b)
	case syscall.SYS_ACCEPT, syscall.SYS_ACCEPT4:
		if nr == syscall.SYS_ACCEPT {
			x = 0
		}
		return t.acceptCall(fd, p, (*int32)(q), int(int32(x)))
	case syscall.SYS_GETSOCKNAME, syscall.SYS_GETPEERNAME:
		name, errno := t.Name(fd, nr == syscall.SYS_GETPEERNAME, nil)
		if errno == 0 {
			errno = store(p, (*int32)(q), name)
		}
		return 0, errno
	case syscall.SYS_SETSOCKOPT:
		if int32(z) < 0 {
			return 0, syscall.EINVAL
		}
		b, errno := memory(p, z)
		if errno != 0 {
			return 0, errno
		}
		return 0, t.SetOption(fd, int(int32(x)), int(int32(y)), b)
	case syscall.SYS_GETSOCKOPT:
		return 0, t.optionCall(fd, p, (*int32)(q), int(int32(x)), int(int32(y)))
	case syscall.SYS_SOCKET:
		return t.Socket(fd, int(int32(x)), int(int32(y)))
	case syscall.SYS_SOCKETPAIR:
		if p == nil {
			return 0, syscall.EFAULT
		}
		fds, errno := t.Pair(fd, int(int32(x)), int(int32(y)))
		if errno == 0 {
			*(*[2]int32)(p) = [2]int32{int32(fds[0]), int32(fds[1])}
		}
		return 0, errno
	case syscall.SYS_LISTEN:
		return 0, t.Listen(fd, int(int32(x)))
	case syscall.SYS_SHUTDOWN:
		return 0, t.Shutdown(fd, int(int32(x)))
	case syscall.SYS_FCNTL:
		return t.Fcntl(fd, int(int32(x)), int(int32(y)))
	case syscall.SYS_IOCTL:
		size := uintptr(ioctlSize(x))
		b, errno := memory(p, size)
		if errno != 0 {
			return 0, errno
		}
		return 0, t.Ioctl(fd, x, b)
	case syscall.SYS_CLOSE:
		return 0, t.Close(fd)
	case syscall.SYS_DUP:
		return t.Dup(fd, 0)
	case syscall.SYS_DUP2, syscall.SYS_DUP3:
		if nr == syscall.SYS_DUP2 && int(int32(x)) == fd && t.Is(fd) {
			return fd, 0
		}
		return t.DupTo(fd, int(int32(x)))
	case syscall.SYS_SENDFILE:
		return t.SendFile(fd, int(int32(x)), (*int64)(p), int(min(y, maxTransfer)))
	case syscall.SYS_FSTAT:
		return 0, t.stat(fd, (*syscall.Stat_t)(p))
	}
	return 0, syscall.ENOSYS
}

// memory is what lies at an address as a slice, of a bounded length.
func memory(p unsafe.Pointer, n uintptr) ([]byte, syscall.Errno) {
	n = min(n, maxTransfer)
	if n == 0 {
		return nil, 0
	}
	if p == nil {
		return nil, syscall.EFAULT
	}
	return unsafe.Slice((*byte)(p), int(n)), 0
}

// address is a struct sockaddr of the given length.
func address(p unsafe.Pointer, n uintptr) ([]byte, syscall.Errno) {
	if uint32(n) > maxAddress {
		return nil, syscall.EINVAL
	}
	return memory(p, uintptr(uint32(n)))
}

// room is the memory for a value whose size *n says.
func room(p unsafe.Pointer, n *int32) ([]byte, syscall.Errno) {
	if n == nil {
		return nil, syscall.EFAULT
	}
	if *n < 0 {
		return nil, syscall.EINVAL
	}
	return memory(p, uintptr(*n))
}

// store puts an address, or as much of it as fits, where the caller wants it,
// and its full length into *n.
func store(p unsafe.Pointer, n *int32, addr []byte) syscall.Errno {
	b, errno := room(p, n)
	if errno == 0 {
		copy(b, addr)
		*n = int32(len(addr))
	}
	return errno
}

func (t *Table) acceptCall(fd int, p unsafe.Pointer, n *int32, flags int) (int, syscall.Errno) {
	if p != nil {
		if _, errno := room(p, n); errno != 0 {
			return -1, errno
		}
	}
	var addr [maxAddress]byte
	got, peer, errno := t.Accept(fd, flags, addr[:0])
	if errno == 0 && p != nil {
		errno = store(p, n, peer)
	}
	return got, errno
}

func (t *Table) optionCall(fd int, p unsafe.Pointer, n *int32, level, name int) syscall.Errno {
	b, errno := room(p, n)
	if errno != 0 {
		return errno
	}
	value, errno := t.Option(fd, level, name, nil)
	if errno != 0 {
		return errno
	}
	if level == syscall.IPPROTO_IP && len(value) == 4 && len(b) < 4 && value[1]|value[2]|value[3] == 0 {
		value = value[:1] // small numbers in short rooms are bytes
	}
	*n = int32(copy(b, value))
	return 0
}

// stat says no more than that the descriptor is a socket.
func (t *Table) stat(fd int, s *syscall.Stat_t) syscall.Errno {
	if !t.Is(fd) {
		return syscall.EBADF
	}
	if s == nil {
		return syscall.EFAULT
	}
	*s = syscall.Stat_t{Ino: uint64(fd) + 1, Nlink: 1, Mode: syscall.S_IFSOCK | 0o777, Blksize: 4096}
	return 0
}
