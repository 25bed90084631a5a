package kernel

import "tender/abi"

// At CPL 0, where a stock Solo5 tender starts a guest, the CPU belongs to the
// guest: it needs descriptor tables of its own before the first exception, FS
// base instructions, and the switches for AVX.

const (
	kernelTSS = 0x18 // selector; code and data are 0x08 and 0x10, as at entry
	vectors   = 32

	// vectorSize is the distance of the entries behind vectorTable.
	vectorSize = 16
)

// taskState is a 64-bit TSS (Intel SDM vol. 3, 8.7). Fields are split where
// the hardware's are not aligned.
type taskState struct {
	_         uint32
	_         [3][2]uint32
	_         [2]uint32
	ist       [7][2]uint32
	_         [2]uint32
	_         uint16
	bitmapEnd uint16
}

var (
	gdt            [5]uint64
	idt            [vectors][2]uint64
	tss            taskState
	exceptionStack [512]uint64
	trapRecord     abi.FaultRecord // filled by the entries behind vectorTable
)

// vectorTable is the first of the 32 entries of exceptions at CPL 0: they fill
// trapRecord and continue at faultEntry with the registers of the fault.
func vectorTable()

// loadTables loads GDT, IDT and task register; limits are in bytes less one.
func loadTables(gdt, gdtLimit, idt, idtLimit, tss uint64) {
	leaf[func(gdt, gdtLimit, idt, idtLimit, tss uint64)](&leaves.loadTables)(gdt, gdtLimit, idt, idtLimit, tss)
}

// vectorAddress is the address of vectorTable.
func vectorAddress() uint64 { return leaf[func() uint64](&leaves.vectors)() }

// changeCR4 sets bits of CR4 and clears others.
func changeCR4(set, clear uint64) { leaf[func(set, clear uint64)](&leaves.changeCR4)(set, clear) }

// xsetbv sets XCR0, whose upper half is 0. CR4.OSXSAVE is on.
func xsetbv(xcr0 uint64) { leaf[func(xcr0 uint64)](&leaves.xsetbv)(xcr0) }

func kernelModeInit() {
	const (
		code, data = 0x00af9b000000ffff, 0x00cf93000000ffff
		available  = 0x89 // present, available 64-bit TSS
		gate       = 0x8e // present, interrupt gate
		ist1       = 1
		fsgsbase   = 1 << 16
	)
	top := uint64(addrOf(&exceptionStack)) + uint64(len(exceptionStack)*8)
	tss.ist[0] = [2]uint32{uint32(top), uint32(top >> 32)}
	tss.bitmapEnd = uint16(sizeOf[taskState]())
	base, limit := uint64(addrOf(&tss)), uint64(sizeOf[taskState]())-1
	gdt = [5]uint64{0, code, data, limit | base&0xffffff<<16 | available<<40 | base>>24&0xff<<56, base >> 32}
	for i := range idt {
		entry := vectorAddress() + uint64(i)*vectorSize
		idt[i] = [2]uint64{entry&0xffff | 0x08<<16 | ist1<<32 | gate<<40 | entry>>16&0xffff<<48, entry >> 32}
	}
	loadTables(uint64(addrOf(&gdt)), uint64(sizeOf[[5]uint64]())-1, uint64(addrOf(&idt)), uint64(len(idt)*16-1), kernelTSS)
	record = addrOf(&trapRecord)

	if _, b, _, _ := cpuid(7, 0); b&1 == 0 {
		die("this CPU has no FSGSBASE instructions, which a start at CPL 0 needs")
	}
	changeCR4(fsgsbase, 0)
	avxInit()
}

// avxInit gives the program AVX if the CPU and the tender have it.
func avxInit() {
	const (
		osxsave       = 1 << 18
		x87, sse, avx = 1, 2, 4
	)
	if _, _, c, _ := cpuid(1, 0); c>>26&1 == 0 { // no XSAVE
		return
	}
	supported, _, _, _ := cpuid(0xd, 0)
	if supported&avx == 0 {
		return
	}
	changeCR4(osxsave, 0)
	xsetbv(x87 | sse | avx)
	// Where XSETBV does not exit to KVM, as on QEMU's emulated SVM, KVM puts
	// back at the next exit what it knows. CPUID is one. FXSAVE it is then.
	if cpuid(0, 0); xgetbv() != x87|sse|avx {
		changeCR4(0, osxsave)
	}
}
