package hvt

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"tender/abi"
)

// CoreFile is where WriteCore writes; *os.File is one. It is empty at first.
type CoreFile interface {
	io.WriterAt
	Truncate(size int64) error
}

// CoreStats says how much of the guest's memory a core file holds.
type CoreStats struct {
	Pages int // pages with anything in them; the others are holes that read as zero
	Total int // pages of guest memory
}

// Layout of a core file: header, two program headers, notes, memory.
const (
	coreHeaderSize = 64
	coreProgSize   = 56
	coreNotesAt    = coreHeaderSize + 2*coreProgSize
	coreMemoryAt   = abi.PageSize // page-aligned, so that holes in memory are holes in the file
)

// WriteCore writes an ELF core file of the guest, for gdb and the like: the
// registers of its vCPU and all of its memory. It may be called after Run has
// ended and until Close. Registers in the cookie of a guest that halted take
// precedence: they are where it went wrong. Source: solo5-abi 5.4.
func (vm *VM) WriteCore(f CoreFile) (CoreStats, error) {
	if vm.life.Running() {
		return CoreStats{}, fmt.Errorf("%s: no core file of a guest that runs; wait for the end of Run", vm.name)
	}
	if vm.host.mem.bytes == nil {
		return CoreStats{}, fmt.Errorf("%s: no core file after Close", vm.name)
	}
	regs, err := vm.vcpu.registers()
	if err != nil {
		return CoreStats{}, fmt.Errorf("%s: %w", vm.name, err)
	}
	regs.applyCookie(vm.host.exit.Cookie)
	memory := vm.host.mem.bytes
	head, err := coreHead(regs, vm.signal, uint64(len(memory)))
	if err != nil {
		return CoreStats{}, fmt.Errorf("%s: %w", vm.name, err)
	}
	stats, err := writeCore(f, head, memory)
	if err != nil {
		return stats, fmt.Errorf("%s: writing the core file: %w", vm.name, err)
	}
	return stats, nil
}

// applyCookie takes the trap frame that a Solo5 guest leaves: CR2, error code,
// RIP, CS, RFLAGS, RSP, SS.
func (r *registers) applyCookie(cookie []byte) {
	if len(cookie) < 7*8 {
		return
	}
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(cookie[8*i:]) }
	r.RIP, r.RFLAGS, r.RSP = word(2), word(4), word(5)
	r.special.CS.Selector, r.special.SS.Selector = uint16(word(3)), uint16(word(6))
}

// coreHead is all of a core file that comes before the memory.
func coreHead(r *registers, signal unix.Signal, memBytes uint64) ([]byte, error) {
	var notes []byte
	for _, n := range []struct {
		typ  elf.NType
		desc any
	}{{elf.NT_PRSTATUS, r.prstatus(signal)}, {elf.NT_FPREGSET, r.fpu.fxsaveState}} {
		header := struct {
			NameSize, DescSize, Type uint32
			Name                     [8]byte
		}{5, uint32(binary.Size(n.desc)), uint32(n.typ), [8]byte{'C', 'O', 'R', 'E'}}
		var err error
		if notes, err = binary.Append(notes, binary.LittleEndian, header); err != nil {
			return nil, err
		}
		if notes, err = binary.Append(notes, binary.LittleEndian, n.desc); err != nil {
			return nil, err
		}
	}
	header := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_CORE), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Phoff: coreHeaderSize, Ehsize: coreHeaderSize, Phentsize: coreProgSize, Phnum: 2,
	}
	head, err := binary.Append(nil, binary.LittleEndian, header)
	if err != nil {
		return nil, err
	}
	head, err = binary.Append(head, binary.LittleEndian, []elf.Prog64{
		{Type: uint32(elf.PT_NOTE), Off: coreNotesAt, Filesz: uint64(len(notes)), Align: 4},
		{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W | elf.PF_X), Off: coreMemoryAt, Filesz: memBytes, Memsz: memBytes, Align: abi.PageSize},
	})
	if err != nil {
		return nil, err
	}
	if head = append(head, notes...); len(head) > coreMemoryAt {
		return nil, errors.New("the notes of a core file do not fit")
	}
	return head, nil
}

// prstatus is struct elf_prstatus of Linux on x86-64.
type prstatus struct {
	Signal, Code, Errno int32
	Current             int16
	_                   [2]byte
	_                   [2]uint64 // pending and held signals
	PID                 int32
	_                   [3]int32  // parent, group, session
	_                   [8]uint64 // times
	Regs                [27]uint64
	FPValid             int32
	_                   int32
}

// prstatus fills it in; the order of the registers is that of user_regs_struct.
func (r *registers) prstatus(signal unix.Signal) prstatus {
	s := &r.special
	return prstatus{Signal: int32(signal), Current: int16(signal), PID: 1, FPValid: 1, Regs: [27]uint64{
		r.R15, r.R14, r.R13, r.R12, r.RBP, r.RBX, r.R11, r.R10, r.R9, r.R8, r.RAX, r.RCX, r.RDX, r.RSI, r.RDI,
		1<<64 - 1, // orig_rax: in no system call
		r.RIP, uint64(s.CS.Selector), r.RFLAGS, r.RSP, uint64(s.SS.Selector), s.FS.Base, s.GS.Base,
		uint64(s.DS.Selector), uint64(s.ES.Selector), uint64(s.FS.Selector), uint64(s.GS.Selector),
	}}
}

// writeCore writes head and those pages of memory that are not zero. It looks
// at each: which pages are resident (mincore) would leave out what the host
// has swapped.
func writeCore(f CoreFile, head, memory []byte) (CoreStats, error) {
	const page, most = abi.PageSize, 1 << 20
	stats := CoreStats{Total: len(memory) / page}
	if err := f.Truncate(int64(coreMemoryAt + len(memory))); err != nil {
		return stats, err
	}
	if _, err := f.WriteAt(head, 0); err != nil {
		return stats, err
	}
	var zero [page]byte
	isZero := func(at int) bool { return bytes.Equal(memory[at:at+page], zero[:]) }
	for at := 0; at < len(memory); {
		if isZero(at) {
			at += page
			continue
		}
		end := at + page
		for end < len(memory) && end-at < most && !isZero(end) {
			end += page
		}
		if _, err := f.WriteAt(memory[at:end], int64(coreMemoryAt+at)); err != nil {
			return stats, err
		}
		stats.Pages += (end - at) / page
		at = end
	}
	return stats, nil
}
