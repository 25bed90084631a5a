package hvt

import (
	"errors"
	"fmt"

	"github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"
)

// vcpu is the one virtual CPU of a machine.
type vcpu struct {
	fd int
	// mapping starts with kvm_run; run is the same memory.
	mapping []byte
	run     *kvm.RunData
	cpuid   *cpuidTable
}

func newVCPU(kvmFD, vmFD int) (*vcpu, error) {
	size, err := kvm.GetVCPUMMmapSize(uintptr(kvmFD))
	if err != nil {
		return nil, fmt.Errorf("cannot read the size of the vCPU's mapping: %w", err)
	}
	cpuid, err := supportedCPUID(kvmFD)
	if err != nil {
		return nil, fmt.Errorf("cannot read the CPU's features: %w", err)
	}
	fd, err := uninterrupted(func() (uintptr, error) { return kvm.CreateVCPU(uintptr(vmFD), 0) })
	if err != nil {
		return nil, fmt.Errorf("cannot create a vCPU: %w", err)
	}
	c := &vcpu{fd: int(fd), cpuid: cpuid}
	if c.mapping, err = unix.Mmap(c.fd, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot map the vCPU: %w", err), c.close())
	}
	c.run = runData(c.mapping)
	if err := ioctl(c.fd, ioctlSetCPUID2, cpuid); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot set the vCPU's features: %w", err), c.close())
	}
	return c, nil
}

func (c *vcpu) close() error {
	var errs []error
	if c.mapping != nil {
		errs = append(errs, unix.Munmap(c.mapping))
		c.mapping, c.run = nil, nil
	}
	return errors.Join(append(errs, unix.Close(c.fd))...)
}

// cycleHz is the frequency of the time stamp counter.
func (c *vcpu) cycleHz() (uint64, error) {
	khz, err := kvm.GetTSCKHz(uintptr(c.fd))
	if err != nil {
		return 0, fmt.Errorf("cannot read the frequency of the time stamp counter: %w; the host's may be unstable", err)
	}
	return khz * 1000, nil
}

// rip is where the guest is. It is for messages: not on the path of an exit
// that the guest survives.
func (c *vcpu) rip() (uint64, error) {
	regs := new(kvm.Regs)
	err := ioctl(c.fd, ioctlGetRegs, regs)
	return regs.RIP, err
}

var errNoUserMode = errors.New("this /dev/kvm has no user-mode start: WRFSBASE is missing; start the image in kernel mode")

// enterKernel sets the registers of a CPL 0 start.
func (c *vcpu) enterKernel(regs kvm.Regs) error {
	regs.RFLAGS = rflagsFixed
	return c.set(regs, kernelSregs)
}

// enterUser sets the registers of a CPL 3 start, with AVX as far as this KVM
// lets the guest have it. What KVM accepts is found by trying: software KVM
// takes more than its CPUID says.
func (c *vcpu) enterUser(regs kvm.Regs) error {
	regs.RFLAGS = rflagsFixed | rflagsIOPL3
	if xcr0 := c.cpuid.extendedStates(); xcr0 != 0 {
		err := c.set(regs, func(s *kvm.Sregs) {
			userSregs(s)
			s.CR4 |= cr4OSXSAVE
		})
		if err == nil {
			xcrs := &kvm.XCRS{NrXRCS: 1}
			xcrs.Registers[0].Value = xcr0
			err = ioctl(c.fd, ioctlSetXCRS, xcrs)
		}
		if err == nil {
			return nil
		}
	}
	err := c.set(regs, userSregs)
	if errors.Is(err, unix.EINVAL) {
		return errNoUserMode
	}
	return err
}

// Bits of RFLAGS.
const (
	rflagsFixed = 1 << 1
	rflagsTF    = 1 << 8
	rflagsIOPL3 = 3 << 12
)

// set applies change to the special registers and sets the others.
func (c *vcpu) set(regs kvm.Regs, change func(*kvm.Sregs)) error {
	sregs := new(kvm.Sregs)
	if err := ioctl(c.fd, ioctlGetSregs, sregs); err != nil {
		return fmt.Errorf("cannot read the vCPU's special registers: %w", err)
	}
	change(sregs)
	if err := ioctl(c.fd, ioctlSetSregs, sregs); err != nil {
		return fmt.Errorf("cannot set the vCPU's special registers: %w", err)
	}
	return c.setRegs(&regs)
}

// setRegs sets the general registers.
func (c *vcpu) setRegs(regs *kvm.Regs) error {
	if err := ioctl(c.fd, ioctlSetRegs, regs); err != nil {
		return fmt.Errorf("cannot set the vCPU's registers: %w", err)
	}
	return nil
}
