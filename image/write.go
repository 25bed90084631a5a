package image

import (
	"debug/elf"
	"fmt"
	"io"
	"math"

	"tender/abi"
)

// Spec is what Write makes an image of, for x86_64.
type Spec struct {
	// Target is hvt or spt.
	Target   abi.Target
	Version  uint32
	Manifest Manifest
	// Tender is the content of the extension note; nil for none.
	Tender *abi.TenderNote
	// Entry lies in the data of an executable segment.
	Entry    uint64
	Segments []SegmentData
}

// SegmentData is a segment to write. Memory beyond Data, up to Memsz, is
// zero. A segment without Data is not counted in Solo5's kernel_end.
type SegmentData struct {
	Vaddr, Memsz, Align uint64
	Flags               elf.ProgFlag
	Data                []byte
}

// Write writes an ELF executable with the notes and segments of s, and
// nothing else: no sections, no symbols. Offsets of segments in the file are
// congruent to their addresses modulo the page size. A Spec that Read would
// not accept, or that no guest memory could hold, is refused before anything
// is written.
func Write(w io.Writer, s Spec) error {
	if err := s.check(); err != nil {
		return fmt.Errorf("cannot write the image: %w", err)
	}
	head, segs := s.layout()
	if _, err := w.Write(head); err != nil {
		return fmt.Errorf("cannot write the image: %w", err)
	}
	offset := uint64(len(head))
	for i, data := range s.Segments {
		if len(data.Data) == 0 {
			continue
		}
		for _, part := range [][]byte{make([]byte, segs[i].Offset-offset), data.Data} {
			if _, err := w.Write(part); err != nil {
				return fmt.Errorf("cannot write the image: %w", err)
			}
		}
		offset = segs[i].Offset + segs[i].Filesz
	}
	return nil
}

// maxFixedProgs is the number of program headers besides segments: the
// interpreter and three notes.
const maxFixedProgs = 4

func (s *Spec) check() error {
	if s.Target != abi.TargetHVT && s.Target != abi.TargetSPT {
		return fmt.Errorf("target %d is neither hvt nor spt", s.Target)
	}
	if s.Tender != nil && s.Tender.Version != abi.TenderNoteVersion {
		return fmt.Errorf("the extension note has version %d, not %d", s.Tender.Version, abi.TenderNoteVersion)
	}
	if len(s.Segments) > math.MaxUint16-maxFixedProgs {
		return fmt.Errorf("%d segments are more than an ELF file can have", len(s.Segments))
	}
	if err := s.Manifest.Check(); err != nil {
		return err
	}
	_, segs := s.layout()
	if _, err := checkSegments(segs, abi.HVTMaxMem); err != nil {
		return err
	}
	if !executable(segs, s.Entry) {
		return fmt.Errorf("entry point %#x is in no executable segment", s.Entry)
	}
	return checkUserStart(s.Tender, s.Entry, segs)
}

// layout makes everything before the first segment, and places the segments.
func (s *Spec) layout() (head []byte, segs []Segment) {
	parts := s.parts()
	header := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Entry: s.Entry, Phoff: headerSize, Ehsize: headerSize, Phentsize: progSize,
		Phnum: uint16(len(parts) + len(s.Segments)),
	}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS64)
	header.Ident[elf.EI_DATA] = byte(elf.ELFDATA2LSB)
	header.Ident[elf.EI_VERSION] = byte(elf.EV_CURRENT)

	head = appendStruct(nil, header)
	offset := uint64(headerSize + progSize*int(header.Phnum))
	for i := range parts {
		p := &parts[i]
		p.prog.Off, p.prog.Filesz, p.prog.Memsz = offset, uint64(len(p.data)), uint64(len(p.data))
		head = appendStruct(head, p.prog)
		offset = alignUp8(offset + p.prog.Filesz)
	}
	for _, data := range s.Segments {
		var seg Segment
		seg, offset = data.place(offset)
		head = appendStruct(head, elf.Prog64{
			Type: uint32(elf.PT_LOAD), Flags: uint32(seg.Flags), Off: seg.Offset,
			Vaddr: seg.Vaddr, Paddr: seg.Vaddr, Filesz: seg.Filesz, Memsz: seg.Memsz, Align: seg.Align,
		})
		segs = append(segs, seg)
	}
	for _, p := range parts {
		head = append(head, p.data...)
		head = append(head, make([]byte, alignUp8(uint64(len(head)))-uint64(len(head)))...)
	}
	return head, segs
}

// part is what stands between the program headers and the segments.
type part struct {
	prog elf.Prog64
	data []byte
}

// parts are the interpreter, which has to come first, and one note each.
func (s *Spec) parts() []part {
	interp := make([]byte, alignUp8(uint64(len(abi.Interpreter)+1)))
	copy(interp, abi.Interpreter)
	read := uint32(elf.PF_R)
	note := elf.Prog64{Type: uint32(elf.PT_NOTE), Flags: read, Align: 4}
	parts := []part{
		{elf.Prog64{Type: uint32(elf.PT_INTERP), Flags: read, Align: 8}, interp},
		{note, abiNote.encode(appendStruct(nil, abi.ABINote{Target: s.Target, Version: s.Version}))},
		{note, manifestNote.encode(s.Manifest.Binary())},
	}
	if s.Tender != nil {
		parts = append(parts, part{note, tenderNote.encode(appendStruct(nil, s.Tender))})
	}
	return parts
}

// place puts a segment at the first fitting offset from free on, and returns
// the next free offset.
func (d *SegmentData) place(free uint64) (Segment, uint64) {
	offset := free + (d.Vaddr-free)%abi.PageSize
	seg := Segment{
		Vaddr: d.Vaddr, Offset: offset, Filesz: uint64(len(d.Data)),
		Memsz: d.Memsz, Align: d.Align, Flags: d.Flags,
	}
	if seg.Filesz == 0 {
		return seg, free
	}
	return seg, offset + seg.Filesz
}

func alignUp8(n uint64) uint64 { return (n + 7) &^ 7 }
