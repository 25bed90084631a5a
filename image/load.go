package image

import (
	"fmt"

	"tender/abi"
)

// Load copies the segments into mem, guest memory from address 0, and
// returns the end of the highest one (0 if there is none), which is what
// Solo5 calls kernel_end. Segments without file bytes are not part of it.
//
// mem must be filled with zeros: what is zero in the image is not written,
// so that untouched pages of a fresh mapping stay unallocated. All checks
// come before the first write; after an error while reading, the contents of
// mem are unspecified. Page protection is the caller's task, see Ranges.
func (im *Image) Load(mem []byte) (kernelEnd uint64, err error) {
	memBytes := uint64(len(mem))
	if im.Entry < abi.MinLoadAddr || im.Entry >= memBytes {
		return 0, fmt.Errorf("%s: invalid executable: entry point %#x is not in [%#x, %#x); give the guest more memory or link the image lower",
			im.Name, im.Entry, abi.MinLoadAddr, memBytes)
	}
	kernelEnd, err = checkSegments(im.Segments, memBytes)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", im.Name, err)
	}
	for i, s := range im.Segments {
		if err := readFull(im.file, mem[s.Vaddr:s.Vaddr+s.Filesz], s.Offset); err != nil {
			return 0, fmt.Errorf("%s: invalid executable: segment %d: cannot read %d bytes at offset %#x: %w; do not change an image while it starts",
				im.Name, i, s.Filesz, s.Offset, err)
		}
	}
	return kernelEnd, nil
}

// Ranges are the pages of the loaded segments in ascending order, with the
// protection they ask for; they do not overlap. What lies outside them is
// readable and writable. It is of use for the targets hvt and spt only.
func (im *Image) Ranges() []Range {
	var ranges []Range
	for _, s := range im.Segments {
		if s.Filesz > 0 {
			ranges = append(ranges, s.pages())
		}
	}
	return ranges
}
