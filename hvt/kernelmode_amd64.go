package hvt

import (
	"github.com/bobuhiro11/gokvm/kvm"

	"tender/abi"
)

// Bits of page table entries.
const (
	pteP  = 1 << 0
	pteW  = 1 << 1
	pteU  = 1 << 2
	pteA  = 1 << 5
	pteD  = 1 << 6
	ptePS = 1 << 7
	pteNX = 1 << 63

	largePage = 2 << 20
)

// Bits of control registers and EFER.
const (
	cr0PE, cr0MP, cr0ET, cr0NE = 1 << 0, 1 << 1, 1 << 4, 1 << 5
	cr0WP, cr0AM, cr0PG        = 1 << 16, 1 << 18, 1 << 31

	cr4PAE, cr4OSFXSR, cr4OSXMMEXCPT = 1 << 5, 1 << 9, 1 << 10
	cr4FSGSBASE, cr4OSXSAVE          = 1 << 16, 1 << 18

	eferLME, eferLMA, eferNXE = 1 << 8, 1 << 10, 1 << 11
)

// Segment descriptors. GDT entries of a CPL 0 start are those of the contract.
const (
	gdtKernelCode = 0x00af99000000ffff
	gdtKernelData = 0x00cf93000000ffff
)

func codeSegment(selector uint16, typ, dpl uint8) kvm.Segment {
	return kvm.Segment{Limit: 0xffffffff, Selector: selector, Typ: typ, Present: 1, DPL: dpl, S: 1, L: 1, G: 1}
}

func dataSegment(selector uint16, dpl uint8) kvm.Segment {
	return kvm.Segment{Limit: 0xffffffff, Selector: selector, Typ: 3, Present: 1, DPL: dpl, DB: 1, S: 1, G: 1}
}

// kernelTables writes GDT and page tables of a CPL 0 start that maps mapped
// bytes into the first 64 KiB of m. Source: solo5-abi 2.1.
func kernelTables(m *memory, mapped uint64) {
	m.put64(abi.HVTGDT+8, gdtKernelCode)
	m.put64(abi.HVTGDT+16, gdtKernelData)

	m.put64(abi.HVTPML4, abi.HVTPDPT|pteP|pteW)
	for i := uint64(0); i < 4; i++ {
		m.put64(abi.HVTPDPT+8*i, abi.HVTPD+i*abi.PageSize|pteP|pteW)
	}
	m.put64(abi.HVTPD, abi.HVTPT|pteP|pteW)
	for addr := uint64(largePage); addr < mapped; addr += largePage {
		m.put64(abi.HVTPD+addr/largePage*8, addr|pteP|pteW|ptePS)
	}
	for addr := uint64(abi.HVTBootInfo); addr < largePage; addr += abi.PageSize {
		e := addr | pteP
		if addr >= abi.MinLoadAddr {
			e |= pteW
		}
		m.put64(abi.HVTPT+addr/abi.PageSize*8, e)
	}
}

// kernelSregs changes s to a CPL 0 start. Source: solo5-abi 2.3.
func kernelSregs(s *kvm.Sregs) {
	s.CR0 = cr0PG | cr0WP | cr0NE | cr0PE
	s.CR2 = 0
	s.CR3 = abi.HVTPML4
	s.CR4 = cr4PAE | cr4OSFXSR | cr4OSXMMEXCPT
	s.EFER = eferLME | eferLMA
	s.CS = codeSegment(0x08, 9, 0)
	data := dataSegment(0x10, 0)
	s.DS, s.ES, s.FS, s.GS, s.SS = data, data, data, data, data
	s.TR = kvm.Segment{Typ: 11, Present: 1}
	s.LDT = kvm.Segment{Unusable: 1}
	s.GDT = kvm.Descriptor{Base: abi.HVTGDT, Limit: 3*8 - 1}
	s.IDT = kvm.Descriptor{}
}
