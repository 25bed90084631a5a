package image

import (
	"bytes"
	"debug/elf"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"tender/abi"
)

// An image that is none of Write's: linked by GNU ld in the layout of C
// unikernels.
func TestLinkedByGNU(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the guest is in x86_64 assembly")
	}
	for _, tool := range []string{"as", "ld"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("GNU binutils are not installed: %v", err)
		}
	}
	dir := t.TempDir()
	object, path := filepath.Join(dir, "start.o"), filepath.Join(dir, "guest.hvt")
	for _, command := range []*exec.Cmd{
		exec.Command("as", "--64", "-o", object, "testdata/gnu/start.s"),
		exec.Command("ld", "-static", "-z", "max-page-size=4096", "-T", "testdata/gnu/guest.lds", "-o", path, object),
	} {
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}
	im, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if err := im.CheckTarget(abi.TargetHVT, abi.VersionHVT); err != nil {
		t.Error(err)
	}
	if want := (Manifest{{Name: "storage", Type: abi.DeviceBlock}}); !slices.Equal(im.Manifest, want) || im.UserStart() {
		t.Errorf("read %+v", im)
	}
	mem := make([]byte, 2<<20)
	end, err := im.Load(mem)
	if err != nil {
		t.Fatal(err)
	}
	want := []Range{
		{0x100000, 0x101000, elf.PF_X},
		{0x101000, 0x102000, elf.PF_R},
		{0x102000, 0x103000, elf.PF_R | elf.PF_W},
	}
	if got := im.Ranges(); !slices.Equal(got, want) || end != 0x103000 || len(im.Segments) != 4 {
		t.Errorf("ranges %v, kernel end %#x, segments %+v", got, end, im.Segments)
	}
	for addr, text := range map[int]string{0x100000: abi.Interpreter, 0x101000: "read only", 0x102000: "writable\x00"} {
		if !bytes.HasPrefix(mem[addr:], []byte(text)) {
			t.Errorf("%q is not at %#x", text, addr)
		}
	}
}
