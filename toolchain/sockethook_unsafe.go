package toolchain

// socketHook is the file that package syscall gets in images with a socket
// layer. The variables are set by tender/guest/network. A pointer that is given
// to onSocket lives on the heap, so that the socket layer may block with it.
const socketHook = `package syscall

import "unsafe"

//go:linkname isSocket
var isSocket = func(fd int) bool { return false }

//go:linkname socketCall
var socketCall func(nr, fd uintptr, p, q, r unsafe.Pointer, x, y, z uintptr) (uintptr, Errno)

func onSocket(nr, fd int, p, q, r unsafe.Pointer, x, y, z uintptr) (int, error) {
	n, e := socketCall(uintptr(nr), uintptr(fd), p, q, r, x, y, z)
	if e != 0 {
		return -1, errnoErr(e)
	}
	return int(n), nil
}

// SocketWritev is writev for package internal/poll; ok is false if fd is no
// socket.
func SocketWritev(fd int, iovecs []Iovec) (n int, err error, ok bool) {
	if !isSocket(fd) {
		return 0, nil, false
	}
	n, err = onSocket(SYS_WRITEV, fd, unsafe.Pointer(&iovecs[0]), nil, nil, uintptr(len(iovecs)), 0, 0)
	return n, err, true
}

// SocketFcntl is fcntl for package internal/syscall/unix; ok is false if fd is
// no socket.
func SocketFcntl(fd, cmd, arg int) (n int, err error, ok bool) {
	if !isSocket(fd) {
		return 0, nil, false
	}
	n, err = onSocket(SYS_FCNTL, fd, nil, nil, nil, uintptr(cmd), uintptr(arg), 0)
	return n, err, true
}
`
