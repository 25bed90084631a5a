package hvt

import (
	"errors"
	"strings"
	"testing"

	"tender/abi"
	"tender/blockback"
	"tender/image"
	"tender/machine"
	"tender/netback"
)

// mustBreach runs a guest that shall be ended for that.
func mustBreach(t *testing.T, vm *VM, kind Breach, fragment string) *GuestError {
	t.Helper()
	exit, err := run(t, vm)
	var g *GuestError
	if !errors.As(err, &g) {
		t.Fatalf("exit %+v, error %v; want a breach", exit, err)
	}
	if g.Breach != kind || !strings.Contains(err.Error(), fragment) || !strings.HasPrefix(err.Error(), "guest: ") {
		t.Errorf("breach %d, %q; want %d, %q", g.Breach, err, kind, fragment)
	}
	if !g.HasRIP || !strings.Contains(err.Error(), "rip=0x") {
		t.Errorf("no RIP in %q", err)
	}
	return g
}

var twoDevices = image.Manifest{{Name: "net0", Type: abi.DeviceNet}, {Name: "disk", Type: abi.DeviceBlock}}

// Pointers at every boundary, for every hypercall and each of its pointers.
func TestHostilePointers(t *testing.T) {
	const top = testMem
	outputs := []uint64{textAt, rodataAt, rodataAt - 1, textAt - 1, abi.HVTBootInfo, abi.HVTGDT, 0}
	type probe struct {
		gpa, size uint64
		ok        bool
	}
	// bounds are the probes of a pointer to n bytes.
	bounds := func(n uint64) []probe {
		return []probe{
			{top - n - 1, n, true},
			{top - n, n, false}, // ends at the last byte: refused too
			{top - n + 1, n, false},
			{top - 1, n, n == 0},
			{top, n, false},
			{top, 0, false},
			{1<<32 - 1, n, false},
		}
	}
	for _, c := range []struct {
		name string
		call int
		size uint64 // of the argument struct
		out  bool   // the struct is written to
		// args makes arguments that pass p, if the call has a buffer.
		args    func(p probe) any
		written bool // the buffer is written to
	}{
		{"walltime", abi.HypercallWalltime, 8, true, nil, false},
		{"poll", abi.HypercallPoll, 24, true, nil, false},
		{"puts", abi.HypercallPuts, 16, false, func(p probe) any { return abi.PutsArgs{Data: p.gpa, Len: p.size} }, false},
		{"net write", abi.HypercallNetWrite, 32, true, func(p probe) any { return abi.NetArgs{Handle: 1, Data: p.gpa, Len: p.size} }, false},
		{"net read", abi.HypercallNetRead, 32, true, func(p probe) any { return abi.NetArgs{Handle: 1, Data: p.gpa, Len: p.size} }, true},
		{"block write", abi.HypercallBlockWrite, 40, true, func(p probe) any { return abi.BlockArgs{Handle: 2, Data: p.gpa, Len: p.size} }, false},
		{"block read", abi.HypercallBlockRead, 40, true, func(p probe) any { return abi.BlockArgs{Handle: 2, Data: p.gpa, Len: p.size} }, true},
		{"halt", abi.HypercallHalt, 16, false, nil, false},
	} {
		try := func(t *testing.T, gpa uint64, args any, ok bool) {
			t.Helper()
			g := &testGuest{manifest: twoDevices}
			at := uint32(gpa)
			if args != nil {
				at = g.put(args)
			}
			g.call(c.call, at).halt(0)
			dev, _ := pipe(t)
			vm := start(t, g, Config{Config: machine.Config{Net: map[string]netback.Device{"net0": dev}, Block: map[string]blockback.Device{"disk": newMemDisk(8192)}}})
			if ok {
				mustHalt(t, vm, 0)
				return
			}
			mustBreach(t, vm, BreachAccess, "Invalid guest access: gpa=0x")
		}
		t.Run(c.name, func(t *testing.T) {
			for _, p := range bounds(c.size) {
				try(t, p.gpa, nil, p.ok)
			}
			if c.out {
				for _, at := range outputs {
					try(t, at, nil, false)
				}
			}
			if c.args == nil {
				return
			}
			probes := append(bounds(512), bounds(0)...)
			probes = append(probes, probe{heapAt, 1<<64 - heapAt, false}, probe{heapAt, 1<<64 - 1, false}, probe{1<<64 - 1, 512, false},
				probe{1 << 63, 0, false}, probe{1 << 32, 512, false}, probe{abi.UserSystemBase, 48, false}, probe{heapAt, 1 << 62, false})
			for _, at := range outputs {
				probes = append(probes, probe{at, 512, !c.written})
			}
			probes = append(probes, probe{textAt, 0, true}, probe{0, 0, true})
			for _, p := range probes {
				// A length the disk does not have is a result, not a breach.
				ok := p.ok || strings.HasPrefix(c.name, "block") && p.size > 8192
				try(t, 0, c.args(p), ok)
			}
		})
	}
}

func TestHostileCookie(t *testing.T) {
	for _, at := range []uint64{testMem - abi.HaltCookieSize, testMem, 1<<64 - 1, 1<<64 - abi.HaltCookieSize} {
		g := &testGuest{}
		g.call(abi.HypercallHalt, g.put(abi.HaltArgs{Cookie: at}))
		mustBreach(t, start(t, g, Config{}), BreachAccess, "Invalid guest access")
	}
}

func TestHostilePorts(t *testing.T) {
	inBothModes(t, func(t *testing.T, mode Start) {
		for _, c := range []struct {
			name     string
			code     []byte
			kind     Breach
			fragment string
		}{
			{"number 0", outCode(0x500, 0), BreachHypercall, "Invalid guest hypercall: num=0"},
			{"block without a disk", outCode(0x504, dataAt), BreachHypercall, "Invalid guest hypercall: num=4"},
			{"net without a NIC", outCode(0x507, dataAt), BreachHypercall, "Invalid guest hypercall: num=7"},
			{"number 9", outCode(0x509, dataAt), BreachPort, "Invalid guest port access"},
			{"port below", outCode(0x4ff, dataAt), BreachPort, "Invalid guest port access"},
			{"kick of a ring", outCode(0x600, 0), BreachPort, "Invalid guest port access"},
			{"port 0", outCode(0, 0), BreachPort, "Invalid guest port access"},
			{"serial port", []byte{0x66, 0xba, 0xf8, 0x03, 0xee}, BreachPort, "width=1"},
			{"last port", outCode(0xfffc, 0), BreachPort, "port=0xfffc"},
			{"width 1", []byte{0x66, 0xba, 0x02, 0x05, 0xee}, BreachPort, "Invalid guest port access: OUT, port=0x502, width=1"},
			{"width 2", []byte{0x66, 0xba, 0x02, 0x05, 0x66, 0xef}, BreachPort, "width=2"},
			{"in", []byte{0x66, 0xba, 0x02, 0x05, 0xed}, BreachPort, "Invalid guest port access: IN"},
			{"in, width 1", []byte{0xe4, 0x60}, BreachPort, "Invalid guest port access: IN"},
		} {
			t.Run(c.name, func(t *testing.T) {
				g := &testGuest{}
				g.op(c.code...).halt(0)
				mustBreach(t, start(t, g, Config{Start: mode}), c.kind, c.fragment)
			})
		}
	})
}

// What ends a kernel-mode guest without an IDT.
func TestHostileKernelMode(t *testing.T) {
	for _, c := range []struct {
		name     string
		code     []byte
		kind     Breach
		fragment string
	}{
		{"hlt", []byte{0xf4}, BreachExit, "unhandled exit: exit_reason=0x5"},
		{"triple fault", []byte{0x0f, 0x0b}, BreachExit, "unhandled exit: exit_reason=0x8"},
		{"null read", []byte{0x8a, 0x04, 0x25, 0, 0, 0, 0}, BreachExit, "unhandled exit: exit_reason=0x8"},
		{"write to boot info", append([]byte{0xc6, 0x04, 0x25}, append(le32(abi.HVTBootInfo), 1)...), BreachExit, "unhandled exit: exit_reason=0x8"},
		{"beyond memory", append([]byte{0x8a, 0x04, 0x25}, le32(testMem)...), BreachExit, "unhandled exit: exit_reason=0x8"},
		{"write to text", append([]byte{0xc6, 0x04, 0x25}, append(le32(textAt), 1)...), BreachTranslation, "host/guest translation fault"},
		{"write to rodata", append([]byte{0xc6, 0x04, 0x25}, append(le32(rodataAt), 1)...), BreachTranslation, "host/guest translation fault"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := &testGuest{}
			g.op(c.code...).halt(0)
			g.handler = []byte{0x90}
			mustBreach(t, start(t, g, Config{Start: StartKernel}), c.kind, c.fragment)
		})
	}
}

// A guest at CPL 0 with page tables of its own, which map what there is no
// memory for.
func TestHostileMapping(t *testing.T) {
	g := &testGuest{}
	const pml4, pdpt, pd = heapAt, heapAt + 0x1000, heapAt + 0x2000
	qword := func(at, v uint32) { // movq $v, at
		g.op(0x48, 0xc7, 0x04, 0x25).op(le32(at)...).op(le32(v)...)
	}
	qword(pml4, pdpt|3)
	qword(pdpt, pd|3)
	qword(pd, 0x83)
	qword(pd+8, 0x40000083)                              // 2 MiB at 1 GiB, beyond memory
	g.op(0xb8).op(le32(pml4)...).op(0x0f, 0x22, 0xd8)    // mov $pml4, %eax; mov %rax, %cr3
	g.op(0x8a, 0x04, 0x25).op(le32(0x200000)...).halt(0) // mov 0x200000, %al
	vm := start(t, g, Config{Start: StartKernel})
	mustBreach(t, vm, BreachExit, "unhandled exit: exit_reason=0x6, gpa=0x40000000")
}

// The result of an argument struct that lies in the very buffer it names.
func TestOverlap(t *testing.T) {
	g := &testGuest{manifest: oneNet}
	at := g.put(abi.NetArgs{Handle: 1, Data: dataAt, Len: 64})
	if at != dataAt {
		t.Fatal("arguments moved")
	}
	g.call(abi.HypercallNetRead, at).halt(0)
	dev, wire := pipe(t)
	frame := make([]byte, 64)
	for i := range frame {
		frame[i] = 0xff
	}
	if err := wire.Send(frame); err != nil {
		t.Fatal(err)
	}
	vm := start(t, g, Config{Config: machine.Config{Net: map[string]netback.Device{"net0": dev}}})
	exit, err := run(t, vm) // HALT's arguments at dataAt+64 are intact
	if err != nil || exit.Status != 0 {
		t.Fatal(exit, err)
	}
	got := peek[abi.NetArgs](t, vm, at)
	if got.Len != 64 || got.Ret != abi.ResultOK || got.Handle != 1<<64-1 {
		t.Errorf("%+v", got)
	}
}
