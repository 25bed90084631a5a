package hvt

import (
	"fmt"
	"sync"

	"github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"

	"tender/hvt/gdb"
)

// debugRegisters is what the CPU's debug registers can do for a guest. Where
// KVM is software that is little, and not the same in both modes.
type debugRegisters struct {
	execute bool // stop at an instruction
	watch   bool // stop after a write to memory
}

var (
	userDebugRegisters   = sync.OnceValues(func() (debugRegisters, error) { return probeDebugRegisters(StartUser) })
	kernelDebugRegisters = sync.OnceValues(func() (debugRegisters, error) { return probeDebugRegisters(StartKernel) })
)

// debugRegistersFor tries them, once per process.
func debugRegistersFor(mode Start) (debugRegisters, error) {
	if mode == StartUser {
		return userDebugRegisters()
	}
	return kernelDebugRegisters()
}

// debugProbeCode is stopped at its second instruction, and after that.
var debugProbeCode = append([]byte{
	0x90, // nop
	0x50, // push %rax
}, probeCode[3:]...)

func probeDebugRegisters(mode Start) (can debugRegisters, err error) {
	vm, err := probeVM(debugProbeCode, mode)
	if err != nil {
		return can, fmt.Errorf("probing debug registers: %w", err)
	}
	defer vm.Close()
	if can.execute, err = vm.stopsAt(&gdb.Break{Kind: gdb.Hardware, Addr: probeEntry + 1}); err != nil {
		return can, fmt.Errorf("probing debug registers: %w", err)
	}
	if !can.execute {
		// The guest has run to its end: another one.
		other, err := probeVM(debugProbeCode, mode)
		if err != nil {
			return can, fmt.Errorf("probing debug registers: %w", err)
		}
		defer other.Close()
		vm = other
	}
	can.watch, err = vm.stopsAt(&gdb.Break{Kind: gdb.Write, Addr: probeMem - 16, Size: 8})
	if err != nil {
		return can, fmt.Errorf("probing debug registers: %w", err)
	}
	return can, nil
}

// stopsAt runs the guest to its next exit and says whether that is the break.
func (vm *VM) stopsAt(b *gdb.Break) (bool, error) {
	d := debugger{vm: vm, hardware: [4]*gdb.Break{b}}
	if err := d.control(); err != nil {
		return false, err
	}
	for {
		switch errno := enter(vm.vcpu.fd, false); errno {
		case 0:
			return kvm.ExitType(vm.vcpu.run.ExitReason) == kvm.EXITDEBUG, nil
		case unix.EINTR:
		default:
			return false, errno
		}
	}
}
