package hvt

import (
	"fmt"

	"github.com/bobuhiro11/gokvm/kvm"
)

// fxsaveState is x87 and SSE in the form of the instruction FXSAVE.
type fxsaveState struct {
	FCW, FSW  uint16
	FTW       uint8 // one bit for each register that is in use
	_         uint8
	FOP       uint16
	FIP, FDP  uint64
	MXCSR     uint32
	MXCSRMask uint32
	ST        [8][16]byte
	XMM       [16][16]byte
	_         [96]byte
}

// xsaveState is struct kvm_xsave. (KVM_GET_FPU leaves MXCSR out.)
type xsaveState struct {
	fxsaveState
	// Present are the parts that are not in their initial state.
	Present uint64
	_       [4096 - 512 - 8]byte
}

// registers are what a debugger sees of a vCPU.
type registers struct {
	kvm.Regs
	special kvm.Sregs
	fpu     xsaveState
}

// registers reads them. The vCPU must not run meanwhile.
func (c *vcpu) registers() (*registers, error) {
	r := new(registers)
	if err := ioctl(c.fd, ioctlGetRegs, &r.Regs); err != nil {
		return nil, fmt.Errorf("cannot read the vCPU's registers: %w", err)
	}
	if err := ioctl(c.fd, ioctlGetSregs, &r.special); err != nil {
		return nil, fmt.Errorf("cannot read the vCPU's special registers: %w", err)
	}
	if err := ioctl(c.fd, ioctlGetXSave, &r.fpu); err != nil {
		return nil, fmt.Errorf("cannot read the vCPU's floating-point registers: %w", err)
	}
	return r, nil
}
