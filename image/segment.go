package image

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"

	"tender/abi"
)

// Segment is a PT_LOAD program header. Sizes, offsets and addresses are in
// bytes; Vaddr is a guest physical address.
type Segment struct {
	Vaddr, Offset, Filesz, Memsz, Align uint64
	Flags                               elf.ProgFlag
}

// Range is the memory [Start, End) of a loaded segment, aligned to pages.
type Range struct {
	Start, End uint64
	Flags      elf.ProgFlag
}

// segments picks what occupies memory. GNU ld emits an empty PT_LOAD at
// address 0 for an empty .tdata, which the contract ignores.
func segments(progs []elf.Prog64) []Segment {
	var segs []Segment
	for _, p := range progs {
		if elf.ProgType(p.Type) != elf.PT_LOAD || p.Filesz == 0 && p.Memsz == 0 {
			continue
		}
		segs = append(segs, Segment{
			Vaddr: p.Vaddr, Offset: p.Off, Filesz: p.Filesz, Memsz: p.Memsz,
			Align: p.Align, Flags: elf.ProgFlag(p.Flags),
		})
	}
	return segs
}

// checkSegments applies the rules of the contract to segments that go to
// memory [0, memBytes), and returns the end of the highest loaded one.
// Segments without file bytes are not loaded and not counted; unlike Solo5,
// which finds out when the guest crashes, this refuses those that do not fit
// the memory.
func checkSegments(segs []Segment, memBytes uint64) (kernelEnd uint64, err error) {
	var lastVaddr uint64
	for i, s := range segs {
		if s.Filesz == 0 {
			if err := checkFits(s.Vaddr, s.Memsz, memBytes); err != nil {
				return 0, fmt.Errorf("invalid executable: segment %d, BSS at %#x: %w", i, s.Vaddr, err)
			}
			continue
		}
		if s.Vaddr < lastVaddr {
			return 0, fmt.Errorf("invalid executable: segment %d at %#x comes after one at %#x; link the image with ascending addresses", i, s.Vaddr, lastVaddr)
		}
		r, err := s.check(kernelEnd, memBytes)
		if err != nil {
			return 0, fmt.Errorf("invalid executable: segment %d at %#x: %w", i, s.Vaddr, err)
		}
		lastVaddr, kernelEnd = s.Vaddr, r.End
	}
	return kernelEnd, nil
}

// check applies the rules of one loaded segment: free is the end of what was
// loaded before it.
func (s Segment) check(free, memBytes uint64) (Range, error) {
	if bits.OnesCount64(s.Align) != 1 {
		return Range{}, fmt.Errorf("alignment %#x is no power of two; link the image with an alignment of %#x", s.Align, abi.PageSize)
	}
	r := s.pages()
	switch {
	case r.Start < abi.MinLoadAddr:
		return r, fmt.Errorf("starts below %#x, the lowest address of a guest; link the image at or above it", abi.MinLoadAddr)
	case r.Start < free:
		return r, fmt.Errorf("overlaps the segment before it, which ends at %#x; link the image with page-aligned segments", free)
	case s.Memsz < s.Filesz:
		return r, fmt.Errorf("has %d bytes in the file but only %d in memory; the file is damaged, build or copy it again", s.Filesz, s.Memsz)
	}
	if err := checkFits(s.Vaddr, s.Memsz, memBytes); err != nil {
		return r, err
	}
	// Where rounding up overflowed, End is 0 and so is the sum taken here.
	if err := checkFits(r.Start, r.End-r.Start, memBytes); err != nil {
		return r, err
	}
	if r.Start%abi.PageSize != 0 || r.End%abi.PageSize != 0 {
		return r, fmt.Errorf("alignment %#x is less than a page; link the image with an alignment of %#x", s.Align, abi.PageSize)
	}
	if s.Flags&elf.PF_W != 0 && s.Flags&elf.PF_X != 0 {
		return r, errors.New("requests WRITE and EXEC permissions; link text and data into segments of their own")
	}
	return r, nil
}

// pages is the range of a loaded segment, rounded to its alignment.
func (s Segment) pages() Range {
	mask := s.Align - 1
	return Range{Start: s.Vaddr &^ mask, End: (s.Vaddr + s.Memsz + mask) &^ mask, Flags: s.Flags}
}

const linkLower = "link the image at a lower address"

// checkFits says whether [addr, addr+size) lies within memory of memBytes.
func checkFits(addr, size, memBytes uint64) error {
	if size > math.MaxUint64-addr {
		return errors.New("ends beyond the address space; " + linkLower)
	}
	end := addr + size
	if end <= memBytes && addr < memBytes {
		return nil
	}
	if end > abi.HVTMaxMem {
		return fmt.Errorf("ends at %#x, beyond 4 GB; %s", end, linkLower)
	}
	const mb = 1 << 20
	need := (end + abi.HVTMemGranularity - 1) / abi.HVTMemGranularity * abi.HVTMemGranularity
	return fmt.Errorf("ends at %#x, beyond the guest's %d MB of memory; start it with --mem=%d or more", end, memBytes/mb, need/mb)
}

// checkComplete says whether r has all bytes of the segments.
func checkComplete(r io.ReaderAt, segs []Segment) error {
	var last [1]byte
	for i, s := range segs {
		if s.Filesz == 0 {
			continue
		}
		err := io.ErrUnexpectedEOF
		if s.Offset <= math.MaxUint64-s.Filesz {
			err = readFull(r, last[:], s.Offset+s.Filesz-1)
		}
		if err != nil {
			return fmt.Errorf("segment %d at %#x: cannot read its %d bytes at offset %#x: %w; the file is truncated, build or copy it again", i, s.Vaddr, s.Filesz, s.Offset, err)
		}
	}
	return nil
}

// executable says whether addr is in the file bytes of an executable segment.
func executable(segs []Segment, addr uint64) bool {
	for _, s := range segs {
		if s.Flags&elf.PF_X != 0 && addr >= s.Vaddr && addr-s.Vaddr < s.Filesz {
			return true
		}
	}
	return false
}
