// Handup plays the socket layer: it answers the system calls on sockets that
// other goroutines make past package syscall's socket functions.
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"tender/abi"
)

func check(ok bool, format string, args ...any) {
	if !ok {
		fmt.Printf(format+"\n", args...)
		os.Exit(1)
	}
}

func ioctl(fd int, request, arg uintptr) (int, syscall.Errno) {
	r, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, arg)
	return int(r), e
}

// serve answers each call with its number times a thousand plus its second
// argument; socket and close it does.
func serve(dev *os.File) {
	buf := make([]byte, 64)
	for {
		n, err := dev.Read(buf)
		if err != nil {
			return
		}
		check(n == 64, "record of %d bytes", n)
		var c abi.SocketCall
		binary.Decode(buf, binary.LittleEndian, &c)
		result := int64(c.Number*1000 + c.Args[1])
		switch c.Number {
		case syscall.SYS_SOCKET:
			fd, err := syscall.Open(abi.SocketPath, syscall.O_RDWR|syscall.O_NONBLOCK, 0)
			check(err == nil, "%v", err)
			result = int64(fd)
		case syscall.SYS_CLOSE:
			_, e := ioctl(int(c.Args[0]), abi.IoctlSocketClose, 0)
			result = -int64(e)
		case syscall.SYS_CONNECT:
			result = -int64(syscall.ECONNREFUSED)
		}
		reply := abi.SocketReply{ID: c.ID, Result: result}
		_, e := ioctl(int(dev.Fd()), abi.IoctlSocketReply, uintptr(unsafe.Pointer(&reply)))
		check(e == 0, "reply: %v", e)
	}
}

func main() {
	_, _, e := syscall.Syscall(syscall.SYS_SOCKET, 2, 1, 0)
	check(e == syscall.EAFNOSUPPORT, "socket without a layer: %v", e)
	dev, err := os.OpenFile(abi.SocketsPath, os.O_RDWR|syscall.O_NONBLOCK, 0)
	check(err == nil, "%v", err)
	go serve(dev)

	var all sync.WaitGroup
	for i := range uintptr(20) {
		all.Go(func() {
			r, _, e := syscall.Syscall(syscall.SYS_SOCKET, 2, 1, 0)
			check(e == 0, "socket: %v", e)
			fd := int(r)
			_, _, e = syscall.Syscall(syscall.SYS_CONNECT, uintptr(fd), 0, 0)
			check(e == syscall.ECONNREFUSED, "connect: %v", e)
			for j := range uintptr(20) {
				r, _, e := syscall.Syscall(syscall.SYS_LISTEN, uintptr(fd), i*20+j, 0)
				check(e == 0 && r == 50000+i*20+j, "listen: %d, %v", r, e)
			}
			_, _, e = syscall.Syscall(syscall.SYS_CLOSE, uintptr(fd), 0, 0)
			check(e == 0, "close: %v", e)
			_, _, e = syscall.Syscall(syscall.SYS_LISTEN, uintptr(fd)+1000, 1, 0)
			check(e == syscall.EBADF, "listen on a closed descriptor: %v", e)
		})
	}
	all.Wait()

	// Readiness wakes a reader of the poller.
	fd, err := syscall.Open(abi.SocketPath, syscall.O_RDWR|syscall.O_NONBLOCK, 0)
	check(err == nil, "%v", err)
	ep, err := syscall.EpollCreate1(0)
	check(err == nil, "%v", err)
	edge := uint32(1) << 31
	check(syscall.EpollCtl(ep, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN | edge, Fd: int32(fd)}) == nil, "epoll_ctl")
	time.AfterFunc(20*time.Millisecond, func() { ioctl(fd, abi.IoctlSocketReady, syscall.EPOLLIN|syscall.EPOLLOUT) })
	events := make([]syscall.EpollEvent, 4)
	n, err := syscall.EpollWait(ep, events, 10_000)
	check(n == 1 && events[0].Events == syscall.EPOLLIN && events[0].Fd == int32(fd), "epoll_wait: %d, %v, %v", n, events[:1], err)
	n, err = syscall.EpollWait(ep, events, 0)
	check(n == 0 && err == nil, "epoll_wait again: %d, %v", n, err)
	fmt.Println("ok")
}
