package image

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"runtime"
	"syscall"

	"tender/abi"
)

// Image is a checked unikernel image. Its fields are not to be changed. All
// methods but Close may be called concurrently.
type Image struct {
	// Name is the image's path, used in messages.
	Name string
	// Target and Version are those of the ABI note.
	Target  abi.Target
	Version uint32
	Machine elf.Machine
	// Manifest is what the manifest note declares, without entry 0.
	Manifest Manifest
	// Entry is the address of the first instruction.
	Entry uint64
	// Segments are the PT_LOAD segments that occupy memory, in the order of
	// the file. Those with Filesz 0 are not loaded, see Load.
	Segments []Segment
	// Tender is the content of the extension note; nil for a plain Solo5
	// image, and for a version of the note that is not known here.
	Tender *abi.TenderNote

	file io.ReaderAt
	size int64 // -1 if unknown
}

// Open opens and checks the image at path, which must be a regular file.
// The caller calls Close.
func Open(path string) (*Image, error) {
	// Without O_NONBLOCK, opening a FIFO would wait for a writer.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = pe.Err
		}
		return nil, fmt.Errorf("Could not open %s: %w; check the path and its permissions", path, err)
	}
	im, err := readFile(f, path)
	if err != nil {
		f.Close()
		return nil, err
	}
	return im, nil
}

func readFile(f *os.File, path string) (*Image, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("Could not open %s: %w", path, err)
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: invalid executable: not a regular file; %s", path, wantImage)
	}
	im, err := Read(f, path)
	if err != nil {
		return nil, err
	}
	im.size = st.Size()
	return im, nil
}

// wantImage tells how to mend a file that is no image at all.
const wantImage = "give an image made by tender build, or a Solo5 one"

// Read checks the image in r, whose bytes must not change and which must
// stay usable until Close; name is used in messages.
func Read(r io.ReaderAt, name string) (*Image, error) {
	im := &Image{Name: name, file: r, size: -1}
	if s, ok := r.(interface{ Size() int64 }); ok {
		im.size = s.Size()
	}
	if err := im.read(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return im, nil
}

func (im *Image) read() error {
	header, progs, err := readHeaders(im.file)
	if err != nil {
		return fmt.Errorf("invalid executable: %w", err)
	}
	im.Machine = elf.Machine(header.Machine)
	im.Entry = header.Entry
	notes, err := readNotes(im.file, progs)
	if err != nil {
		return err
	}
	im.Target, im.Version = notes.abi.Target, notes.abi.Version
	im.Manifest, im.Tender = notes.manifest, notes.tender
	im.Segments = segments(progs)
	if im.Target != abi.TargetHVT && im.Target != abi.TargetSPT {
		return nil // the rules of segments are those of hvt and spt
	}
	if _, err := checkSegments(im.Segments, math.MaxUint64); err != nil {
		return err
	}
	if err := checkComplete(im.file, im.Segments); err != nil {
		return fmt.Errorf("invalid executable: %w", err)
	}
	return checkUserStart(im.Tender, im.Entry, im.Segments)
}

// Close releases the file of an image that Open made.
func (im *Image) Close() error {
	if f, ok := im.file.(*os.File); ok {
		return f.Close()
	}
	return nil
}

// UserStart says whether the image may be entered at CPL 3.
func (im *Image) UserStart() bool { return userStart(im.Tender) }

// CheckTarget says whether a tender for the target and the ABI version, on
// this machine, can run the image.
func (im *Image) CheckTarget(target abi.Target, version uint32) error {
	want := TargetName(target)
	if im.Target != target {
		return fmt.Errorf("%s: Executable is not for the solo5-%s target but for %s; run it with a tender for %[3]s or build it again for %[2]s",
			im.Name, want, TargetName(im.Target))
	}
	if im.Version != version {
		return fmt.Errorf("%s: Executable requests unsupported ABI version %d; this tender has %s version %d, build the image again for it",
			im.Name, im.Version, want, version)
	}
	if im.Machine != hostMachine[runtime.GOARCH] {
		return fmt.Errorf("%s: invalid executable: made for %s; this machine is %s, build the image again for it",
			im.Name, machineName[im.Machine], runtime.GOARCH)
	}
	return nil
}

// TargetName is the name of a target as Solo5 prints it.
func TargetName(t abi.Target) string {
	if name, ok := targetName[t]; ok {
		return name
	}
	return "unknown"
}

var targetName = map[abi.Target]string{
	abi.TargetHVT:    "hvt",
	abi.TargetSPT:    "spt",
	abi.TargetVirtio: "virtio",
	abi.TargetMuen:   "muen",
	abi.TargetGenode: "genode",
	abi.TargetXen:    "xen",
}
