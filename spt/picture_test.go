package spt

import (
	"debug/elf"

	"tender/abi"
	"tender/image"
)

func lateSegment() image.Spec {
	return image.Spec{
		Target: abi.TargetSPT, Version: abi.VersionSPT, Entry: textAt,
		Segments: []image.SegmentData{
			{Vaddr: textAt, Memsz: 0x1000, Align: abi.PageSize, Flags: elf.PF_X, Data: []byte{0xf4}},
			{Vaddr: 0x200000, Memsz: 0x1000, Align: abi.PageSize, Flags: elf.PF_R | elf.PF_W, Data: []byte{1}},
		},
	}
}
