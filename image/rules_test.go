package image

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"tender/abi"
)

// rawImage is an image to spoil. Offsets are those of the ELF64 structs.
type rawImage []byte

func (r rawImage) put16(off int, v uint16) { binary.LittleEndian.PutUint16(r[off:], v) }
func (r rawImage) put32(off int, v uint32) { binary.LittleEndian.PutUint32(r[off:], v) }
func (r rawImage) put64(off int, v uint64) { binary.LittleEndian.PutUint64(r[off:], v) }

// Program headers of testSpec.
const (
	progInterp = iota
	progABI
	progManifest
	progTender
	progText
	progRodata
	progData
	progBSS
)

// Fields of a program header.
const (
	pType   = 0
	pFlags  = 4
	pOffset = 8
	pVaddr  = 16
	pFilesz = 32
	pMemsz  = 40
	pAlign  = 48
)

func prog(i, field int) int { return headerSize + i*progSize + field }

// at is the file offset of a byte of a program header's segment.
func (r rawImage) at(i, off int) int {
	return int(binary.LittleEndian.Uint64(r[prog(i, pOffset):])) + off
}

// Every rule of sections 1.1 to 1.6 of the fact sheet, each by one change to
// a valid image that is then read and loaded into 4 MiB.
func TestRules(t *testing.T) {
	const ok = ""
	for _, c := range []struct {
		name  string
		spoil func(r rawImage)
		want  string
	}{
		{"valid", func(r rawImage) {}, ok},

		// 1.1 header
		{"magic", func(r rawImage) { r[0] = 'E' }, "invalid executable: not an ELF file"},
		{"class", func(r rawImage) { r[4] = 1 }, "invalid executable: ELF class is 1"},
		{"data", func(r rawImage) { r[5] = 2 }, "invalid executable: ELF data encoding is 2"},
		{"ident version, OS, ABI version", func(r rawImage) { r[6], r[7], r[8] = 9, 9, 9 }, ok},
		{"type", func(r rawImage) { r.put16(16, 3) }, "invalid executable: ELF type is 3"},
		{"machine", func(r rawImage) { r.put16(18, 3) }, "invalid executable: ELF machine is 3"},
		{"other machine", func(r rawImage) { r.put16(18, 183) }, ok},
		{"version", func(r rawImage) { r.put32(20, 2) }, "invalid executable: ELF version is 2"},
		{"shoff, flags, sections", func(r rawImage) { r.put64(40, 1<<63); r.put32(48, 7); r.put64(56+2, 1<<40-1) }, ok},
		{"ehsize", func(r rawImage) { r.put16(52, 63) }, "invalid executable: ELF header size is 63"},
		{"phentsize", func(r rawImage) { r.put16(54, 57) }, "invalid executable: ELF program header size is 57"},
		{"phnum", func(r rawImage) { r.put16(56, 0) }, "invalid executable: ELF program header count is 0"},
		{"phnum beyond the file", func(r rawImage) { r.put16(56, 0xffff) }, "invalid executable: cannot read 65535 program headers"},
		{"phoff beyond the file", func(r rawImage) { r.put64(32, 1<<40) }, "invalid executable: cannot read 8 program headers"},
		{"phoff negative as int64", func(r rawImage) { r.put64(32, 1<<63) }, "invalid executable: cannot read 8 program headers at 0x8000000000000000: unexpected EOF"},
		{"phoff overflows", func(r rawImage) { r.put64(32, 1<<64-8) }, "invalid executable: cannot read 8 program headers"},
		{"entry too low", func(r rawImage) { r.put32(prog(progTender, pType), 0); r.put64(24, 0xfffff) }, "invalid executable: entry point 0xfffff is not in [0x100000, 0x400000)"},
		{"entry beyond memory", func(r rawImage) { r.put32(prog(progTender, pType), 0); r.put64(24, 4<<20) }, "invalid executable: entry point 0x400000 is not in"},
		{"last entry", func(r rawImage) { r.put32(prog(progTender, pType), 0); r.put64(24, 4<<20-1) }, ok},

		// 1.2 segments, by rule
		{"1 address too low", func(r rawImage) { r.put64(prog(progText, pVaddr), 0xff000) }, "starts below 0x100000"},
		{"2 descending", func(r rawImage) { r.put64(prog(progRodata, pVaddr), 0x100000-1) }, "comes after one at 0x100000"},
		{"3 alignment 0", func(r rawImage) { r.put64(prog(progRodata, pAlign), 0) }, "alignment 0x0 is no power of two"},
		{"3 alignment odd", func(r rawImage) { r.put64(prog(progRodata, pAlign), 0x1800) }, "alignment 0x1800 is no power of two"},
		{"3 aligned start too low", func(r rawImage) { r.put64(prog(progText, pAlign), 0x200000) }, "starts below 0x100000"},
		{"3 alignment huge", func(r rawImage) { r.put64(prog(progText, pAlign), 1<<63) }, "starts below 0x100000"},
		{"3 overlap by alignment", func(r rawImage) { r.put64(prog(progRodata, pVaddr), 0x101900) }, "overlaps the segment before it, which ends at 0x102000"},
		{"4 address beyond memory", func(r rawImage) { r.put64(prog(progData, pVaddr), 8<<20) }, "beyond the guest's 4 MB of memory; start it with --mem=10"},
		{"4 end of file bytes beyond memory", func(r rawImage) { r.put64(prog(progData, pVaddr), 4<<20-0x100) }, "beyond the guest's 4 MB"},
		{"4 address overflows", func(r rawImage) { r.put64(prog(progData, pVaddr), 1<<64-0x10) }, "ends beyond the address space"},
		{"5 more file than memory", func(r rawImage) { r.put64(prog(progData, pMemsz), 0x122) }, "has 291 bytes in the file but only 290 in memory"},
		{"6 end beyond memory", func(r rawImage) { r.put64(prog(progData, pMemsz), 3<<20) }, "beyond the guest's 4 MB"},
		{"6 end beyond any memory", func(r rawImage) { r.put64(prog(progData, pMemsz), 5<<30) }, "beyond 4 GB"},
		{"6 end overflows", func(r rawImage) { r.put64(prog(progData, pMemsz), 1<<64-0x10) }, "ends beyond the address space"},
		{"6 rounding overflows", func(r rawImage) { r.put64(prog(progData, pMemsz), 1<<64-0x103000-1) }, "ends beyond the address space"},
		{"6 end is the end of memory", func(r rawImage) { r.put64(prog(progData, pMemsz), 4<<20-0x103000) }, ok},
		{"7 physical address", func(r rawImage) { r.put64(prog(progData, pVaddr+8), 1<<63) }, ok},
		{"7 file bytes beyond the file", func(r rawImage) { r.put64(prog(progData, pOffset), 1<<30) }, "invalid executable: segment 2 at 0x103000: cannot read its 291 bytes"},
		{"7 file offset overflows", func(r rawImage) { r.put64(prog(progData, pOffset), 1<<64-1) }, "cannot read its 291 bytes"},
		{"8 alignment less than a page", func(r rawImage) {
			r.put64(prog(progRodata, pVaddr), 0x102800)
			r.put64(prog(progRodata, pAlign), 0x800)
		}, "alignment 0x800 is less than a page"},
		{"8 small alignment of whole pages", func(r rawImage) {
			r.put64(prog(progText, pMemsz), 0x2000)
			r.put64(prog(progText, pAlign), 1)
		}, ok},
		{"9 write and exec", func(r rawImage) { r.put32(prog(progText, pFlags), 7) }, "requests WRITE and EXEC permissions"},
		{"9 text that cannot be read", func(r rawImage) { r.put32(prog(progText, pFlags), 1) }, ok},

		// segments that are not loaded
		{"BSS: address, alignment, flags", func(r rawImage) {
			r.put64(prog(progBSS, pVaddr), 3)
			r.put64(prog(progBSS, pAlign), 3)
			r.put32(prog(progBSS, pFlags), 7)
		}, ok},
		{"BSS beyond memory", func(r rawImage) { r.put64(prog(progBSS, pMemsz), 4<<20) }, "segment 3, BSS at 0x106000: ends at 0x506000, beyond the guest's 4 MB of memory; start it with --mem=6 or more"},
		{"BSS overflows", func(r rawImage) { r.put64(prog(progBSS, pMemsz), 1<<64-1) }, "BSS at 0x106000: ends beyond the address space"},
		{"empty at 0", func(r rawImage) { r.put64(prog(progBSS, pVaddr), 0); r.put64(prog(progBSS, pMemsz), 0) }, ok},
		{"empty beyond memory", func(r rawImage) { r.put64(prog(progBSS, pVaddr), 1<<40); r.put64(prog(progBSS, pMemsz), 0) }, ok},
		{"interpreter, TLS and stack headers", func(r rawImage) {
			r.put32(prog(progInterp, pType), uint32(elf.PT_TLS))
			r.put64(prog(progInterp, pVaddr), 1<<64-1)
			r.put32(prog(progBSS, pType), uint32(elf.PT_GNU_STACK))
			r.put32(prog(progBSS, pFlags), 7)
		}, ok},

		// 1.4 finding notes
		{"PT_NOTE of 11 bytes", func(r rawImage) {
			r.put32(prog(progBSS, pType), uint32(elf.PT_NOTE))
			r.put64(prog(progBSS, pFilesz), 11)
		}, "invalid executable: note segment 7 has 11 bytes"},
		{"PT_NOTE of 12 bytes outside the file", func(r rawImage) {
			r.put32(prog(progBSS, pType), uint32(elf.PT_NOTE))
			r.put64(prog(progBSS, pOffset), 1<<64-1)
			r.put64(prog(progBSS, pFilesz), 12)
		}, ok},
		{"PT_NOTE outside the file", func(r rawImage) { r.put64(prog(progABI, pOffset), 1<<40) }, "invalid executable: cannot read note segment 1"},
		{"first note wins", func(r rawImage) {
			r.put32(prog(progBSS, pType), uint32(elf.PT_NOTE))
			r.put64(prog(progBSS, pFilesz), 20)
			r.put64(prog(progBSS, pOffset), uint64(r.at(progABI, 0)))
		}, ok},
		{"ABI namesz", func(r rawImage) { r.put32(r.at(progABI, 0), 5) }, "No Solo5 ABI information found in executable"},
		{"ABI name", func(r rawImage) { r[r.at(progABI, 12)] = 's' }, "No Solo5 ABI information found in executable"},
		{"ABI name padding", func(r rawImage) { r[r.at(progABI, 12+6)] = 's' }, ok},
		{"ABI type", func(r rawImage) { r.put32(r.at(progABI, 8), 1) }, "No Solo5 ABI information found in executable"},
		{"ABI ignored, too short", func(r rawImage) { r.put64(prog(progABI, pFilesz), 19) }, "No Solo5 ABI information found in executable"},
		{"ABI descsz 0", func(r rawImage) { r.put32(r.at(progABI, 4), 0) }, "ABI note does not fall within valid size"},
		{"ABI descsz 33", func(r rawImage) {
			r.put32(r.at(progABI, 4), 33)
			r.put64(prog(progABI, pFilesz), 100)
		}, "ABI note does not fall within valid size"},
		{"ABI descsz beyond its segment", func(r rawImage) { r.put32(r.at(progABI, 4), 17) }, "ABI note does not fall within valid size"},
		{"ABI content of 12 bytes", func(r rawImage) { r.put32(r.at(progABI, 4), 12) }, "ABI note does not fall within valid size (content of 12 bytes"},
		{"ABI content of 20 bytes", func(r rawImage) {
			r.put32(r.at(progABI, 4), 20)
			r.put64(prog(progABI, pFilesz), 40)
		}, ok},
		{"manifest absent", func(r rawImage) { r.put32(r.at(progManifest, 8), 1) }, "No Solo5 manifest found in executable"},
		{"manifest descsz is its padding", func(r rawImage) { r.put32(r.at(progManifest, 4), 4) }, "manifest note does not fall within valid size"},
		{"manifest descsz huge", func(r rawImage) {
			r.put32(r.at(progManifest, 4), abi.ManifestNoteMaxDesc+1)
			r.put64(prog(progManifest, pFilesz), 1<<40)
		}, "manifest note does not fall within valid size"},
		{"manifest content beyond the file", func(r rawImage) {
			r.put32(r.at(progManifest, 4), 12+104*3)
			r.put64(prog(progManifest, pFilesz), 1<<40)
			copy(r[len(r)-40:], r[r.at(progManifest, 0):][:40])
			r.put64(prog(progManifest, pOffset), uint64(len(r)-40))
		}, "invalid executable: cannot read the manifest note"},

		// 1.5 ABI
		{"ABI reserved fields", func(r rawImage) { r.put64(r.at(progABI, 28), 1<<64-1) }, ok},

		// 1.6 manifest, at 24 in its note
		{"manifest version", func(r rawImage) { r.put32(r.at(progManifest, 24), 2) }, "Solo5 manifest is invalid: its version is 2"},
		{"manifest of 4 bytes", func(r rawImage) { r.put32(r.at(progManifest, 4), 8) }, "Solo5 manifest is invalid: 4 bytes are fewer"},
		{"manifest entries 0", func(r rawImage) { r.put32(r.at(progManifest, 28), 0) }, "Solo5 manifest is invalid: it has 0 entries"},
		{"manifest entries 65", func(r rawImage) { r.put32(r.at(progManifest, 28), 65) }, "Solo5 manifest is invalid: it has 65 entries"},
		{"manifest entries huge", func(r rawImage) { r.put32(r.at(progManifest, 28), 1<<32-1) }, "Solo5 manifest is invalid"},
		{"manifest entries fewer than its size", func(r rawImage) { r.put32(r.at(progManifest, 28), 2) }, "Solo5 manifest is invalid: 2 entries make 216 bytes, not 320"},
		{"manifest entry 0 type", func(r rawImage) { r.put32(r.at(progManifest, 32+68), 1) }, "Solo5 manifest is invalid: entry 0"},
		{"manifest entry 0 name", func(r rawImage) { r[r.at(progManifest, 32)] = 'x' }, "Solo5 manifest is invalid: entry 0"},
		{"manifest byte 67 of entry 0", func(r rawImage) { r[r.at(progManifest, 32+67)] = 'x' }, "Solo5 manifest is invalid: the name of entry 0 is not terminated"},
		{"manifest byte 67 of entry 1", func(r rawImage) { r[r.at(progManifest, 136+67)] = 'x' }, "Solo5 manifest is invalid: the name of entry 1 is not terminated"},
		{"manifest attached", func(r rawImage) { r[r.at(progManifest, 136+96)] = 2 }, "Solo5 manifest is invalid: entry 1 is attached already"},
		{"manifest name characters", func(r rawImage) { r[r.at(progManifest, 136)] = '-' }, `Solo5 manifest is invalid: device 1: the name "-et0"`},
		{"manifest name empty", func(r rawImage) { r[r.at(progManifest, 136)] = 0 }, "Solo5 manifest is invalid: device 1: the name is empty"},
		{"manifest type unknown", func(r rawImage) { r.put32(r.at(progManifest, 136+68), 3) }, `Solo5 manifest is invalid: device 1: "net0" has type 3`},
		{"manifest type 0", func(r rawImage) { r.put32(r.at(progManifest, 136+68), 0) }, `Solo5 manifest is invalid: device 1: "net0" has type 0`},
		{"manifest type reserved", func(r rawImage) { r.put32(r.at(progManifest, 136+68), 0x40000001); r[r.at(progManifest, 136)] = '-' }, ok},
		{"manifest block size", func(r rawImage) { r.put16(r.at(progManifest, 240+80), 513) }, `Solo5 manifest is invalid: device 2: "disk" has a block size of 513 bytes`},
		{"manifest other preset fields", func(r rawImage) {
			r.put64(r.at(progManifest, 240+72), 1<<64-1)
			r.put64(r.at(progManifest, 240+88), 1<<64-1)
		}, ok},
		{"manifest duplicate", func(r rawImage) {
			copy(r[r.at(progManifest, 240):][:104], r[r.at(progManifest, 136):][:104])
		}, `Solo5 manifest is invalid: device 2: "net0" is declared twice`},
		{"manifest same name, other type", func(r rawImage) {
			copy(r[r.at(progManifest, 240):][:68], r[r.at(progManifest, 136):][:68])
		}, ok},

		// extension note
		{"extension of another version", func(r rawImage) { r.put32(r.at(progTender, 24), 2); r.put64(r.at(progTender, 32), 0) }, ok},
		{"extension of 8 bytes", func(r rawImage) { r.put32(r.at(progTender, 4), 12) }, "extension note does not fall within valid size"},
		{"extension unknown flags", func(r rawImage) { r.put32(r.at(progTender, 28), 1<<32-1) }, ok},
		{"fault entry in data", func(r rawImage) { r.put64(r.at(progTender, 32), 0x103000) }, "invalid executable: fault entry 0x103000"},
		{"fault entry behind text", func(r rawImage) { r.put64(r.at(progTender, 32), 0x101800) }, "invalid executable: fault entry 0x101800"},
		{"fault entry without user start", func(r rawImage) { r.put32(r.at(progTender, 28), 0); r.put64(r.at(progTender, 32), 0) }, ok},
		{"user entry in data", func(r rawImage) { r.put64(24, 0x103000) }, "invalid executable: entry point 0x103000 is in no executable segment"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rawImage(write(t, testSpec()))
			c.spoil(r)
			im, err := Read(bytes.NewReader(r), "test.hvt")
			if (im == nil) != (err != nil) {
				t.Fatalf("image %v, error %v", im, err)
			}
			if err == nil {
				_, err = im.Load(make([]byte, 4<<20))
			}
			expect(t, err, c.want)
			if err != nil && (!strings.HasPrefix(err.Error(), "test.hvt: ") || !strings.ContainsAny(err.Error(), ";,")) {
				t.Errorf("%q does not name the image and how to mend it", err)
			}
		})
	}
}

// The aligned end counts, not the end: 3 MiB have no room for a segment that
// is aligned to 2 MiB.
func TestAlignedEnd(t *testing.T) {
	s := testSpec()
	s.Segments = append(s.Segments[:1], SegmentData{Vaddr: 2 << 20, Memsz: 1, Align: 2 << 20, Flags: elf.PF_R, Data: []byte{1}})
	im, err := Read(bytes.NewReader(write(t, s)), "test")
	if err != nil {
		t.Fatal(err)
	}
	_, err = im.Load(make([]byte, 3<<20))
	expect(t, err, "ends at 0x400000, beyond the guest's 3 MB of memory; start it with --mem=4")
	end, err := im.Load(make([]byte, 4<<20))
	if err != nil || end != 4<<20 {
		t.Errorf("kernel end %#x, %v", end, err)
	}
}

// The rules of segments are not those of targets tender does not run: their
// images can be looked at, and are refused by CheckTarget or Load.
func TestOtherTargets(t *testing.T) {
	for target := abi.Target(0); target < 10; target++ {
		r := rawImage(write(t, testSpec()))
		r.put32(r.at(progABI, 20), uint32(target))
		r.put32(prog(progText, pFlags), 7)
		im, err := Read(bytes.NewReader(r), "test")
		if target == abi.TargetHVT || target == abi.TargetSPT {
			expect(t, err, "requests WRITE and EXEC permissions")
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		expect(t, im.CheckTarget(abi.TargetHVT, 2), "Executable is not for the solo5-hvt target")
		_, err = im.Load(make([]byte, 4<<20))
		expect(t, err, "requests WRITE and EXEC permissions")
	}
}

// Every prefix of an image is refused, and no truncation is found only while
// the guest's memory is being filled.
func TestTruncated(t *testing.T) {
	data := write(t, testSpec())
	for n := range data {
		if n > 1200 && n%97 != 0 && n < len(data)-10 {
			continue
		}
		if im, err := Read(bytes.NewReader(data[:n]), "short"); err == nil || im != nil {
			t.Fatalf("%d of %d bytes: image %v, error %v", n, len(data), im, err)
		}
	}
}

func TestPlainImage(t *testing.T) {
	s := testSpec()
	s.Manifest, s.Tender = nil, nil
	im, err := Read(bytes.NewReader(write(t, s)), "plain")
	if err != nil {
		t.Fatal(err)
	}
	if len(im.Manifest) != 0 || im.Tender != nil || im.UserStart() {
		t.Errorf("read %+v", im)
	}
}

// A note of before FlagEvents is shorter; what it lacks is 0.
func TestOldTenderNote(t *testing.T) {
	s := testSpec()
	s.Tender.Events = 0x1234
	raw := rawImage(write(t, s))
	raw.put32(raw.at(progTender, 4), uint32(tenderNote.pad()+abi.TenderNoteMinSize))
	im, err := Read(bytes.NewReader(raw), "old")
	if err != nil {
		t.Fatal(err)
	}
	want := *s.Tender
	want.Events = 0
	if im.Tender == nil || *im.Tender != want {
		t.Errorf("read %+v, want %+v", im.Tender, want)
	}
}

func TestWriteRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(s *Spec)
		want  string
	}{
		{"target", func(s *Spec) { s.Target = abi.TargetXen }, "target 6 is neither hvt nor spt"},
		{"manifest", func(s *Spec) { s.Manifest[0].Name = "" }, "the name is empty"},
		{"devices", func(s *Spec) { s.Manifest = make(Manifest, 64) }, "too many entries, maximum 63"},
		{"extension version", func(s *Spec) { s.Tender.Version = 0 }, "extension note has version 0"},
		{"fault entry", func(s *Spec) { s.Tender.FaultEntry = 0 }, "fault entry 0x0"},
		{"entry", func(s *Spec) { s.Tender = nil; s.Entry = 0x103000 }, "entry point 0x103000 is in no executable segment"},
		{"write and exec", func(s *Spec) { s.Segments[0].Flags |= elf.PF_W }, "requests WRITE and EXEC permissions"},
		{"overlap", func(s *Spec) { s.Segments = slices.Insert(s.Segments, 0, s.Segments[0]) }, "overlaps"},
		{"memory", func(s *Spec) { s.Segments[3].Memsz = 4 << 30 }, "beyond 4 GB"},
		{"data", func(s *Spec) { s.Segments[1].Memsz = 1 }, "32 bytes in the file but only 1 in memory"},
		{"segments", func(s *Spec) { s.Segments = make([]SegmentData, 65532) }, "more than an ELF file can have"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := testSpec()
			c.spoil(&s)
			var b bytes.Buffer
			expect(t, Write(&b, s), c.want)
			if b.Len() != 0 {
				t.Errorf("wrote %d bytes of a refused image", b.Len())
			}
		})
	}
}
