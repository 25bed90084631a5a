package hvt

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/bobuhiro11/gokvm/kvm"

	"tender/abi"
	"tender/hvt/gdb"
)

// steppedOver ends a step over a hypercall, of which not every KVM tells. One
// that does has an exception waiting, which is dropped.
func (d *debugger) steppedOver() (*gdb.Stop, error) {
	if err := d.vm.settle(); err != nil {
		return nil, err
	}
	events := new(vcpuEvents)
	if err := ioctl(d.vm.vcpu.fd, ioctlGetVCPUEvents, events); err != nil {
		return nil, fmt.Errorf("KVM_GET_VCPU_EVENTS: %w", err)
	}
	if events.injected != 0 || events.pending != 0 {
		events.injected, events.pending = 0, 0
		if err := ioctl(d.vm.vcpu.fd, ioctlSetVCPUEvents, events); err != nil {
			return nil, fmt.Errorf("KVM_SET_VCPU_EVENTS: %w", err)
		}
	}
	return &gdb.Stop{Signal: gdb.SIGTRAP}, nil
}

// interrupted is the stop that gdb asks for, nil if the guest is in the stub:
// an exception is about to stop it.
func (d *debugger) interrupted(ctx context.Context) (*gdb.Stop, error) {
	if err := d.vm.settle(); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, errStopped
	}
	if d.vm.mode == StartUser {
		special := new(kvm.Sregs)
		if err := ioctl(d.vm.vcpu.fd, ioctlGetSregs, special); err != nil {
			return nil, fmt.Errorf("cannot read the vCPU's special registers: %w", err)
		}
		if special.SS.DPL == 0 {
			return nil, nil
		}
	}
	return &gdb.Stop{Signal: gdb.SIGINT}, nil
}

// examine says whether the exit that the guest would end by is a stop.
func (d *debugger) examine() (*gdb.Stop, error) {
	switch reason := kvm.ExitType(d.vm.vcpu.run.ExitReason); {
	case reason == kvm.EXITDEBUG:
		for i, b := range d.hardware {
			if dr6 := d.vm.vcpu.run.Data[2]; b != nil && dr6>>i&1 != 0 {
				return &gdb.Stop{Signal: gdb.SIGTRAP, Break: b}, nil
			}
		}
		return &gdb.Stop{Signal: gdb.SIGTRAP}, nil
	case reason == kvm.EXITHLT && d.vm.mode == StartKernel:
		return d.halted()
	case reason == kvm.EXITHLT:
		return d.exception()
	}
	return nil, nil
}

// halted is a breakpoint of a kernel-mode guest, if there is one.
func (d *debugger) halted() (*gdb.Stop, error) {
	r, err := d.vm.vcpu.registers()
	if err != nil {
		return nil, err
	}
	if _, ok := d.software[r.RIP-1]; !ok {
		return nil, nil
	}
	r.RIP--
	return &gdb.Stop{Signal: gdb.SIGTRAP, Break: &gdb.Break{Kind: gdb.Software, Addr: r.RIP}}, d.vm.vcpu.setRegs(&r.Regs)
}

// exception takes a user-mode guest out of the stub, back to where it was.
func (d *debugger) exception() (*gdb.Stop, error) {
	c := d.vm.vcpu
	r, err := c.registers()
	if err != nil {
		return nil, err
	}
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(d.vm.system[sysStackTop-7*8+8*i:]) }
	f := abi.FaultRecord{Vector: word(0), ErrorCode: word(1), RIP: word(2), RFLAGS: word(4), RSP: word(5), CR2: r.special.CR2}
	if cs := word(3); cs&3 != 3 {
		return nil, nil // an exception in the stub
	}
	f.RFLAGS &^= rflagsTF
	r.RIP, r.RFLAGS, r.RSP = f.RIP, f.RFLAGS, f.RSP
	why := &gdb.Stop{Signal: signalOf(f.Vector)}
	d.fault = &f
	switch f.Vector {
	case 1:
		d.fault = nil
	case 3:
		if _, ok := d.software[f.RIP-1]; ok {
			r.RIP--
			d.fault = nil
			why.Break = &gdb.Break{Kind: gdb.Software, Addr: r.RIP}
		}
	}
	enterUserMode(&r.special)
	if err := ioctl(c.fd, ioctlSetSregs, &r.special); err != nil {
		return nil, fmt.Errorf("cannot set the vCPU's special registers: %w", err)
	}
	return why, c.setRegs(&r.Regs)
}

// signalOf is the signal that Linux gives for an exception.
func signalOf(vector uint64) gdb.Signal {
	switch vector {
	case 0, 16, 19:
		return gdb.SIGFPE
	case 1, 3:
		return gdb.SIGTRAP
	case 6:
		return gdb.SIGILL
	case 17:
		return gdb.SIGBUS
	}
	return gdb.SIGSEGV
}
