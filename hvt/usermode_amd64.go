package hvt

import (
	"debug/elf"
	"encoding/binary"
	"fmt"

	"github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/image"
)

// ptePAD is present, accessed and dirty. With the last two set from the start
// nobody has to track them: a KVM that shadows the tables takes a third fewer
// faults, since it may map writable at once, and neighbours along.
const ptePAD = pteP | pteA | pteD

// The system slot of a user-mode start: offsets from abi.UserSystemBase, which
// are physical and, but for the fault record, virtual alike.
const (
	sysRecord   = 0x0000 // abi.FaultRecord, for the guest to read
	sysAlias    = 0x1000 // virtual only: the same page, for the stub to write
	sysTables   = 0x1000 // physical only: page table of the slot itself
	sysGDT      = 0x2000
	sysIDT      = 0x2800
	sysStub     = 0x3000
	sysTSS      = 0x4000 // to 0x7000: the I/O bitmap is 8 KiB
	sysStackTop = 0x8000 // one page, above the TSS
	sysPaging   = 0x8000 // PML4, PDPT, PD of the slot, then those of the guest

	tssSize     = 0x68
	tssLimit    = tssSize + 65536/8 // and the byte that ends the bitmap
	kernelCode  = 0x08
	kernelData  = 0x10
	taskSegment = 0x38
)

// GDT entries of CPL 3 code and data.
const (
	gdtUserData = 0x00cff3000000ffff
	gdtUserCode = 0x00affb000000ffff
)

// pageTable is a page table of any level.
type pageTable [512]uint64

// pageTables builds the paging of a user-mode start: table 0 is the PML4. Its
// size follows from the guest's memory: 2 MiB pages where a segment boundary
// does not ask for small ones, so at most 8 MiB of tables for 4 GiB.
type pageTables struct {
	base   uint64 // physical address of table 0
	tables []*pageTable
}

// add makes an empty table and returns it with its physical address.
func (p *pageTables) add() (*pageTable, uint64) {
	t := new(pageTable)
	p.tables = append(p.tables, t)
	return t, p.base + uint64(len(p.tables)-1)*abi.PageSize
}

// small returns the page table behind an entry of a page directory, splitting
// a large page that is there.
func (p *pageTables) small(pde *uint64) *pageTable {
	if *pde&ptePS == 0 {
		return p.tables[(*pde&^(pteNX|0xfff)-p.base)/abi.PageSize]
	}
	t, at := p.add()
	for i := range t {
		t[i] = *pde&^ptePS + uint64(i)*abi.PageSize
	}
	*pde = at | ptePAD | pteW | pteU
	return t
}

// userPages are the page tables of a guest with memBytes of memory, whose
// segments are ranges. What is no segment is data.
func userPages(base, memBytes uint64, ranges []image.Range) *pageTables {
	const data = ptePAD | pteW | pteU | pteNX
	p := &pageTables{base: base}
	pml4, _ := p.add()
	pdpt, pdptAt := p.add()
	pml4[0] = pdptAt | ptePAD | pteW | pteU

	var directories [abi.HVTMaxMem >> 30]*pageTable
	pde := func(addr uint64) *uint64 { return &directories[addr>>30][addr>>21&511] }
	for addr := uint64(0); addr < memBytes; addr += largePage {
		i := addr >> 30
		if directories[i] == nil {
			var at uint64
			directories[i], at = p.add()
			pdpt[i] = at | ptePAD | pteW | pteU
		}
		*pde(addr) = addr | data | ptePS
	}

	low := p.small(pde(0))
	for i := range uint64(abi.MinLoadAddr / abi.PageSize) {
		low[i] = 0
		if addr := i * abi.PageSize; addr >= abi.HVTBootInfo {
			low[i] = addr | ptePAD | pteU | pteNX
		}
	}
	// The host makes the start of small pages, see memory: a KVM that shadows the
	// tables maps neighbours along where ours are small too.
	for addr := uint64(largePage); addr < min(memBytes, smallStart); addr += largePage {
		p.small(pde(addr))
	}
	for _, r := range ranges {
		rights := uint64(ptePAD | pteU)
		if r.Flags&elf.PF_W != 0 {
			rights |= pteW
		}
		if r.Flags&elf.PF_X == 0 {
			rights |= pteNX
		}
		for addr := r.Start; addr < r.End; {
			if addr%largePage == 0 && r.End-addr >= largePage {
				*pde(addr) = addr | rights | ptePS
				addr += largePage
				continue
			}
			t := p.small(pde(addr))
			for end := min(r.End, addr&^(largePage-1)+largePage); addr < end; addr += abi.PageSize {
				t[addr>>12&511] = addr | rights
			}
		}
	}

	directory, at := p.add()
	pdpt[abi.UserSystemBase>>30] = at | ptePAD | pteW | pteU
	directory[0] = (abi.UserSystemBase + sysTables) | ptePAD | pteW | pteU
	return p
}

// systemPages is the page table of the slot itself: its first pages as the
// stub and the CPU need them, and only the fault record for the guest.
func systemPages() *pageTable {
	const data = ptePAD | pteW | pteNX
	t := new(pageTable)
	page := func(virt, phys, rights uint64) { t[virt/abi.PageSize] = (abi.UserSystemBase + phys) | rights }
	page(sysRecord, sysRecord, ptePAD|pteU|pteNX)
	page(sysAlias, sysRecord, data)
	page(sysGDT, sysGDT, data)
	page(sysStub, sysStub, ptePAD)
	for at := uint64(sysTSS); at < sysStackTop; at += abi.PageSize {
		page(at, at, data)
	}
	return t
}

// newSystemSlot makes the memory of the system slot. The guest resumes at
// handler after a fault.
func newSystemSlot(memBytes uint64, ranges []image.Range, handler uint64) ([]byte, error) {
	pages := userPages(abi.UserSystemBase+sysPaging, memBytes, ranges)
	size := sysPaging + len(pages.tables)*abi.PageSize
	slot, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("cannot map %d KiB for the guest's page tables: %w", size>>10, err)
	}
	put := func(at int, v uint64) { binary.LittleEndian.PutUint64(slot[at:], v) }
	for i, t := range pages.tables {
		for j, e := range t {
			if e != 0 {
				put(sysPaging+i*abi.PageSize+8*j, e)
			}
		}
	}
	for i, e := range systemPages() {
		put(sysTables+8*i, e)
	}

	const tss = abi.UserSystemBase + sysTSS
	put(sysGDT+kernelCode, gdtKernelCode)
	put(sysGDT+kernelData, gdtKernelData)
	put(sysGDT+abi.UserSS&^7, gdtUserData)
	put(sysGDT+abi.UserCS&^7, gdtUserCode)
	put(sysGDT+taskSegment, tssLimit&0xffff|tss&0xffffff<<16|0x8b<<40|tss>>24&0xff<<56)
	put(sysGDT+taskSegment+8, tss>>32)

	for v := range vectors {
		entry := uint64(abi.UserSystemBase + sysStub + v*stubEntry)
		gate := uint64(0x8e00) // present, interrupt gate, DPL 0
		if v == 3 || v == 4 {  // INT3 and INTO are for the guest to use
			gate |= 3 << 13
		}
		put(sysIDT+16*v, entry&0xffff|kernelCode<<16|gate<<32|entry>>16&0xffff<<48)
		put(sysIDT+16*v+8, entry>>32)
	}
	copy(slot[sysStub:], faultStub(abi.UserSystemBase+sysAlias, handler))

	put(sysTSS+4, abi.UserSystemBase+sysStackTop)              // RSP0
	binary.LittleEndian.PutUint16(slot[sysTSS+0x66:], tssSize) // I/O bitmap: all zero, all allowed
	slot[sysTSS+tssLimit] = 0xff                               // its end
	return slot, nil
}

// userSregs changes s to a CPL 3 start.
func userSregs(s *kvm.Sregs) {
	s.CR0 = cr0PG | cr0AM | cr0WP | cr0NE | cr0ET | cr0MP | cr0PE
	s.CR2 = 0
	s.CR3 = abi.UserSystemBase + sysPaging
	s.CR4 = cr4PAE | cr4OSFXSR | cr4OSXMMEXCPT | cr4FSGSBASE
	s.EFER = eferLME | eferLMA | eferNXE
	enterUserMode(s)
	s.DS, s.ES, s.FS, s.GS = s.SS, s.SS, s.SS, s.SS
	s.TR = kvm.Segment{Base: abi.UserSystemBase + sysTSS, Limit: tssLimit, Selector: taskSegment, Typ: 11, Present: 1}
	s.LDT = kvm.Segment{Unusable: 1}
	s.GDT = kvm.Descriptor{Base: abi.UserSystemBase + sysGDT, Limit: taskSegment + 16 - 1}
	s.IDT = kvm.Descriptor{Base: abi.UserSystemBase + sysIDT, Limit: 16*vectors - 1}
}

// enterUserMode gives s the code and stack segments of CPL 3.
func enterUserMode(s *kvm.Sregs) {
	s.CS = codeSegment(abi.UserCS, 11, 3)
	s.SS = dataSegment(abi.UserSS, 3)
}

// executable says whether addr lies in a segment that a user-mode guest may
// execute.
func executable(ranges []image.Range, addr uint64) bool {
	for _, r := range ranges {
		if r.Flags&elf.PF_X != 0 && r.Start <= addr && addr < r.End {
			return true
		}
	}
	return false
}
