package spt

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/image"
	"tender/machine"
	"tender/seccomp"
)

// Where the segments of test guests are.
const (
	textAt    = 0x100000
	handlerAt = textAt + 0x8000
	rodataAt  = 0x110000
	dataAt    = 0x120000
	heapAt    = 0x130000

	testMem = 4 << 20
	// wrong is the exit status of a guest that did not get what it expects.
	wrong = 99
)

// testGuest is a guest written in machine code.
type testGuest struct {
	text, handler, data []byte
	manifest            image.Manifest
	note                *abi.TenderNote
	target              abi.Target // spt if 0
}

// op appends instructions.
func (g *testGuest) op(code ...byte) *testGuest {
	g.text = append(g.text, code...)
	return g
}

// Numbers of registers in instructions.
const (
	rax = iota
	rcx
	rdx
	rbx
	rsp
	rbp
	rsi
	rdi
	r8
	r9
	r10
)

// mov is movabs $value, %reg.
func mov(reg int, value uint64) []byte {
	return binary.LittleEndian.AppendUint64([]byte{0x48 | byte(reg>>3), 0xb8 | byte(reg&7)}, value)
}

// callCode is a system call; its result is in RAX.
func callCode(number int64, args ...uint64) (code []byte) {
	for i, v := range args {
		code = append(code, mov([]int{rdi, rsi, rdx, r10, r8, r9}[i], v)...)
	}
	return append(append(code, mov(rax, uint64(number))...), 0x0f, 0x05)
}

func (g *testGuest) call(number int64, args ...uint64) *testGuest {
	return g.op(callCode(number, args...)...)
}

// expect ends the guest unless RAX is the value.
func (g *testGuest) expect(value int64) *testGuest {
	g.op(mov(rcx, uint64(value))...).op(0x48, 0x39, 0xc8) // cmp %rcx, %rax
	code := callCode(unix.SYS_EXIT_GROUP, wrong)
	return g.op(0x74, byte(len(code))).op(code...) // je over
}

func (g *testGuest) exit(status uint64) *testGuest { return g.call(unix.SYS_EXIT_GROUP, status) }

// put lays values out in the data, at a 64-byte boundary, and returns where.
func (g *testGuest) put(values ...any) uint64 {
	for len(g.data)%64 != 0 {
		g.data = append(g.data, 0)
	}
	at := uint64(dataAt + len(g.data))
	for _, v := range values {
		var err error
		if g.data, err = binary.Append(g.data, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	return at
}

func (g *testGuest) print(at, n uint64) *testGuest {
	return g.call(unix.SYS_WRITE, consoleFD, at, n).expect(int64(n))
}

func (g *testGuest) puts(text string) *testGuest {
	return g.print(g.put([]byte(text)), uint64(len(text)))
}

func le32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

// image writes the guest as ELF and reads that.
func (g *testGuest) image(t testing.TB) *image.Image {
	t.Helper()
	text := make([]byte, handlerAt-textAt+0x1000)
	copy(text, g.text)
	copy(text[handlerAt-textAt:], g.handler)
	data := make([]byte, 0x8000)
	if copy(data, g.data) < len(g.data) {
		t.Fatal("too much data for the guest")
	}
	spec := image.Spec{
		Target: abi.TargetSPT, Version: abi.VersionSPT, Manifest: g.manifest, Entry: textAt, Tender: g.note,
		Segments: []image.SegmentData{
			{Vaddr: textAt, Memsz: uint64(len(text)), Align: abi.PageSize, Flags: elf.PF_X, Data: text},
			{Vaddr: rodataAt, Memsz: 0x2000, Align: abi.PageSize, Flags: elf.PF_R, Data: []byte("read-only")},
			{Vaddr: dataAt, Memsz: heapAt - dataAt, Align: abi.PageSize, Flags: elf.PF_R | elf.PF_W, Data: data},
		},
	}
	if g.target != 0 {
		spec.Target = g.target
	}
	return readImage(t, spec)
}

func readImage(t testing.TB, spec image.Spec) *image.Image {
	t.Helper()
	var file bytes.Buffer
	if err := image.Write(&file, spec); err != nil {
		t.Fatal(err)
	}
	im, err := image.Read(bytes.NewReader(file.Bytes()), "dir/guest.spt")
	if err != nil {
		t.Fatal(err)
	}
	return im
}

// needFilters skips the test in a program built without cgo.
func needFilters(t testing.TB) {
	t.Helper()
	if _, err := (seccomp.Policy{{Call: "read"}}).Compile(); errors.Is(err, seccomp.ErrUnavailable) {
		t.Skip(err)
	}
}

// start makes a process of the guest that the test closes.
func start(t testing.TB, g *testGuest, c Config) *Process {
	t.Helper()
	if c.Image == nil {
		c.Image = g.image(t)
	}
	if c.MemBytes == 0 {
		c.MemBytes = testMem
	}
	needFilters(t)
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// run is Run with a limit that keeps a failing test from hanging.
func run(t testing.TB, p *Process) (machine.Exit, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return p.Run(ctx)
}

// mustExit runs a guest that shall exit with the status and returns what it
// has written.
func mustExit(t testing.TB, g *testGuest, c Config, status int) string {
	t.Helper()
	var console bytes.Buffer
	if c.Console == nil {
		c.Console = &console
	}
	exit, err := run(t, start(t, g, c))
	if err != nil {
		t.Fatal(err)
	}
	if exit.Status != status {
		t.Fatalf("exit status %d, want %d; the guest wrote %q", exit.Status, status, console.String())
	}
	return console.String()
}

// mustDie runs a guest that a signal shall end.
func mustDie(t testing.TB, g *testGuest, c Config, signal syscall.Signal) {
	t.Helper()
	exit, err := run(t, start(t, g, c))
	var death *SignalError
	if !errors.As(err, &death) || death.Signal != signal {
		t.Errorf("exit %+v, %v; want %v", exit, err, signal)
	}
}

// peek reads a value from memory that a guest has written.
func peek[T any](t testing.TB, memory string, at int) (v T) {
	t.Helper()
	if _, err := binary.Decode([]byte(memory)[at:], binary.LittleEndian, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func args(c machine.Config) Config { return Config{Config: c} }
