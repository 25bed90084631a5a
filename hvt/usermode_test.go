package hvt

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"tender/abi"
	"tender/image"
	"tender/machine"
)

// walk looks an address up in the tables of a user-mode start.
func (p *pageTables) walk(addr uint64) (entry uint64, present bool) {
	at := p.base
	for shift := 39; ; shift -= 9 {
		i := (at - p.base) / abi.PageSize
		if i >= uint64(len(p.tables)) {
			return 0, false // the slot's own
		}
		e := p.tables[i][addr>>shift&511]
		if e&pteP == 0 {
			return 0, false
		}
		if shift == 12 || e&ptePS != 0 {
			offset := addr & (1<<shift - 1)
			return e&^ptePS + offset&^0xfff, true
		}
		if e&(pteW|pteU) != pteW|pteU || e&pteNX != 0 {
			return 0, false
		}
		at = e &^ (pteNX | 0xfff)
	}
}

// Every page of random layouts has exactly the rights it asks for.
func TestUserPages(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		memBytes := uint64(1+rng.IntN(20)) * largePage
		if rng.IntN(10) == 0 {
			memBytes = abi.HVTMaxMem
		}
		var ranges []image.Range
		for at := uint64(abi.MinLoadAddr); at < memBytes; {
			size := uint64(1+rng.IntN(1500)) * abi.PageSize
			if rng.IntN(4) == 0 {
				at = (at + largePage - 1) &^ (largePage - 1)
				size = uint64(1+rng.IntN(3)) * largePage
			}
			if at+size > memBytes {
				break
			}
			flags := []elf.ProgFlag{elf.PF_R, elf.PF_X, elf.PF_R | elf.PF_X, elf.PF_R | elf.PF_W, 0}[rng.IntN(5)]
			ranges = append(ranges, image.Range{Start: at, End: at + size, Flags: flags})
			at += size + uint64(rng.IntN(3))*abi.PageSize
			if len(ranges) > 20 {
				break
			}
		}
		p := userPages(abi.UserSystemBase+sysPaging, memBytes, ranges)
		if most := int(memBytes/largePage) + 8; len(p.tables) > most {
			t.Fatalf("%d tables for %d MiB", len(p.tables), memBytes>>20)
		}
		top := min(memBytes, 64<<20)
		for addr := uint64(0); addr < top; addr += abi.PageSize {
			want := addr | ptePAD | pteU | pteW | pteNX
			switch {
			case addr < abi.HVTBootInfo:
				want = 0
			case addr < abi.MinLoadAddr:
				want = addr | ptePAD | pteU | pteNX
			}
			for _, r := range ranges {
				if r.Start <= addr && addr < r.End {
					want = addr | ptePAD | pteU
					if r.Flags&elf.PF_W != 0 {
						want |= pteW
					}
					if r.Flags&elf.PF_X == 0 {
						want |= pteNX
					}
				}
			}
			if got, _ := p.walk(addr); got != want {
				t.Fatalf("page %#x: entry %#x, want %#x; %+v", addr, got, want, ranges)
			}
		}
		for _, addr := range []uint64{memBytes, memBytes + largePage, 1 << 39, 1<<47 - 1} {
			if e, ok := p.walk(addr); ok {
				t.Errorf("address %#x beyond memory is mapped: %#x", addr, e)
			}
		}
	}
}

// record is what the stub stored last.
func record(t *testing.T, vm *VM) (r abi.FaultRecord) {
	t.Helper()
	if _, err := binary.Decode(vm.system, binary.LittleEndian, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// looseFaults are faults on whose details the machines disagree: of INT
// through a gate that is closed to the guest, QEMU reports another error code
// and RIP; software KVM does not look at the gate, and not at EFER.SCE either
// when SYSCALL jumps to address 0. The value is software KVM's vector.
var looseFaults = map[string]uint64{"syscall": 14, "int 14": 6, "int 0x80": 6}

// softwareKVM says that kernel-mode code is emulated.
func softwareKVM(t testing.TB) bool {
	t.Helper()
	p, err := ProbeKVM()
	if err != nil {
		t.Fatal(err)
	}
	return !p.Kernel
}

func TestFaults(t *testing.T) {
	const ud, de, bp, gp, pf, of = 6, 0, 3, 13, 14, 4
	const (
		write, user, fetch = 1 << 1, 1 << 2, 1 << 4
		present            = 1
	)
	var xorEAX = []byte{0x31, 0xc0}
	store := func(at uint32) []byte { return append([]byte{0xc6, 0x04, 0x25}, append(le32(at), 1)...) }  // movb $1, at
	load := func(at uint32) []byte { return append([]byte{0x8a, 0x04, 0x25}, le32(at)...) }              // mov at, %al
	jump := func(at uint32) []byte { return append(append([]byte{0xb8}, le32(at)...), 0xff, 0xe0) }      // mov $at, %eax; jmp *%rax
	high := func(op ...byte) []byte { return append([]byte{0x48, 0xb8, 0, 0, 0, 0, 1, 0, 0, 0}, op...) } // movabs $1<<32, %rax
	for _, c := range []struct {
		name   string
		before []byte
		fault  []byte
		after  int // RIP is that many bytes behind the start of fault
		vector uint64
		code   uint64
		cr2    uint64
	}{
		{"null read", nil, load(0), 0, pf, user, 0},
		{"null write", nil, store(8), 0, pf, user | write, 8},
		{"read below 64 KiB", nil, load(0xffff), 0, pf, user, 0xffff},
		{"write to boot info", nil, store(abi.HVTBootInfo), 0, pf, user | write | present, abi.HVTBootInfo},
		{"write below text", nil, store(textAt - 1), 0, pf, user | write | present, textAt - 1},
		{"write to text", nil, store(textAt), 0, pf, user | write | present, textAt},
		{"write to rodata", nil, store(rodataAt + 5), 0, pf, user | write | present, rodataAt + 5},
		{"execute rodata", nil, jump(rodataAt), -1, pf, user | present | fetch, rodataAt},
		{"execute data", nil, jump(dataAt), -1, pf, user | present | fetch, dataAt},
		{"execute heap", nil, jump(heapAt), -1, pf, user | present | fetch, heapAt},
		{"execute boot info", nil, jump(abi.HVTBootInfo), -1, pf, user | present | fetch, abi.HVTBootInfo},
		{"execute null", nil, jump(0), -1, pf, user | fetch, 0},
		{"beyond memory", nil, load(testMem), 0, pf, user, testMem},
		{"write fault record", nil, high(0x88, 0x00), 10, pf, user | write | present, abi.UserFaultRecord},
		{"read system slot", nil, append([]byte{0x48, 0xb8, 0, 0x20, 0, 0, 1, 0, 0, 0}, 0x8a, 0x00), 10, pf, user | present, abi.UserSystemBase + sysGDT},
		{"execute stub", nil, append([]byte{0x48, 0xb8, 0, 0x30, 0, 0, 1, 0, 0, 0}, 0xff, 0xe0), -1, pf, user | present | fetch, abi.UserSystemBase + sysStub},
		{"divide", xorEAX, []byte{0xf7, 0xf0}, 0, de, 0, 0},
		{"ud2", nil, []byte{0x0f, 0x0b}, 0, ud, 0, 0},
		{"syscall", nil, []byte{0x0f, 0x05}, 0, ud, 0, 0},
		{"int3", nil, []byte{0xcc}, 1, bp, 0, 0},
		{"int 4", nil, []byte{0xcd, 4}, 2, of, 0, 0},
		{"int 14", nil, []byte{0xcd, 14}, 0, gp, 14<<3 | 2, 0},
		{"int 0x80", nil, []byte{0xcd, 0x80}, 0, gp, 0x80<<3 | 2, 0},
		{"hlt", nil, []byte{0xf4}, 0, gp, 0, 0},
		{"mov to cr3", nil, []byte{0x0f, 0x22, 0xd8}, 0, gp, 0, 0},
		{"wrmsr", nil, []byte{0x0f, 0x30}, 0, gp, 0, 0},
		{"non-canonical", []byte{0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x80}, []byte{0x8a, 0x00}, 0, gp, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := &testGuest{}
			g.op(0xbb).op(le32(0xabcdef)...) // mov $0xabcdef, %ebx
			g.op(c.before...)
			at := uint64(textAt + len(g.text))
			g.op(c.fault...).halt(0)
			// The handler saves RBX and RSP, which the fault must not change.
			g.handler = append([]byte{0x48, 0x89, 0x1c, 0x25}, le32(heapAt)...)
			g.handler = append(append(g.handler, 0x48, 0x89, 0x24, 0x25), le32(heapAt+8)...)
			g.handler = append(g.handler, outCode(abi.HypercallPort+abi.HypercallHalt, faultHalt)...)
			vm := start(t, g, Config{Start: StartUser})
			mustHalt(t, vm, faultStatus)
			r := record(t, vm)
			if software, ok := looseFaults[c.name]; ok && (r.Vector == c.vector || softwareKVM(t) && r.Vector == software) {
				return
			}
			rip := at + uint64(c.after)
			if c.after < 0 {
				rip = c.cr2
			}
			if r.Vector != c.vector || r.ErrorCode != c.code || r.RIP != rip || c.vector == pf && r.CR2 != c.cr2 {
				t.Errorf("%+v, want vector %d, error code %#x, RIP %#x, CR2 %#x", r, c.vector, c.code, rip, c.cr2)
			}
			if r.RSP != testMem-8 || peek[uint64](t, vm, heapAt+8) != testMem-8 {
				t.Errorf("RSP %#x at the fault, %#x in the handler", r.RSP, peek[uint64](t, vm, heapAt+8))
			}
			if rbx := peek[uint64](t, vm, heapAt); rbx != 0xabcdef {
				t.Errorf("RBX %#x", rbx)
			}
			if r.RFLAGS&rflagsFixed == 0 {
				t.Errorf("RFLAGS %#x", r.RFLAGS)
			}
		})
	}
}

// A trap after each of many single steps: TF is clear in the handler, and
// the handler can go back.
func TestSingleStep(t *testing.T) {
	g := &testGuest{}
	g.op(0x9c, 0x81, 0x0c, 0x24).op(le32(0x100)...).op(0x9d) // pushfq; orl $TF, (%rsp); popfq
	at := uint64(textAt + len(g.text))
	g.op(0x90, 0x90).halt(0)
	vm := start(t, g, Config{Start: StartUser})
	mustHalt(t, vm, faultStatus)
	if r := record(t, vm); r.Vector != 1 || r.RIP != at+1 || r.RFLAGS&0x100 == 0 {
		t.Errorf("%+v, want #DB at %#x", r, at+1)
	}
}

// A thousand faults, each resumed behind the faulting instruction with IOPL
// and the ports still there.
func TestManyFaults(t *testing.T) {
	const n = 1000
	g := &testGuest{}
	args := g.put(abi.WalltimeArgs{})
	g.op(0x41, 0xbc).op(le32(n)...) // mov $n, %r12d
	loop := len(g.text)
	g.op(0x0f, 0x0b)                    // ud2
	g.call(abi.HypercallWalltime, args) // still allowed
	g.op(0x41, 0xff, 0xcc)              // dec %r12d
	g.jump(0x85, loop)                  // jnz loop
	g.op(0x0f, 0x58, 0xc1)              // addps %xmm1, %xmm0
	g.halt(5)
	// The handler steps over ud2: jmp *(record.RIP + 2).
	g.handler = []byte{0x48, 0xb8, 0x10, 0, 0, 0, 1, 0, 0, 0, // movabs $&record.RIP, %rax
		0x48, 0x8b, 0x00, 0x48, 0x83, 0xc0, 0x02, 0xff, 0xe0} // mov (%rax), %rax; add $2, %rax; jmp *%rax
	vm := start(t, g, Config{Start: StartUser})
	mustHalt(t, vm, 5)
}

// FS base, SSE and, where XGETBV says so, AVX work at CPL 3.
func TestUserCPU(t *testing.T) {
	g := &testGuest{}
	tls := g.put(uint64(0x1234567890abcdef))
	g.op(0xb8).op(le32(tls)...)                              // mov $tls, %eax
	g.op(0xf3, 0x48, 0x0f, 0xae, 0xd0)                       // wrfsbase %rax
	g.op(0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0)           // mov %fs:0, %rax
	g.op(0x48, 0x89, 0x04, 0x25).op(le32(heapAt)...)         // mov %rax, heapAt
	g.call(abi.HypercallWalltime, g.put(abi.WalltimeArgs{})) // an exit in between
	g.op(0xf3, 0x48, 0x0f, 0xae, 0xc0)                       // rdfsbase %rax
	g.op(0x48, 0x89, 0x04, 0x25).op(le32(heapAt + 8)...)     // mov %rax, heapAt+8
	g.op(0x0f, 0x31)                                         // rdtsc
	g.op(0x31, 0xc0, 0x31, 0xc9, 0x0f, 0xa2)                 // xor %eax, %eax; xor %ecx, %ecx; cpuid
	g.op(0xb8, 1, 0, 0, 0, 0x0f, 0xa2)                       // mov $1, %eax; cpuid
	g.op(0x89, 0x0c, 0x25).op(le32(heapAt + 16)...)          // mov %ecx, heapAt+16
	g.op(0x0f, 0xba, 0xe1, 27)                               // bt $27, %ecx: OSXSAVE
	g.op(0x73, 16+0)                                         // jnc over
	mark := len(g.text)
	g.op(0x31, 0xc9, 0x0f, 0x01, 0xd0)              // xor %ecx, %ecx; xgetbv
	g.op(0x89, 0x04, 0x25).op(le32(heapAt + 20)...) // mov %eax, heapAt+20
	g.op(0xc5, 0xf4, 0x58, 0xc0)                    // vaddps %ymm0, %ymm1, %ymm0
	if len(g.text)-mark != 16 {
		t.Fatal("jump target moved")
	}
	g.halt(0)
	vm := start(t, g, Config{Start: StartUser})
	mustHalt(t, vm, 0)
	if got := peek[uint64](t, vm, heapAt); got != 0x1234567890abcdef {
		t.Errorf("FS:0 is %#x", got)
	}
	if got := peek[uint64](t, vm, heapAt+8); got != uint64(tls) {
		t.Errorf("FS base is %#x after an exit", got)
	}
	t.Logf("CPUID 1 ECX %#x, XCR0 %#x", peek[uint32](t, vm, heapAt+16), peek[uint32](t, vm, heapAt+20))
}

// A fault in the stub, here because it has nowhere to store the record, ends
// the guest.
func TestFaultInStub(t *testing.T) {
	g := &testGuest{}
	g.op(0x0f, 0x0b)
	vm := start(t, g, Config{Start: StartUser})
	copy(vm.system[sysStub:], faultStub(abi.UserSystemBase+0x100000, handlerAt))
	_, err := run(t, vm)
	var guest *GuestError
	if !errors.As(err, &guest) || guest.Breach != BreachExit || !strings.Contains(err.Error(), "fault stub") {
		t.Errorf("got %v", err)
	}
	t.Log(err)
}

func TestEntriesMustBeExecutable(t *testing.T) {
	needKVM(t)
	im := (&testGuest{}).image(t)
	for _, at := range []uint64{rodataAt, dataAt, heapAt, testMem, 1 << 63} {
		im.Tender.FaultEntry = at
		vm, err := New(Config{Config: machine.Config{Image: im, MemBytes: testMem}})
		if vm != nil || err == nil || !strings.Contains(err.Error(), "executable segment") {
			t.Errorf("%#x: %v", at, err)
		}
	}
}
