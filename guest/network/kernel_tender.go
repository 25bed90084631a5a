//go:build tender

package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"

	"tender/abi"
	"tender/guest/sockets"
)

// kernel gives the socket layer descriptors of the guest kernel.
type kernel struct{ sockets.SystemFiles }

var (
	_ sockets.Kernel   = kernel{}
	_ sockets.Replacer = kernel{}
)

// Open implements sockets.Kernel.
func (kernel) Open() (int, syscall.Errno) {
	fd, err := syscall.Open(abi.SocketPath, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		var errno syscall.Errno
		errors.As(err, &errno)
		return -1, errno
	}
	return fd, 0
}

// Dup implements sockets.Kernel.
func (kernel) Dup(fd, atLeast int) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(fd), abi.IoctlSocketDup, uintptr(atLeast))
	return int(n), errno
}

// DupTo implements sockets.Replacer.
func (kernel) DupTo(fd, other int) syscall.Errno {
	_, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(fd), abi.IoctlSocketDupTo, uintptr(other))
	return errno
}

// Close implements sockets.Kernel.
func (kernel) Close(fd int) syscall.Errno {
	_, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(fd), abi.IoctlSocketClose, 0)
	return errno
}

// Ready implements sockets.Kernel. A descriptor that is closed meanwhile has
// nobody to tell.
func (kernel) Ready(fd int, events uint32) {
	syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(fd), abi.IoctlSocketReady, uintptr(events))
}

// install makes the table answer socket calls: those of the standard library,
// and those that reach the kernel past it.
func install(t *sockets.Table) error {
	fd, err := syscall.Open(abi.SocketsPath, syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("taking over socket calls: %w", err)
	}
	isSocket, socketCall = t.Is, t.Call
	go answer(t, os.NewFile(uintptr(fd), abi.SocketsPath), uintptr(fd))
	return nil
}

// answer serves the system calls on sockets that reach the kernel, one goroutine
// each, since they may block. fd is the descriptor of handedUp, which stays
// open for ever.
func answer(t *sockets.Table, handedUp *os.File, fd uintptr) {
	var record [64]byte
	for {
		if _, err := handedUp.Read(record[:]); err != nil {
			fmt.Fprintln(os.Stderr, "tender: socket calls:", err)
			return
		}
		id, number := binary.LittleEndian.Uint64(record[:]), binary.LittleEndian.Uint64(record[8:])
		var args [6]uintptr
		for i := range args {
			args[i] = uintptr(binary.LittleEndian.Uint64(record[16+8*i:]))
		}
		go func() {
			n, errno := t.Raw(uintptr(number), args)
			result := int64(n)
			if errno != 0 {
				result = -int64(errno)
			}
			reply(fd, abi.SocketReply{ID: id, Result: result})
		}()
	}
}
