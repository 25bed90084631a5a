package hvt

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/image"
	"tender/machine"
)

// Where the segments of test guests are.
const (
	textAt    = 0x100000
	handlerAt = textAt + 0x8000 // where faults resume
	rodataAt  = 0x110000
	dataAt    = 0x120000
	heapAt    = 0x130000
	faultHalt = dataAt + 0xff00 // HaltArgs of the fault handler

	testMem     = 4 << 20
	faultStatus = 77
)

// testGuest is a guest written in machine code. Arguments of hypercalls are
// laid out beforehand in its data, results are read from its memory after.
type testGuest struct {
	text, handler, data []byte
	manifest            image.Manifest
	flags               uint32 // of the note, beside FlagUserStart
	plain               bool   // no note
	events              uint64 // where the note has abi.Events
	atEvents            *abi.Events
}

// op appends instructions.
func (g *testGuest) op(code ...byte) *testGuest {
	g.text = append(g.text, code...)
	return g
}

// call appends hypercall n with its argument at gpa.
func (g *testGuest) call(n int, gpa uint32) *testGuest {
	return g.out(uint16(abi.HypercallPort+n), gpa)
}

// out appends OUT of a dword.
func (g *testGuest) out(port uint16, value uint32) *testGuest {
	return g.op(outCode(port, value)...)
}

func outCode(port uint16, value uint32) []byte {
	code := binary.LittleEndian.AppendUint32([]byte{0xb8}, value)           // mov $value, %eax
	code = binary.LittleEndian.AppendUint16(append(code, 0x66, 0xba), port) // mov $port, %dx
	return append(code, 0xef)                                               // out %eax, %dx
}

// jump appends a conditional jump, 0x84 if equal and 0x85 if not, to an offset
// in the text.
func (g *testGuest) jump(condition byte, to int) *testGuest {
	from := len(g.text) + 6
	return g.op(binary.LittleEndian.AppendUint32([]byte{0x0f, condition}, uint32(to-from))...)
}

// put lays values out in the data, at a 64-byte boundary, and returns where.
func (g *testGuest) put(values ...any) uint32 {
	for len(g.data)%64 != 0 {
		g.data = append(g.data, 0)
	}
	at := dataAt + len(g.data)
	for _, v := range values {
		var err error
		if g.data, err = binary.Append(g.data, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	return uint32(at)
}

// halt appends HALT.
func (g *testGuest) halt(status int32) *testGuest {
	return g.call(abi.HypercallHalt, g.put(abi.HaltArgs{Status: status}))
}

// puts appends PUTS.
func (g *testGuest) puts(text string) *testGuest {
	at := g.put([]byte(text))
	return g.call(abi.HypercallPuts, g.put(abi.PutsArgs{Data: uint64(at), Len: uint64(len(text))}))
}

// image writes the guest as ELF and reads that.
func (g *testGuest) image(t testing.TB) *image.Image {
	t.Helper()
	text := make([]byte, handlerAt-textAt+0x1000)
	copy(text, g.text)
	handler := g.handler
	if handler == nil {
		handler = outCode(abi.HypercallPort+abi.HypercallHalt, faultHalt)
	}
	copy(text[handlerAt-textAt:], handler)
	data := make([]byte, 0x10000)
	copy(data, g.data)
	if _, err := binary.Encode(data[faultHalt-dataAt:], binary.LittleEndian, abi.HaltArgs{Status: faultStatus}); err != nil {
		t.Fatal(err)
	}
	if g.atEvents != nil {
		if _, err := binary.Encode(data[eventsAt-dataAt:], binary.LittleEndian, g.atEvents); err != nil {
			t.Fatal(err)
		}
	}
	spec := image.Spec{
		Target: abi.TargetHVT, Version: abi.VersionHVT, Manifest: g.manifest, Entry: textAt,
		Tender: &abi.TenderNote{Version: abi.TenderNoteVersion, Flags: abi.FlagUserStart | g.flags, FaultEntry: handlerAt, Events: g.events},
		Segments: []image.SegmentData{
			{Vaddr: textAt, Memsz: uint64(len(text)), Align: abi.PageSize, Flags: elf.PF_R | elf.PF_X, Data: text},
			{Vaddr: rodataAt, Memsz: 0x1000, Align: abi.PageSize, Flags: elf.PF_R, Data: []byte("read-only")},
			{Vaddr: dataAt, Memsz: uint64(len(data)), Align: abi.PageSize, Flags: elf.PF_R | elf.PF_W, Data: data},
		},
	}
	if g.plain {
		spec.Tender = nil
	}
	var file bytes.Buffer
	if err := image.Write(&file, spec); err != nil {
		t.Fatal(err)
	}
	im, err := image.Read(bytes.NewReader(file.Bytes()), "guest")
	if err != nil {
		t.Fatal(err)
	}
	return im
}

// TestMain leaves examples out where there is no KVM: they cannot skip.
func TestMain(m *testing.M) {
	flag.Parse()
	if reason := noKVM(); reason != nil {
		fmt.Fprintf(os.Stderr, "examples are skipped: %v\n", reason)
		skip := "^Example"
		if given := flag.Lookup("test.skip").Value.String(); given != "" {
			skip += "|" + given
		}
		if err := flag.Set("test.skip", skip); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// noKVM is why there is no /dev/kvm to test with. One that is there and does
// not work is no reason: the tests then fail.
func noKVM() error {
	fd, err := openKVM()
	if err == nil {
		unix.Close(fd)
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.ENODEV) {
		return err
	}
	return nil
}

// needKVM skips the test where there is no KVM.
func needKVM(t testing.TB) {
	t.Helper()
	if reason := noKVM(); reason != nil {
		t.Skipf("needs KVM: %v", reason)
	}
}

// start builds a VM of the guest that the test closes.
func start(t testing.TB, g *testGuest, c Config) *VM {
	t.Helper()
	needKVM(t)
	c.Image = g.image(t)
	if c.MemBytes == 0 {
		c.MemBytes = testMem
	}
	vm, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := vm.Close(); err != nil {
			t.Error(err)
		}
	})
	return vm
}

// run is Run with a limit that keeps a failing test from hanging.
func run(t testing.TB, vm *VM) (machine.Exit, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return vm.Run(ctx)
}

// mustHalt runs a guest that shall halt with the status.
func mustHalt(t testing.TB, vm *VM, status int) machine.Exit {
	t.Helper()
	exit, err := run(t, vm)
	if err != nil {
		t.Fatal(err)
	}
	if exit.Status != status {
		t.Fatalf("exit status %d, want %d", exit.Status, status)
	}
	return exit
}

// peek reads a value from guest memory.
func peek[T any](t testing.TB, vm *VM, gpa uint32) (v T) {
	t.Helper()
	if _, err := binary.Decode(vm.host.mem.bytes[gpa:], binary.LittleEndian, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// inBothModes runs the test for each way to start.
func inBothModes(t *testing.T, test func(t *testing.T, mode Start)) {
	for _, mode := range []Start{StartKernel, StartUser} {
		t.Run(mode.String(), func(t *testing.T) { test(t, mode) })
	}
}
