package datapath

import (
	"structs"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Structures of linux/io_uring.h.

const (
	sqeBytes = 64
	cqeBytes = 16
)

type sqe struct {
	_        structs.HostLayout
	Opcode   uint8
	flags    uint8
	_        uint16
	FD       int32
	Offset   uint64
	Address  uint64
	Len      uint32
	Flags    uint32 // rw_flags
	UserData uint64
	BufIndex uint16
	_        [22]byte
}

type cqe struct {
	_        structs.HostLayout
	UserData uint64
	Result   int32
	Flags    uint32
}

type uringParams struct {
	_                                   structs.HostLayout
	SQEntries, CQEntries, Flags         uint32
	SQThreadCPU, SQThreadIdle, Features uint32
	WQFD                                uint32
	_                                   [3]uint32
	SQ                                  struct {
		Head, Tail, RingMask, RingEntries, Flags, Dropped, Array, _ uint32
		_                                                           uint64
	}
	CQ struct {
		Head, Tail, RingMask, RingEntries, Overflow, CQEs, Flags, _ uint32
		_                                                           uint64
	}
}

type uringRestriction struct {
	_      structs.HostLayout
	Opcode uint16
	Op     uint8
	_      uint8
	_      [3]uint32
}

func uringSetup(entries uint32, p *uringParams) (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(p)), 0)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// uringRegister takes the address of memory that lives until it returns.
func uringRegister(fd, op int, arg unsafePointer, n int) error {
	if _, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(fd), uintptr(op), uintptr(arg), uintptr(n), 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// uringEnter does not tell the Go scheduler: what is asked of it never blocks.
func uringEnter(fd int, submit, complete, flags uint32) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(fd), uintptr(submit), uintptr(complete), uintptr(flags), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

type unsafePointer = unsafe.Pointer

func pointerOf[T any](t *T) unsafePointer { return unsafe.Pointer(t) }

// iovecOf describes memory to the kernel.
func iovecOf(memory []byte) unsafePointer {
	v := &unix.Iovec{Base: unsafe.SliceData(memory)}
	v.SetLen(len(memory))
	return unsafe.Pointer(v)
}

// addressOf is where vectors are, for the kernel.
func addressOf(v []unix.Iovec) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(v))) }

// sliceAt is n elements at an offset of memory, which must hold them whole.
func sliceAt[T any](memory []byte, offset uint64, n uint32) []T {
	var t T
	_ = memory[offset : offset+uint64(n)*uint64(unsafe.Sizeof(t))]
	return unsafe.Slice((*T)(unsafe.Pointer(&memory[offset])), n)
}
