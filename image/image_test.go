package image

import (
	"bytes"
	"debug/elf"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tender/abi"
)

// testSpec is an image with all there is: both device types, the extension
// note, text, read-only data, data that ends in BSS, and BSS of its own.
func testSpec() Spec {
	return Spec{
		Target:  abi.TargetHVT,
		Version: abi.VersionHVT,
		Manifest: Manifest{
			{Name: "net0", Type: abi.DeviceNet, PresetMAC: [6]byte{2, 0, 0, 0, 0, 7}},
			{Name: "disk", Type: abi.DeviceBlock, PresetBlockBytes: 4096},
		},
		Tender: &abi.TenderNote{Version: 1, Flags: abi.FlagUserStart | abi.FlagPollMask, FaultEntry: 0x100020},
		Entry:  0x100010,
		Segments: []SegmentData{
			{Vaddr: 0x100000, Memsz: 0x1800, Align: 0x1000, Flags: elf.PF_R | elf.PF_X, Data: bytes.Repeat([]byte{0x90}, 0x1800)},
			{Vaddr: 0x102010, Memsz: 0x20, Align: 0x1000, Flags: elf.PF_R, Data: bytes.Repeat([]byte{'r'}, 0x20)},
			{Vaddr: 0x103000, Memsz: 0x2345, Align: 0x1000, Flags: elf.PF_R | elf.PF_W, Data: bytes.Repeat([]byte{'d'}, 0x123)},
			{Vaddr: 0x106000, Memsz: 0x1000, Align: 0x1000, Flags: elf.PF_R | elf.PF_W},
		},
	}
}

func write(t testing.TB, s Spec) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func writeFile(t testing.TB, data []byte, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.hvt")
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWriteRead(t *testing.T) {
	s := testSpec()
	data := write(t, s)
	im, err := Open(writeFile(t, data, 0o644))
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if im.Target != s.Target || im.Version != s.Version || im.Machine != elf.EM_X86_64 || im.Entry != s.Entry {
		t.Errorf("read %+v", im)
	}
	if !slices.Equal(im.Manifest, s.Manifest) {
		t.Errorf("manifest %v, want %v", im.Manifest, s.Manifest)
	}
	if im.Tender == nil || *im.Tender != *s.Tender || !im.UserStart() {
		t.Errorf("extension note %v", im.Tender)
	}
	if err := im.CheckTarget(abi.TargetHVT, 2); err != nil {
		t.Error(err)
	}
	// The parts, the notes, and each segment behind less than a page of padding.
	if limit := 64 + 8*56 + 24 + 40 + 240 + 40 + 3*4096 + 0x1800 + 0x20 + 0x123; len(data) > limit {
		t.Errorf("image has %d bytes, more than %d", len(data), limit)
	}
	mem := make([]byte, 2<<20)
	end, err := im.Load(mem)
	if err != nil {
		t.Fatal(err)
	}
	if end != 0x106000 {
		t.Errorf("kernel end %#x: segments without file bytes must not count", end)
	}
	checkMemory(t, mem, s)
	want := []Range{
		{0x100000, 0x102000, elf.PF_R | elf.PF_X},
		{0x102000, 0x103000, elf.PF_R},
		{0x103000, 0x106000, elf.PF_R | elf.PF_W},
	}
	if got := im.Ranges(); !slices.Equal(got, want) {
		t.Errorf("ranges %v, want %v", got, want)
	}
}

// smallSpec is an image of less than a page, for fuzzing: its addresses let
// the segments follow the headers closely.
func smallSpec() Spec {
	return Spec{
		Target:   abi.TargetSPT,
		Version:  abi.VersionSPT,
		Manifest: Manifest{{Name: "n", Type: abi.DeviceNet}},
		Entry:    0x100400,
		Segments: []SegmentData{
			{Vaddr: 0x100400, Memsz: 4, Align: 0x1000, Flags: elf.PF_X, Data: []byte{0xf4, 0xeb, 0xfd, 0x90}},
			{Vaddr: 0x101408, Memsz: 0x900, Align: 0x1000, Flags: elf.PF_R | elf.PF_W, Data: []byte("data")},
		},
	}
}

// checkMemory compares guest memory with what the spec says, zeros included.
func checkMemory(t testing.TB, mem []byte, s Spec) {
	t.Helper()
	want := make([]byte, len(mem))
	for _, seg := range s.Segments {
		copy(want[seg.Vaddr:], seg.Data)
	}
	if !bytes.Equal(mem, want) {
		t.Error("guest memory differs from the segments")
	}
}

func TestWriteReadRandom(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		s := randomSpec(rnd)
		im, err := Read(bytes.NewReader(write(t, s)), "random")
		if err != nil {
			t.Fatalf("%v\n%+v", err, s)
		}
		if im.Target != s.Target || im.Version != s.Version || im.Entry != s.Entry || !slices.Equal(im.Manifest, s.Manifest) {
			t.Fatalf("wrote %+v\nread %+v", s, im)
		}
		if (im.Tender == nil) != (s.Tender == nil) || im.Tender != nil && *im.Tender != *s.Tender {
			t.Fatalf("wrote %+v, read %+v", s.Tender, im.Tender)
		}
		for i, seg := range im.Segments {
			d := s.Segments[i]
			if seg.Vaddr != d.Vaddr || seg.Memsz != d.Memsz || seg.Filesz != uint64(len(d.Data)) ||
				seg.Align != d.Align || seg.Flags != d.Flags || (seg.Vaddr-seg.Offset)%abi.PageSize != 0 {
				t.Fatalf("wrote %+v, read %+v", d, seg)
			}
		}
		mem := make([]byte, 2<<20)
		end, err := im.Load(mem)
		if err != nil {
			t.Fatal(err)
		}
		checkMemory(t, mem, s)
		if ranges := im.Ranges(); end != ranges[len(ranges)-1].End {
			t.Fatalf("kernel end %#x, ranges %v", end, ranges)
		}
	}
}

func randomSpec(rnd *rand.Rand) Spec {
	s := Spec{Target: abi.TargetHVT + abi.Target(rnd.IntN(2)), Version: rnd.Uint32N(4)}
	for i := range rnd.IntN(abi.MaxDevices + 1) {
		name := strings.Repeat("x", rnd.IntN(abi.MaxNameLen-1)) + string(rune('0'+i/10)) + string(rune('0'+i%10))
		s.Manifest = append(s.Manifest, Device{Name: name, Type: abi.DeviceBlock + abi.DeviceType(rnd.IntN(2))})
	}
	addr := uint64(abi.MinLoadAddr)
	for i := range 1 + rnd.IntN(6) {
		align := uint64(abi.PageSize) << rnd.IntN(3)
		addr = (addr+align-1)&^(align-1) + rnd.Uint64N(align)
		d := SegmentData{Vaddr: addr, Align: align, Flags: elf.PF_R, Data: make([]byte, 1+rnd.IntN(20000))}
		for i := range d.Data {
			d.Data[i] = byte(rnd.Uint32())
		}
		if i == 0 {
			d.Flags |= elf.PF_X
			s.Entry = addr + rnd.Uint64N(uint64(len(d.Data)))
		} else if rnd.IntN(2) == 0 {
			d.Flags |= elf.PF_W
		}
		d.Memsz = uint64(len(d.Data)) + rnd.Uint64N(10000)
		s.Segments = append(s.Segments, d)
		addr = (d.Vaddr + d.Memsz + align - 1) &^ (align - 1)
	}
	if rnd.IntN(2) == 0 {
		s.Tender = &abi.TenderNote{Version: 1, Flags: rnd.Uint32(), FaultEntry: s.Entry}
	}
	return s
}

// The standard library's reader, which is none of ours, agrees.
func TestWriteDebugELF(t *testing.T) {
	f, err := elf.NewFile(bytes.NewReader(write(t, testSpec())))
	if err != nil {
		t.Fatal(err)
	}
	if f.Type != elf.ET_EXEC || f.Machine != elf.EM_X86_64 || len(f.Sections) != 0 {
		t.Errorf("header %+v", f.FileHeader)
	}
	var types []elf.ProgType
	for _, p := range f.Progs {
		types = append(types, p.Type)
	}
	want := []elf.ProgType{elf.PT_INTERP, elf.PT_NOTE, elf.PT_NOTE, elf.PT_NOTE, elf.PT_LOAD, elf.PT_LOAD, elf.PT_LOAD, elf.PT_LOAD}
	if !slices.Equal(types, want) {
		t.Errorf("program headers %v, want %v", types, want)
	}
	interp := make([]byte, 24)
	if _, err := f.Progs[0].ReadAt(interp, 0); err != nil || string(interp) != "/nonexistent/solo5/\x00\x00\x00\x00\x00" {
		t.Errorf("interpreter %q, %v", interp, err)
	}
}

// The host refuses to run an image: its interpreter does not exist.
func TestExecOnHost(t *testing.T) {
	err := exec.Command(writeFile(t, write(t, testSpec()), 0o755)).Run()
	if !errors.Is(err, syscall.ENOENT) {
		t.Errorf("running an image on the host: %v, want %v", err, syscall.ENOENT)
	}
}

func TestCheckTarget(t *testing.T) {
	im := &Image{Name: "x.hvt", Target: abi.TargetSPT, Version: 2, Machine: elf.EM_X86_64}
	for _, c := range []struct {
		target  abi.Target
		version uint32
		want    string
	}{
		{abi.TargetHVT, 2, "Executable is not for the solo5-hvt target"},
		{abi.TargetSPT, 1, "Executable requests unsupported ABI version 2"},
	} {
		expect(t, im.CheckTarget(c.target, c.version), c.want)
	}
	for _, m := range []elf.Machine{elf.EM_X86_64, elf.EM_AARCH64} {
		im.Machine = m
		want := "invalid executable: made for " + machineName[m]
		if m == hostMachine[runtime.GOARCH] {
			want = ""
		}
		expect(t, im.CheckTarget(abi.TargetSPT, 2), want)
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(dir, "short")
	if err := os.WriteFile(short, []byte("\x7fELF"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "Could not open " + filepath.Join(dir, "none") + ": no such file",
		dir:                        "invalid executable: not a regular file",
		fifo:                       "invalid executable: not a regular file",
		short:                      "invalid executable: cannot read the ELF header: unexpected EOF",
	} {
		im, err := Open(path)
		if im != nil {
			t.Errorf("%s: got an image", path)
		}
		expect(t, err, want)
	}
}

// expect says whether err is one line with the fragment; "" is no error.
func expect(t testing.TB, err error, fragment string) {
	t.Helper()
	switch {
	case err == nil && fragment != "":
		t.Errorf("no error, want %q", fragment)
	case err != nil && fragment == "":
		t.Error(err)
	case err != nil && (!strings.Contains(err.Error(), fragment) || strings.Contains(err.Error(), "\n")):
		t.Errorf("error %q, want one line with %q", err, fragment)
	}
}
