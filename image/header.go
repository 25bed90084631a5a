package image

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Sizes of the ELF64 structs.
const (
	headerSize = 64
	progSize   = 56
)

// Machines an image can be made for. The ABI also knows ppc64, tender not.
var (
	hostMachine = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	machineName = map[elf.Machine]string{elf.EM_X86_64: "x86_64", elf.EM_AARCH64: "aarch64"}
)

// readHeaders reads the ELF header and the program headers, and checks the
// former as Solo5 does: what it does not look at, this does not either. It
// allocates at most 8 MB, by the 16-bit e_phnum.
func readHeaders(r io.ReaderAt) (elf.Header64, []elf.Prog64, error) {
	var h elf.Header64
	buf := make([]byte, headerSize)
	if err := readFull(r, buf, 0); err != nil {
		return h, nil, fmt.Errorf("cannot read the ELF header: %w; %s", err, wantImage)
	}
	if _, err := binary.Decode(buf, binary.LittleEndian, &h); err != nil {
		return h, nil, err
	}
	if err := checkHeader(&h); err != nil {
		return h, nil, err
	}
	progs := make([]elf.Prog64, h.Phnum)
	buf = make([]byte, progSize*len(progs))
	if err := readFull(r, buf, h.Phoff); err != nil {
		return h, nil, fmt.Errorf("cannot read %d program headers at %#x: %w; the file is damaged, build or copy it again", h.Phnum, h.Phoff, err)
	}
	_, err := binary.Decode(buf, binary.LittleEndian, progs)
	return h, progs, err
}

func checkHeader(h *elf.Header64) error {
	if string(h.Ident[:4]) != elf.ELFMAG {
		return errors.New("not an ELF file; " + wantImage)
	}
	_, known := machineName[elf.Machine(h.Machine)]
	for _, c := range []struct {
		what string
		got  uint64
		ok   bool
		want string
	}{
		{"class", uint64(h.Ident[elf.EI_CLASS]), h.Ident[elf.EI_CLASS] == byte(elf.ELFCLASS64), "2 (64-bit)"},
		{"data encoding", uint64(h.Ident[elf.EI_DATA]), h.Ident[elf.EI_DATA] == byte(elf.ELFDATA2LSB), "1 (little-endian)"},
		{"version", uint64(h.Version), h.Version == uint32(elf.EV_CURRENT), "1"},
		{"type", uint64(h.Type), h.Type == uint16(elf.ET_EXEC), "2 (static executable, not position independent)"},
		{"machine", uint64(h.Machine), known, "62 (x86_64) or 183 (aarch64)"},
		{"header size", uint64(h.Ehsize), h.Ehsize == headerSize, "64"},
		{"program header size", uint64(h.Phentsize), h.Phentsize == progSize, "56"},
		{"program header count", uint64(h.Phnum), h.Phnum > 0, "at least 1"},
	} {
		if !c.ok {
			return fmt.Errorf("ELF %s is %d, not %s; %s", c.what, c.got, c.want, wantImage)
		}
	}
	return nil
}

// readFull fills buf from offset off. A file that is too short gives
// io.ErrUnexpectedEOF.
func readFull(r io.ReaderAt, buf []byte, off uint64) error {
	if off > math.MaxInt64-uint64(len(buf)) {
		return io.ErrUnexpectedEOF
	}
	n, err := r.ReadAt(buf, int64(off))
	switch {
	case n == len(buf):
		return nil
	case err == nil || err == io.EOF:
		return io.ErrUnexpectedEOF
	}
	return err
}
