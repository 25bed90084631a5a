package main

import (
	"errors"
	"sync/atomic"
	"syscall"
	"unsafe"

	"tender/abi"
)

// memory is the UMEM. It stays where it is for ever.
type memory struct {
	header *abi.UMEMHeader
	base   uintptr
}

func info(fd uintptr) (handle uint32, mac [6]byte, err error) {
	var i abi.DeviceInfo
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, abi.IoctlDeviceInfo, uintptr(unsafe.Pointer(&i))); errno != 0 {
		return 0, mac, errno
	}
	return uint32(i.Handle), (*abi.NetInfo)(unsafe.Pointer(&i.Info)).MAC, nil
}

func mapArea(fd uintptr) (m memory, err error) {
	var a abi.UMEMArea
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, abi.IoctlUMEM, uintptr(unsafe.Pointer(&a))); errno != 0 {
		return m, errno
	}
	if a.Bytes == 0 {
		return m, errors.New("there is no UMEM")
	}
	m.base = uintptr(a.Address)
	m.header = at[abi.UMEMHeader](m, 0)
	return m, nil
}

func doorbell(fd uintptr) {
	syscall.RawSyscall(syscall.SYS_IOCTL, fd, abi.IoctlDoorbell, 0)
}

func at[T any](m memory, offset uint64) *T {
	address := m.base + uintptr(offset)
	return (*T)(*(*unsafe.Pointer)(unsafe.Pointer(&address)))
}

// bytes is the size of the UMEM, and scratch where its first chunk is.
func (m memory) bytes() uint64   { return m.header.Bytes }
func (m memory) scratch() uint32 { return uint32(m.header.ChunksOffset) }

func (m memory) chunk(offset uint32) []byte {
	return at[[abi.UMEMChunkBytes]byte](m, uint64(offset))[:]
}

func (m memory) port(i int) *abi.UMEMPort {
	return at[abi.UMEMPort](m, uint64(unsafe.Sizeof(abi.UMEMHeader{}))+uint64(i)*uint64(unsafe.Sizeof(abi.UMEMPort{})))
}

// ring32 is one ring, of either kind.
type ring32 struct {
	head  *abi.UMEMRing
	slots []abi.UMEMDesc
}

func (m memory) ring(offset uint64, slots uint32) *ring32 {
	entries := at[abi.UMEMDesc](m, offset+uint64(unsafe.Sizeof(abi.UMEMRing{})))
	return &ring32{head: at[abi.UMEMRing](m, offset), slots: unsafe.Slice(entries, slots)}
}

// room is how many entries a producer may add.
func (r *ring32) room() int {
	return len(r.slots) - int(load(&r.head.Producer)-load(&r.head.Consumer))
}

// put adds entries, all at once, if there is room for them.
func (r *ring32) put(entries ...abi.UMEMDesc) bool {
	if r.room() < len(entries) {
		return false
	}
	next := load(&r.head.Producer)
	for _, d := range entries {
		r.slots[next%uint32(len(r.slots))] = d
		next++
	}
	store(&r.head.Producer, next)
	return true
}

// take is the next entry for a consumer.
func (r *ring32) take() (d abi.UMEMDesc, ok bool) {
	next := load(&r.head.Consumer)
	if next == load(&r.head.Producer) {
		return 0, false
	}
	d = r.slots[next%uint32(len(r.slots))]
	store(&r.head.Consumer, next+1)
	return d, true
}

// setIndex makes the guest's own index wrong by so many.
func (r *ring32) setIndex(producer bool, by uint32) {
	index := &r.head.Consumer
	if producer {
		index = &r.head.Producer
	}
	store(index, load(index)+by)
}

func load(p *uint32) uint32           { return atomic.LoadUint32(p) }
func store(p *uint32, v uint32)       { atomic.StoreUint32(p, v) }
func swap(p *uint32, v uint32) uint32 { return atomic.SwapUint32(p, v) }
