package hvt

import (
	"sync/atomic"
	"unsafe"

	"github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"
)

// The ioctls that pass memory are issued here rather than by gokvm: it turns
// the pointer into an integer one call too early, so a struct on a goroutine
// stack may have moved when the kernel writes to it. Its structs, numbers and
// pointerless calls are used as they are.
var (
	ioctlRun                 = kvm.IIO(0x80)
	ioctlGetSupportedCPUID   = kvm.IIOWR(0x05, 8)
	ioctlSetUserMemoryRegion = kvm.IIOW(0x46, unsafe.Sizeof(kvm.UserspaceMemoryRegion{}))
	ioctlGetRegs             = kvm.IIOR(0x81, unsafe.Sizeof(kvm.Regs{}))
	ioctlSetRegs             = kvm.IIOW(0x82, unsafe.Sizeof(kvm.Regs{}))
	ioctlGetSregs            = kvm.IIOR(0x83, unsafe.Sizeof(kvm.Sregs{}))
	ioctlSetSregs            = kvm.IIOW(0x84, unsafe.Sizeof(kvm.Sregs{}))
	ioctlGetXSave            = kvm.IIOR(0xa4, unsafe.Sizeof(xsaveState{}))
	ioctlSetXSave            = kvm.IIOW(0xa5, unsafe.Sizeof(xsaveState{}))
	ioctlGetVCPUEvents       = kvm.IIOR(0x9f, unsafe.Sizeof(vcpuEvents{}))
	ioctlSetVCPUEvents       = kvm.IIOW(0xa0, unsafe.Sizeof(vcpuEvents{}))
	ioctlSetGuestDebug       = kvm.IIOW(0x9b, unsafe.Sizeof(guestDebug{}))
	ioctlSetCPUID2           = kvm.IIOW(0x90, 8)
	ioctlSetXCRS             = kvm.IIOW(0xa7, unsafe.Sizeof(kvm.XCRS{}))
)

// cpuidTable is struct kvm_cpuid2 with room for as many entries as KVM has.
type cpuidTable struct {
	n       uint32
	_       uint32
	entries [256]kvm.CPUIDEntry2
}

// vcpuEvents is struct kvm_vcpu_events, of which only the exception that is
// on its way to the guest matters here.
type vcpuEvents struct {
	injected uint8
	_        [2]uint8
	pending  uint8
	_        [60]uint8
}

// guestDebug is struct kvm_guest_debug: what to stop a guest for, by DR0 to DR7.
type guestDebug struct {
	control   uint32
	_         uint32
	registers [8]uint64
}

// Bits of guestDebug.control.
const (
	guestDebugEnable   = 1 << 0
	guestDebugStep     = 1 << 1
	guestDebugHardware = 1 << 17
)

func ioctl[T any](fd int, op uintptr, arg *T) error {
	_, err := uninterrupted(func() (uintptr, error) {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), op, uintptr(unsafe.Pointer(arg)))
		if errno != 0 {
			return 0, errno
		}
		return 0, nil
	})
	return err
}

// uninterrupted repeats a call that a signal cut short, as the Go runtime's
// do to KVM_CREATE_VM now and then. It is not for KVM_RUN.
func uninterrupted(call func() (uintptr, error)) (uintptr, error) {
	for {
		v, err := call()
		if err != unix.EINTR {
			return v, err
		}
	}
}

func supportedCPUID(kvmFD int) (*cpuidTable, error) {
	t := &cpuidTable{n: uint32(len(cpuidTable{}.entries))}
	err := ioctl(kvmFD, ioctlGetSupportedCPUID, t)
	return t, err
}

// setMemory makes mem, which must be page-aligned and outlive the VM, the
// guest physical memory at base.
func setMemory(vmFD int, slot uint32, base uint64, mem []byte) error {
	return ioctl(vmFD, ioctlSetUserMemoryRegion, &kvm.UserspaceMemoryRegion{
		Slot:          slot,
		GuestPhysAddr: base,
		MemorySize:    uint64(len(mem)),
		UserspaceAddr: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(mem)))),
	})
}

// enter is KVM_RUN. Unlike gokvm's it reports EINTR, which is how a running
// guest is stopped. With keep the Go scheduler does not hear of it: see
// Config.KeepProc.
func enter(vcpuFD int, keep bool) unix.Errno {
	if keep {
		_, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(vcpuFD), ioctlRun, 0)
		return errno
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(vcpuFD), ioctlRun, 0)
	return errno
}

// runData is the kvm_run structure at the start of the vCPU's mapping.
func runData(mapping []byte) *kvm.RunData {
	return (*kvm.RunData)(unsafe.Pointer(unsafe.SliceData(mapping)))
}

// requestExit makes the present or next KVM_RUN return EINTR. Any goroutine
// may call it: kvm_run.immediate_exit is the second byte of the mapping, and
// the word is changed atomically beside its neighbour, which stays 0.
func requestExit(mapping []byte) {
	atomic.OrUint32((*uint32)(unsafe.Pointer(unsafe.SliceData(mapping))), 1<<8)
}

// exitRequested says whether requestExit is in effect.
func exitRequested(mapping []byte) bool {
	return atomic.LoadUint32((*uint32)(unsafe.Pointer(unsafe.SliceData(mapping))))&(1<<8) != 0
}

// dismissExit undoes requestExit.
func dismissExit(mapping []byte) {
	atomic.AndUint32((*uint32)(unsafe.Pointer(unsafe.SliceData(mapping))), ^uint32(1<<8))
}
