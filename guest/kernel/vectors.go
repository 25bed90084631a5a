package kernel

// Vector registers: x87, SSE, AVX and AVX-512, with their control words. A
// thread in a system call has none that matter. Those of a program that was
// interrupted are kept at thread.save, in the standard form of XSAVE (Intel
// SDM vol. 1, 13.4) or, where the CPU or the tender has no XSAVE, of FXSAVE.
// That is the form of Linux's signal frames as well.

const (
	// vectorRoom is for all of userVectors, whose standard form ends below
	// 2700 bytes.
	vectorRoom = 3 << 10
	// saveOffset is where the vector registers begin in a thread's page.
	saveOffset = pageSize - vectorRoom

	fxsaveSize  = 512
	xsaveHeader = 64

	// userVectors are x87, SSE, AVX and the three parts of AVX-512.
	userVectors = 1<<0 | 1<<1 | 1<<2 | 1<<5 | 1<<6 | 1<<7
	avx512      = 1<<5 | 1<<6 | 1<<7
)

var (
	vectorMask   uint32  // what XSAVE and XRSTOR are asked for; 0 stands for FXSAVE
	vectorBytes  uintptr // bytes of it
	cleanVectors uintptr // the values at the start of a process, aligned

	cleanRoom [(fxsaveSize + xsaveHeader + 64) / 8]uint64
	firstSave [(vectorRoom + 64) / 8]uint64 // of firstThread
)

func vectorInit() {
	const osxsave, avxEnd = 1 << 27, fxsaveSize + xsaveHeader + 256
	cleanVectors = align64(addrOf(&cleanRoom))
	*at[uint16](cleanVectors) = 0x37f       // x87 control word
	*at[uint32](cleanVectors + 24) = 0x1f80 // MXCSR
	vectorMask, vectorBytes = 0, fxsaveSize
	if _, _, c, _ := cpuid(1, 0); c&osxsave == 0 {
		return
	}
	vectorMask = uint32(xgetbv()) & userVectors
	vectorBytes = avxEnd
	if vectorMask&avx512 != 0 {
		vectorBytes = avx512End()
	}
	if vectorBytes > vectorRoom {
		die("this CPU's vector registers are larger than those known")
	}
}

// avx512End is the size of the standard form with AVX-512.
func avx512End() uintptr {
	if _, all, _, _ := cpuid(0xd, 0); all <= vectorRoom {
		return uintptr(all)
	}
	end := uintptr(0) // there is more than we save, and above it
	for part := uint64(5); part <= 7; part++ {
		size, offset, _, _ := cpuid(0xd, part)
		end = max(end, uintptr(size+offset))
	}
	return end
}

func align64(a uintptr) uintptr { return (a + 63) &^ 63 }

// Linux's marks in a signal frame's vector registers (struct _fpx_sw_bytes).
const (
	xstateMagic1 = 0x46505853
	xstateMagic2 = 0x46505845
	xstateMarkAt = 464
	frameVectors = vectorRoom + 8 // room in a signal frame
)

type xstateMark struct {
	magic1, extendedSize uint32
	features             uint64
	size                 uint32
}

// saveToFrame writes the thread's vector registers to a signal frame.
func (t *thread) saveToFrame(frame uintptr) {
	copy(bytesAt(frame, vectorBytes), bytesAt(t.save, vectorBytes))
	mark := at[xstateMark](frame + xstateMarkAt)
	*mark = xstateMark{}
	if vectorMask != 0 {
		size := uint32(vectorBytes)
		*mark = xstateMark{xstateMagic1, size + 4, uint64(vectorMask), size}
		*at[uint32](frame + vectorBytes) = xstateMagic2
	}
}

// loadFromFrame takes them back, or those of a frame that the host made.
func (t *thread) loadFromFrame(frame uintptr) {
	copy(bytesAt(t.save, vectorBytes), bytesAt(frame, vectorBytes))
	t.vectors = 1
}
