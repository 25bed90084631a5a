package netback

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// xdpRing is our end of a ring that the kernel has the other end of: the producer
// of some and the consumer of others. It is a view onto memory that the kernel
// shares, and lives as long as that is mapped.
type xdpRing[T any] struct {
	own, other *uint32
	entries    []T
	// index is ours, of which the kernel knows shown; seen is the kernel's when we
	// last looked.
	index, shown, seen uint32
}

// mapXDPRing maps one of a socket's rings, of xdpFrames entries.
func mapXDPRing[T any](fd int, page int64, o unix.XDPRingOffset, producer bool) (r xdpRing[T], memory []byte, err error) {
	var t T
	size := o.Desc + xdpFrames*uint64(unsafe.Sizeof(t))
	memory, err = unix.Mmap(fd, page, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return r, nil, fmt.Errorf("mapping a ring: %w", err)
	}
	at := func(offset uint64) unsafe.Pointer { return unsafe.Pointer(&memory[offset]) }
	r = xdpRing[T]{own: (*uint32)(at(o.Consumer)), other: (*uint32)(at(o.Producer)), entries: unsafe.Slice((*T)(at(o.Desc)), xdpFrames)}
	if producer {
		r.own, r.other = r.other, r.own
	}
	return r, memory, nil
}

// waiting is how many entries the kernel has produced that were not taken. For a
// consumer.
func (r *xdpRing[T]) waiting() uint32 {
	if r.seen == r.index {
		r.seen = atomic.LoadUint32(r.other)
	}
	return r.seen - r.index
}

// used is how many entries the kernel has not consumed. For a producer.
func (r *xdpRing[T]) used() uint32 { return r.index - atomic.LoadUint32(r.other) }

// take is the next entry. The caller has seen that one is waiting.
func (r *xdpRing[T]) take() T {
	v := r.entries[r.index%xdpFrames]
	r.index++
	return v
}

// put adds an entry. The caller knows that there is room.
func (r *xdpRing[T]) put(v T) {
	r.entries[r.index%xdpFrames] = v
	r.index++
}

// unshown is how many entries the kernel has not been told of.
func (r *xdpRing[T]) unshown() uint32 { return r.index - r.shown }

// publish tells the kernel what take and put have done.
func (r *xdpRing[T]) publish() {
	if r.shown != r.index {
		r.shown = r.index
		atomic.StoreUint32(r.own, r.index)
	}
}

// xdpOffsets says where things are in a socket's rings.
func xdpOffsets(fd int) (o unix.XDPMmapOffsets, err error) {
	size := uint32(unsafe.Sizeof(o))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_XDP, unix.XDP_MMAP_OFFSETS,
		uintptr(unsafe.Pointer(&o)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return o, fmt.Errorf("asking for the rings: %w", errno)
	}
	if uintptr(size) != unsafe.Sizeof(o) {
		return o, fmt.Errorf("the rings of a kernel before 5.4: %w", unix.ENOSYS)
	}
	return o, nil
}

// registerUMEM gives a socket its memory of frames, which is then pinned.
func registerUMEM(fd int, memory []byte, chunkBytes uint64) error {
	reg := unix.XDPUmemReg{Addr: uint64(uintptr(unsafe.Pointer(&memory[0]))), Len: uint64(len(memory)), Size: uint32(chunkBytes)}
	// What begins with Flags is of later kernels, and would be 0.
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_XDP, unix.XDP_UMEM_REG,
		uintptr(unsafe.Pointer(&reg)), unsafe.Offsetof(reg.Flags), 0)
	if errno != 0 {
		return fmt.Errorf("pinning %d KiB for frames: %w", len(memory)>>10, errno)
	}
	return nil
}

// kick has the kernel send from the transmit ring. It does not wait.
func kick(fd int) unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
	return errno
}

// ethtoolChannels is struct ethtool_channels of linux/ethtool.h.
type ethtoolChannels struct {
	cmd                                 uint32
	maxRx, maxTx, maxOther, maxCombined uint32
	rx, tx, other, combined             uint32
}

// queues is how many receive queues an interface has. One that does not say has
// one.
func queues(name string) int {
	channels := ethtoolChannels{cmd: unix.ETHTOOL_GCHANNELS}
	if ethtool(name, unsafe.Pointer(&channels)) != nil {
		return 1
	}
	return int(max(1, channels.rx+channels.combined))
}
