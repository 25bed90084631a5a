package hvt

import (
	"encoding/binary"
	"fmt"

	"github.com/bobuhiro11/gokvm/kvm"
)

// fpuState is struct kvm_fpu: x87 and SSE.
type fpuState struct {
	ST         [8][16]byte
	FCW, FSW   uint16
	FTWX       uint8 // one bit for each register that is in use
	_          uint8
	LastOpcode uint16
	LastIP     uint64
	LastDP     uint64
	XMM        [16][16]byte
	MXCSR      uint32
	_          uint32
}

// fxsave is the state in the form of the instruction FXSAVE.
func (f *fpuState) fxsave() (area [512]byte) {
	le := binary.LittleEndian
	le.PutUint16(area[0:], f.FCW)
	le.PutUint16(area[2:], f.FSW)
	area[4] = f.FTWX
	le.PutUint16(area[6:], f.LastOpcode)
	le.PutUint64(area[8:], f.LastIP)
	le.PutUint64(area[16:], f.LastDP)
	le.PutUint32(area[24:], f.MXCSR)
	for i := range f.ST {
		copy(area[32+16*i:], f.ST[i][:10])
	}
	for i := range f.XMM {
		copy(area[160+16*i:], f.XMM[i][:])
	}
	return area
}

// registers are what a debugger sees of a vCPU.
type registers struct {
	kvm.Regs
	special kvm.Sregs
	fpu     fpuState
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
	if err := ioctl(c.fd, ioctlGetFPU, &r.fpu); err != nil {
		return nil, fmt.Errorf("cannot read the vCPU's floating-point registers: %w", err)
	}
	return r, nil
}
