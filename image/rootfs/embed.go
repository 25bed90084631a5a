package rootfs

import (
	"debug/elf"
	"encoding/binary"
	"fmt"

	"tender/abi"
	"tender/image"
)

// Variable is the name of the guest kernel's variable that Embed sets, in the
// kernel's package.
const Variable = "archive"

// Embed adds an archive to an image as a segment of its own, above all others,
// and stores its address and size in the kernel's Variable, which is at the
// given address. The data of the segment that holds the variable is changed in
// place.
func Embed(spec *image.Spec, variable uint64, archive []byte) error {
	var end uint64
	var word []byte
	for _, s := range spec.Segments {
		end = max(end, s.Vaddr+max(s.Memsz, uint64(len(s.Data))))
		if off := variable - s.Vaddr; variable >= s.Vaddr && off < uint64(len(s.Data)) && uint64(len(s.Data))-off >= 16 {
			word = s.Data[off : off+16]
		}
	}
	if word == nil || binary.LittleEndian.Uint64(word) != abi.ArchiveNone {
		return fmt.Errorf("embedding files: the guest kernel has no free variable for them at %#x", variable)
	}
	start := (end + abi.PageSize - 1) &^ (abi.PageSize - 1)
	binary.LittleEndian.PutUint64(word, start)
	binary.LittleEndian.PutUint64(word[8:], uint64(len(archive)))
	spec.Segments = append(spec.Segments, image.SegmentData{
		Vaddr: start, Memsz: uint64(len(archive)), Align: abi.PageSize, Flags: elf.PF_R, Data: archive,
	})
	return nil
}
