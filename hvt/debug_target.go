package hvt

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"tender/hvt/gdb"
)

var _ gdb.Target = (*debugger)(nil)

// Instructions of one byte that stop a guest.
const (
	opHLT  = 0xf4
	opINT3 = 0xcc
)

// Registers implements gdb.Target.
func (d *debugger) Registers() (gdb.Registers, error) {
	r, err := d.vm.vcpu.registers()
	if err != nil {
		return gdb.Registers{}, err
	}
	s, f := &r.special, &r.fpu
	g := gdb.Registers{
		General: [16]uint64{r.RAX, r.RBX, r.RCX, r.RDX, r.RSI, r.RDI, r.RBP, r.RSP, r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15},
		RIP:     r.RIP,
		Flags:   uint32(r.RFLAGS &^ rflagsTF), // it is ours
		Segments: [6]uint32{uint32(s.CS.Selector), uint32(s.SS.Selector), uint32(s.DS.Selector),
			uint32(s.ES.Selector), uint32(s.FS.Selector), uint32(s.GS.Selector)},
		X87: [8]uint32{uint32(f.FCW), uint32(f.FSW), 0, uint32(f.FIP >> 32), uint32(f.FIP),
			uint32(f.FDP >> 32), uint32(f.FDP), uint32(f.FOP)},
		XMM:    f.XMM,
		MXCSR:  f.MXCSR,
		FSBase: s.FS.Base,
		GSBase: s.GS.Base,
	}
	for i := range f.ST {
		copy(g.ST[i][:], f.ST[i][:])
		if f.FTW>>i&1 == 0 {
			g.X87[2] |= 3 << (2 * i) // empty
		}
	}
	return g, nil
}

// SetRegisters implements gdb.Target. Selectors stay what they are.
func (d *debugger) SetRegisters(g gdb.Registers) error {
	c := d.vm.vcpu
	r, err := c.registers()
	if err != nil {
		return err
	}
	for i, p := range []*uint64{&r.RAX, &r.RBX, &r.RCX, &r.RDX, &r.RSI, &r.RDI, &r.RBP, &r.RSP, &r.R8, &r.R9, &r.R10, &r.R11, &r.R12, &r.R13, &r.R14, &r.R15} {
		*p = g.General[i]
	}
	r.RIP, r.RFLAGS = g.RIP, uint64(g.Flags)&^rflagsTF|rflagsFixed
	r.special.FS.Base, r.special.GS.Base = g.FSBase, g.GSBase
	f := &r.fpu
	f.FCW, f.FSW, f.FTW = uint16(g.X87[0]), uint16(g.X87[1]), 0
	f.FIP, f.FDP = uint64(g.X87[3])<<32|uint64(g.X87[4]), uint64(g.X87[5])<<32|uint64(g.X87[6])
	f.FOP, f.XMM, f.MXCSR = uint16(g.X87[7]), g.XMM, g.MXCSR
	f.Present |= 1<<0 | 1<<1 // x87 and SSE
	for i := range f.ST {
		copy(f.ST[i][:], g.ST[i][:])
		if g.X87[2]>>(2*i)&3 != 3 {
			f.FTW |= 1 << i
		}
	}
	if err := ioctl(c.fd, ioctlSetSregs, &r.special); err != nil {
		return fmt.Errorf("cannot set the vCPU's special registers: %w", err)
	}
	if err := ioctl(c.fd, ioctlSetXSave, f); err != nil {
		return fmt.Errorf("cannot set the vCPU's floating-point registers: %w", err)
	}
	return c.setRegs(&r.Regs)
}

// ReadMemory implements gdb.Target. It shows what breakpoints stand for.
func (d *debugger) ReadMemory(addr uint64, p []byte) int {
	memory := d.vm.host.mem.mapping
	if addr >= uint64(len(memory)) {
		return 0
	}
	n := copy(p, memory[addr:])
	for at, original := range d.software {
		if at >= addr && at-addr < uint64(n) {
			p[at-addr] = original
		}
	}
	return n
}

// WriteMemory implements gdb.Target.
func (d *debugger) WriteMemory(addr uint64, p []byte) error {
	shown := make([]byte, len(p))
	copy(shown, p)
	for at := range d.software {
		if at >= addr && at-addr < uint64(len(p)) {
			shown[at-addr] = d.opcode()
		}
	}
	if err := d.vm.host.mem.poke(addr, shown); err != nil {
		return err
	}
	for at := range d.software {
		if at >= addr && at-addr < uint64(len(p)) {
			d.software[at] = p[at-addr]
		}
	}
	return nil
}

// opcode is the instruction of a breakpoint.
func (d *debugger) opcode() byte {
	if d.vm.mode == StartKernel {
		return opHLT
	}
	return opINT3
}

// SetBreak implements gdb.Target.
func (d *debugger) SetBreak(b gdb.Break) error {
	if b.Kind != gdb.Software {
		return d.setHardware(b)
	}
	if _, ok := d.software[b.Addr]; ok {
		return nil
	}
	var original [1]byte
	if d.ReadMemory(b.Addr, original[:]) == 0 {
		return unix.EFAULT
	}
	if err := d.vm.host.mem.poke(b.Addr, []byte{d.opcode()}); err != nil {
		return err
	}
	d.software[b.Addr] = original[0]
	return nil
}

// ClearBreak implements gdb.Target.
func (d *debugger) ClearBreak(b gdb.Break) error {
	if b.Kind != gdb.Software {
		for i, set := range d.hardware {
			if set != nil && *set == b {
				d.hardware[i] = nil
			}
		}
		return nil
	}
	original, ok := d.software[b.Addr]
	if !ok {
		return nil
	}
	if err := d.vm.host.mem.poke(b.Addr, []byte{original}); err != nil {
		return err
	}
	delete(d.software, b.Addr)
	return nil
}

// setHardware takes a debug register, if they work here; x86 has none for
// reads alone.
func (d *debugger) setHardware(b gdb.Break) error {
	can, err := debugRegistersFor(d.vm.mode)
	if err != nil {
		return err
	}
	if b.Kind == gdb.Read || b.Kind == gdb.Hardware && !can.execute || b.Kind != gdb.Hardware && !can.watch {
		return gdb.ErrNotSupported
	}
	if b.Kind != gdb.Hardware && (b.Size != 1 && b.Size != 2 && b.Size != 4 && b.Size != 8 || b.Addr%b.Size != 0) {
		return errors.New("a watchpoint is of 1, 2, 4 or 8 bytes and aligned")
	}
	for i, set := range d.hardware {
		if set == nil {
			d.hardware[i] = &b
			return nil
		}
		if *set == b {
			return nil
		}
	}
	return errors.New("all debug registers are in use")
}

// poke writes p to guest memory for a debugger, read-only segments included.
func (m *memory) poke(addr uint64, p []byte) error {
	size := uint64(len(p))
	if addr >= uint64(len(m.mapping)) || size > uint64(len(m.mapping))-addr {
		return unix.EFAULT
	}
	for _, r := range m.sealed {
		if addr >= r.End || r.Start >= addr+size {
			continue
		}
		segment := m.bytes[r.Start:r.End]
		if err := unix.Mprotect(segment, unix.PROT_READ|unix.PROT_WRITE); err != nil {
			return fmt.Errorf("cannot write to guest memory at %#x: %w", addr, err)
		}
		if m.protected {
			defer unix.Mprotect(segment, unix.PROT_READ)
		}
	}
	copy(m.mapping[addr:], p)
	return nil
}
