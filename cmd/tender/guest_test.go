package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"tender/abi"
	"tender/image"
)

// Where a test guest has its parts.
const (
	guestText = abi.MinLoadAddr
	guestData = guestText + abi.PageSize
)

// guest is a unikernel in machine code, for CPL 3: hypercalls one after the
// other, and at the end a jump to the last one or, with loop, to the first.
type guest struct {
	manifest image.Manifest
	text     []byte
	data     []byte
	loop     bool
	events   uint64 // where abi.Events is, 0 for none
	umem     uint64 // where the address of the UMEM is to be, 0 for nowhere
}

// put lays an argument struct out in the guest's data and returns its place.
func (g *guest) put(args any) uint32 {
	for len(g.data)%8 != 0 {
		g.data = append(g.data, 0)
	}
	at := guestData + len(g.data)
	var err error
	if g.data, err = binary.Append(g.data, binary.LittleEndian, args); err != nil {
		panic(err)
	}
	return uint32(at)
}

func (g *guest) call(number uint16, args any) *guest {
	g.text = binary.LittleEndian.AppendUint32(append(g.text, 0xb8), g.put(args))                    // mov $args, %eax
	g.text = binary.LittleEndian.AppendUint16(append(g.text, 0x66, 0xba), abi.HypercallPort+number) // mov $port, %dx
	g.text = append(g.text, 0xef)                                                                   // out %eax, %dx
	return g
}

// print writes n bytes of guest memory to the console.
func (g *guest) print(at uint64, n int) *guest {
	return g.call(abi.HypercallPuts, abi.PutsArgs{Data: at, Len: uint64(n)})
}

func (g *guest) puts(text string) *guest {
	return g.print(uint64(g.put([]byte(text))), len(text))
}

func (g *guest) halt(status int32) *guest {
	return g.call(abi.HypercallHalt, abi.HaltArgs{Status: status})
}

// cmdline is where the guest's arguments are.
func (g *guest) cmdline() uint64 {
	return abi.HVTBootInfo + 56 + uint64(len(g.manifest.Binary()))
}

// bytes is the image.
func (g *guest) bytes(t testing.TB) []byte {
	t.Helper()
	text := append([]byte{}, g.text...)
	if g.loop {
		text = binary.LittleEndian.AppendUint32(append(text, 0xe9), uint32(-(len(text) + 5)))
	}
	text = append(text, 0xeb, 0xfe) // jmp .
	data := append(append([]byte{}, g.data...), 0)
	note := &abi.TenderNote{Version: abi.TenderNoteVersion, Flags: abi.FlagUserStart, FaultEntry: guestText}
	if g.events != 0 {
		note.Flags |= abi.FlagEvents
		note.Events = g.events
	}
	if g.umem != 0 {
		note.Flags |= abi.FlagUMEM
		note.UMEM = g.umem
	}
	var file bytes.Buffer
	err := image.Write(&file, image.Spec{
		Target:   abi.TargetHVT,
		Version:  abi.VersionHVT,
		Manifest: g.manifest,
		Entry:    guestText,
		Tender:   note,
		Segments: []image.SegmentData{
			{Vaddr: guestText, Memsz: uint64(len(text)), Align: abi.PageSize, Flags: elf.PF_R | elf.PF_X, Data: text},
			{Vaddr: guestData, Memsz: uint64(len(data)), Align: abi.PageSize, Flags: elf.PF_R | elf.PF_W, Data: data},
		},
	})
	check(t, err)
	return file.Bytes()
}

// file writes the image to a folder of the test.
func (g *guest) file(t testing.TB) string {
	t.Helper()
	return writeFile(t, "guest.hvt", g.bytes(t))
}

func hello() *guest { return new(guest).puts("hello\n").halt(0) }

func withDevices(devices ...image.Device) *guest {
	return (&guest{manifest: devices}).halt(0)
}

func netDevice(name string) image.Device   { return image.Device{Name: name, Type: abi.DeviceNet} }
func blockDevice(name string) image.Device { return image.Device{Name: name, Type: abi.DeviceBlock} }

// writeFile makes a file in a folder of its own that all users can read.
func writeFile(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(openDir(t), name)
	check(t, os.WriteFile(path, data, 0o644))
	return path
}

// openDir is a folder of the test that all users can look into.
func openDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	check(t, os.Chmod(dir, 0o755))
	check(t, os.Chmod(filepath.Dir(dir), 0o755))
	return dir
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
