package conformance

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"testing"

	"tender/abi"
)

// Places in the header and in a program header.
const (
	headerClass, headerData, headerIdentVersion, headerOSABI = 4, 5, 6, 7
	headerType, headerMachine, headerVersion, headerEntry    = 16, 18, 20, 24
	headerShoff, headerFlags, headerEhsize, headerPhentsize  = 40, 48, 52, 54
	headerPhnum                                              = 56

	progType, progFlags, progOffset, progVaddr    = 0, 4, 8, 16
	progPaddr, progFilesz, progMemsz, progAlign   = 24, 32, 40, 48
	noteDescsz, noteType, noteName, noteContent   = 4, 8, 12, 20
	manifestVersion, manifestEntries, manifestRow = 24, 28, 32
)

// patched is a copy of an image that a row of the table spoils.
type patched struct {
	t    testing.TB
	file []byte
	elf  *elf.File
}

func patch(t testing.TB, file []byte) *patched {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(file))
	check(t, err)
	return &patched{t, bytes.Clone(file), f}
}

// prog is where the n-th program header of a type is; from the end if n < 0.
func (p *patched) prog(typ elf.ProgType, n int) int {
	var found []int
	for i, prog := range p.elf.Progs {
		if prog.Type == typ && (typ != elf.PT_LOAD || prog.Filesz > 0) {
			found = append(found, 64+56*i)
		}
	}
	if n < 0 {
		n += len(found)
	}
	return found[n]
}

func (p *patched) load(n int) int { return p.prog(elf.PT_LOAD, n) }

// note is where the content of the file has the n-th note: the ABI's is 0, the
// manifest's 1.
func (p *patched) note(n int) int {
	return int(binary.LittleEndian.Uint64(p.file[p.prog(elf.PT_NOTE, n)+progOffset:]))
}

func (p *patched) put8(at int, v uint8)   { p.file[at] = v }
func (p *patched) put16(at int, v uint16) { binary.LittleEndian.PutUint16(p.file[at:], v) }
func (p *patched) put32(at int, v uint32) { binary.LittleEndian.PutUint32(p.file[at:], v) }
func (p *patched) put64(at int, v uint64) { binary.LittleEndian.PutUint64(p.file[at:], v) }

// What a tender refuses in an image, and what it does not look at. Source:
// solo5-abi 1 and 6.
func TestImages(t *testing.T) {
	const (
		invalid    = "invalid executable"
		noABI      = "No Solo5 ABI information found"
		noManifest = "No Solo5 manifest found"
		badMft     = "manifest is invalid"
		badNote    = "note does not fall within valid size"
	)
	runs := success
	table := []struct {
		what  string
		spoil func(p *patched)
		want  end
	}{
		{"as it is", func(p *patched) {}, runs},
		{"other ELF version in the ident", func(p *patched) { p.put8(headerIdentVersion, 9) }, runs},
		{"other OS ABI", func(p *patched) { p.put8(headerOSABI, 3) }, runs},
		{"processor flags", func(p *patched) { p.put32(headerFlags, 0xffff) }, runs},
		{"section table out of the file", func(p *patched) { p.put64(headerShoff, 1<<62) }, runs},
		{"physical addresses", func(p *patched) { p.put64(p.load(0)+progPaddr, 1<<62) }, runs},
		{"interpreter out of place", func(p *patched) { p.put64(p.prog(elf.PT_INTERP, 0)+progVaddr, 1<<60) }, runs},

		{"no ELF", func(p *patched) { p.put8(0, 0) }, refused(invalid)},
		{"32 bits", func(p *patched) { p.put8(headerClass, 1) }, refused(invalid)},
		{"big-endian", func(p *patched) { p.put8(headerData, 2) }, refused(invalid)},
		{"position-independent", func(p *patched) { p.put16(headerType, 3) }, refused(invalid)},
		{"other machine", func(p *patched) { p.put16(headerMachine, 183) }, refused(invalid)},
		{"other ELF version", func(p *patched) { p.put32(headerVersion, 2) }, refused(invalid)},
		{"size of the header", func(p *patched) { p.put16(headerEhsize, 52) }, refused(invalid)},
		{"size of program headers", func(p *patched) { p.put16(headerPhentsize, 32) }, refused(invalid)},
		{"no program headers", func(p *patched) { p.put16(headerPhnum, 0) }, refused(invalid)},
		{"program headers out of the file", func(p *patched) { p.put16(headerPhnum, 0xfff0) }, refused(invalid)},
		{"entry below the minimum", func(p *patched) { p.put64(headerEntry, 0xfffff) }, refused(invalid)},
		{"entry out of memory", func(p *patched) { p.put64(headerEntry, 4<<20) }, refused(invalid)},

		{"segment below the minimum", func(p *patched) { p.put64(p.load(0)+progVaddr, 0xff000) }, refused(invalid)},
		{"segment that begins below the minimum", func(p *patched) { p.put64(p.load(0)+progAlign, 1<<22) }, refused(invalid)},
		{"segment out of memory", func(p *patched) { p.put64(p.load(-1)+progVaddr, 4<<20) }, refused(invalid)},
		{"segment over the end of memory", func(p *patched) { p.put64(p.load(-1)+progMemsz, 4<<20) }, refused(invalid)},
		{"segment of which the end overflows", func(p *patched) { p.put64(p.load(-1)+progMemsz, 1<<64-1) }, refused(invalid)},
		{"segment at the end of addresses", func(p *patched) { p.put64(p.load(-1)+progVaddr, 1<<64-0x1000) }, refused(invalid)},
		{"more bytes in the file than in memory", func(p *patched) { p.put64(p.load(0)+progMemsz, 1) }, refused(invalid)},
		{"bytes out of the file", func(p *patched) { p.put64(p.load(0)+progOffset, 1<<40) }, refused(invalid)},
		{"alignment 0", func(p *patched) { p.put64(p.load(0)+progAlign, 0) }, refused(invalid)},
		{"alignment 3", func(p *patched) { p.put64(p.load(0)+progAlign, 3) }, refused(invalid)},
		{"alignment below a page", func(p *patched) { p.put64(p.load(0)+progAlign, 16) }, refused(invalid)},
		{"segments out of order", func(p *patched) { p.put64(p.load(0)+progVaddr, 0x200000) }, refused(invalid)},
		{"segments that overlap", func(p *patched) { p.put64(p.load(0)+progMemsz, 0x100000) }, refused(invalid)},
		{"segment to write and execute", func(p *patched) { p.put32(p.load(0)+progFlags, 7) }, refused("WRITE and EXEC")},

		{"other target", func(p *patched) { p.put32(p.note(0)+noteContent, uint32(abi.TargetVirtio)) }, refused("not for the solo5-")},
		{"ABI version 1", func(p *patched) { p.put32(p.note(0)+noteContent+4, 1) }, refused("unsupported ABI version 1")},
		{"ABI version 3", func(p *patched) { p.put32(p.note(0)+noteContent+4, 3) }, refused("unsupported ABI version 3")},
		{"no ABI note", func(p *patched) { p.put32(p.note(0)+noteType, 0) }, refused(noABI)},
		{"ABI note of another name", func(p *patched) { p.put8(p.note(0)+noteName, 'X') }, refused(noABI)},
		{"ABI note without content", func(p *patched) { p.put32(p.note(0)+noteDescsz, 0) }, refused(badNote)},
		{"ABI note that is too long", func(p *patched) { p.put32(p.note(0)+noteDescsz, abi.ABINoteMaxDesc+1) }, refused(badNote)},
		{"note shorter than a note's header", func(p *patched) { p.put64(p.prog(elf.PT_NOTE, 0)+progFilesz, 11) }, refused(invalid)},
		{"note without room for its name", func(p *patched) { p.put64(p.prog(elf.PT_NOTE, 0)+progFilesz, 19) }, refused(noABI)},
		{"note longer than its segment", func(p *patched) { p.put64(p.prog(elf.PT_NOTE, 1)+progFilesz, 100) }, refused(badNote)},
		{"note out of the file", func(p *patched) { p.put64(p.prog(elf.PT_NOTE, 0)+progOffset, 1<<40) }, refused(invalid)},

		{"no manifest", func(p *patched) { p.put32(p.note(1)+noteType, 0) }, refused(noManifest)},
		{"manifest note of its padding only", func(p *patched) { p.put32(p.note(1)+noteDescsz, 4) }, refused(badNote)},
		{"manifest note shorter than its padding", func(p *patched) { p.put32(p.note(1)+noteDescsz, 3) }, refused(badNote)},
		{"manifest note that is too long", func(p *patched) { p.put32(p.note(1)+noteDescsz, abi.ManifestNoteMaxDesc+1) }, refused(badNote)},
		{"manifest version 0", func(p *patched) { p.put32(p.note(1)+manifestVersion, 0) }, refused(badMft)},
		{"manifest version 2", func(p *patched) { p.put32(p.note(1)+manifestVersion, 2) }, refused(badMft)},
		{"manifest without entries", func(p *patched) { p.put32(p.note(1)+manifestEntries, 0) }, refused(badMft)},
		{"manifest of more entries than it has", func(p *patched) { p.put32(p.note(1)+manifestEntries, 2) }, refused(badMft)},
		{"manifest of absurdly many entries", func(p *patched) { p.put32(p.note(1)+manifestEntries, 1<<31) }, refused(badMft)},
		{"manifest of another size", func(p *patched) { p.put32(p.note(1)+noteDescsz, 12+103) }, refused(badMft)},
		{"manifest of its header only", func(p *patched) { p.put32(p.note(1)+noteDescsz, 12) }, refused(badMft)},
		{"manifest shorter than its header", func(p *patched) { p.put32(p.note(1)+noteDescsz, 8) }, refused(badMft)},
		{"first entry with a name", func(p *patched) { p.put8(p.note(1)+manifestRow, 'x') }, refused(badMft)},
		{"first entry of a device", func(p *patched) { p.put32(p.note(1)+manifestRow+68, uint32(abi.DeviceNet)) }, refused(badMft)},
		{"entry with a name that does not end", func(p *patched) { p.put8(p.note(1)+manifestRow+67, 'x') }, refused(badMft)},
		{"entry that is attached", func(p *patched) { p.put8(p.note(1)+manifestRow+96, 1) }, refused(badMft)},
	}
	onEach(t, func(t *testing.T, target string) {
		good, err := os.ReadFile(guest(t, "relocation", target))
		check(t, err)
		for _, c := range table {
			p := patch(t, good)
			c.spoil(p)
			got := run(t, "--mem=4", file(t, "guest."+target, p.file))
			t.Run(c.what, func(t *testing.T) { c.want.compare(t, got) })
		}
		for _, size := range []int{0, 1, 63, 64, 119, len(good) / 2} {
			got := run(t, "--mem=4", file(t, "guest."+target, good[:size]))
			if got.status != 1 || got.out != "" || got.err == "" {
				t.Errorf("cut to %d bytes: %+v", size, got)
			}
		}
	})
}
