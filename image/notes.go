package image

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"tender/abi"
)

// note is a kind of ELF note.
type note struct {
	title   string
	name    string // n_name with its NUL
	typ     uint32
	align   uint32 // of the content
	maxDesc uint32
}

var (
	abiNote      = note{"ABI", abi.Solo5NoteName, abi.NoteTypeABI1, abi.ABINoteAlign, abi.ABINoteMaxDesc}
	manifestNote = note{"manifest", abi.Solo5NoteName, abi.NoteTypeMFT1, abi.ManifestNoteAlign, abi.ManifestNoteMaxDesc}
	// Later versions of the extension note may be longer than ours.
	tenderNote = note{"extension", abi.TenderNoteName, abi.NoteTypeTND1, abi.TenderNoteAlign, 256}
)

// noteHeader is the 20 bytes before the descriptor.
type noteHeader struct {
	Namesz, Descsz, Type uint32
	Name                 [8]byte
}

// minNoteSize is the least size of a PT_NOTE, the three fields before n_name.
const minNoteSize = 12

// pad is the number of bytes between the header and the content; the
// descriptor's size counts them.
func (n note) pad() uint32 {
	return (abi.NoteHeaderSize+n.align-1)&^(n.align-1) - abi.NoteHeaderSize
}

func (n note) matches(h *noteHeader) bool {
	return h.Type == n.typ && h.Namesz == uint32(len(n.name)) && string(h.Name[:len(n.name)]) == n.name
}

// content reads the content of the note that fills a PT_NOTE segment.
func (n note) content(r io.ReaderAt, p *elf.Prog64, h *noteHeader) ([]byte, error) {
	if h.Descsz <= n.pad() || h.Descsz > n.maxDesc || p.Filesz-abi.NoteHeaderSize < uint64(h.Descsz) {
		return nil, fmt.Errorf("%s note does not fall within valid size (%d bytes, at most %d, in a segment of %d); build the image again",
			n.title, h.Descsz, n.maxDesc, p.Filesz)
	}
	desc := make([]byte, h.Descsz)
	if err := readFull(r, desc, p.Off+abi.NoteHeaderSize); err != nil {
		return nil, fmt.Errorf("invalid executable: cannot read the %s note: %w; the file is truncated, build or copy it again", n.title, err)
	}
	return desc[n.pad():], nil
}

// encode makes the note with the content.
func (n note) encode(content []byte) []byte {
	h := noteHeader{Namesz: uint32(len(n.name)), Descsz: n.pad() + uint32(len(content)), Type: n.typ}
	copy(h.Name[:], n.name)
	buf := appendStruct(nil, h)
	buf = append(buf, make([]byte, n.pad())...)
	return append(buf, content...)
}

// notes are the contents of the notes of an image.
type notes struct {
	abi      abi.ABINote
	manifest Manifest
	tender   *abi.TenderNote // nil if there is none
}

// readNotes finds the notes through the program headers: one at the start of
// each PT_NOTE, the first of a kind wins.
func readNotes(r io.ReaderAt, progs []elf.Prog64) (*notes, error) {
	kinds := [...]note{abiNote, manifestNote, tenderNote}
	var contents [len(kinds)][]byte
	for i := range progs {
		p := &progs[i]
		if elf.ProgType(p.Type) != elf.PT_NOTE {
			continue
		}
		if p.Filesz < minNoteSize {
			return nil, fmt.Errorf("invalid executable: note segment %d has %d bytes, fewer than a note; build the image again", i, p.Filesz)
		}
		if p.Filesz < abi.NoteHeaderSize {
			continue
		}
		var buf [abi.NoteHeaderSize]byte
		if err := readFull(r, buf[:], p.Off); err != nil {
			return nil, fmt.Errorf("invalid executable: cannot read note segment %d: %w; the file is truncated, build or copy it again", i, err)
		}
		var h noteHeader
		if _, err := binary.Decode(buf[:], binary.LittleEndian, &h); err != nil {
			return nil, err
		}
		for k, kind := range kinds {
			if contents[k] != nil || !kind.matches(&h) {
				continue
			}
			content, err := kind.content(r, p, &h)
			if err != nil {
				return nil, err
			}
			contents[k] = content
		}
	}
	return parseNotes(contents[0], contents[1], contents[2])
}

func parseNotes(abiContent, manifest, tender []byte) (*notes, error) {
	n := new(notes)
	if abiContent == nil {
		return nil, errors.New("No Solo5 ABI information found in executable; it is no unikernel, " + wantImage)
	}
	if _, err := binary.Decode(abiContent, binary.LittleEndian, &n.abi); err != nil {
		return nil, fmt.Errorf("ABI note does not fall within valid size (content of %d bytes, not %d); build the image again", len(abiContent), binary.Size(n.abi))
	}
	if manifest == nil {
		return nil, errors.New("No Solo5 manifest found in executable; build the image with a manifest, if only an empty one")
	}
	var err error
	if n.manifest, err = ParseManifest(manifest); err != nil {
		return nil, err
	}
	if tender != nil {
		if n.tender, err = parseTender(tender); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// parseTender returns nil for a version that is not known: without its
// extensions the image still is a plain Solo5 one. What a short, older note
// leaves out is 0.
func parseTender(content []byte) (*abi.TenderNote, error) {
	t := new(abi.TenderNote)
	if len(content) < abi.TenderNoteMinSize {
		return nil, fmt.Errorf("extension note does not fall within valid size (content of %d bytes, at least %d); build the image again", len(content), abi.TenderNoteMinSize)
	}
	if short := binary.Size(t) - len(content); short > 0 {
		content = append(content, make([]byte, short)...)
	}
	if _, err := binary.Decode(content, binary.LittleEndian, t); err != nil {
		return nil, fmt.Errorf("extension note: %w", err)
	}
	if t.Version != abi.TenderNoteVersion {
		return nil, nil
	}
	return t, nil
}

func userStart(t *abi.TenderNote) bool { return t != nil && t.Flags&abi.FlagUserStart != 0 }

// checkUserStart says whether an image that may be entered at CPL 3 has code
// where the tender will continue it.
func checkUserStart(t *abi.TenderNote, entry uint64, segs []Segment) error {
	if !userStart(t) {
		return nil
	}
	if !executable(segs, entry) {
		return fmt.Errorf("invalid executable: entry point %#x is in no executable segment; build the image again", entry)
	}
	if !executable(segs, t.FaultEntry) {
		return fmt.Errorf("invalid executable: fault entry %#x of the extension note is in no executable segment; build the image again", t.FaultEntry)
	}
	return nil
}

// appendStruct appends the little-endian form of a fixed-size struct.
func appendStruct(buf []byte, v any) []byte {
	buf, err := binary.Append(buf, binary.LittleEndian, v)
	if err != nil {
		panic(err) // not a fixed-size type: a mistake in this package
	}
	return buf
}
