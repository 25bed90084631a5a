package spt

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"tender/seccomp"
)

// The prologue is the only code in the guest's process that is not the
// image's. The kernel enters it as that of any executable; it makes the calls
// of a table, the last of which installs the filter, and jumps to the image.
// It lies above guest memory, on pages that cannot be written, and is of no
// use to the guest: the filter holds for it too.
//
// When a call of the table fails, it ends the process by a signal that stands
// for the row. No guest can end that way, since none can send signals.

// prologueCode starts on the stack the kernel made: argument count, address of
// argument 0, whose text is on the stack's last page, and so on. Its operands
// are in the prologueHead behind it.
var prologueCode = []byte{
	// Unmap all between the prologue and the end of the stack, then all
	// between that and the end of the address space: the vDSO, which a kernel
	// may have sealed. Neither is needed for what follows, so failures are
	// ignored.
	0x48, 0x8b, 0x74, 0x24, 0x08, //                   mov    8(%rsp), %rsi
	0x48, 0x81, 0xce, 0xff, 0x0f, 0x00, 0x00, //       or     $0xfff, %rsi
	0x48, 0xff, 0xc6, //                               inc    %rsi
	0x49, 0x89, 0xf4, //                               mov    %rsi, %r12
	0x48, 0x8b, 0x3d, 0xe7, 0x00, 0x00, 0x00, //       mov    end(%rip), %rdi
	0x48, 0x29, 0xfe, //                               sub    %rdi, %rsi
	0xb8, 0x0b, 0x00, 0x00, 0x00, //                   mov    $SYS_munmap, %eax
	0x0f, 0x05, //                                     syscall
	0x4c, 0x89, 0xe7, //                               mov    %r12, %rdi
	0x48, 0xbe, 0, 0xf0, 0xff, 0xff, 0xff, 0x7f, 0, 0, // movabs $0x7ffffffff000, %rsi
	0x48, 0x29, 0xfe, //                               sub    %rdi, %rsi
	0xb8, 0x0b, 0x00, 0x00, 0x00, //                   mov    $SYS_munmap, %eax
	0x0f, 0x05, //                                     syscall

	0x48, 0x8b, 0x1d, 0xc7, 0x00, 0x00, 0x00, //       mov    rows(%rip), %rbx
	0x48, 0x8b, 0x03, //                            1: mov    (%rbx), %rax
	0x48, 0x85, 0xc0, //                               test   %rax, %rax
	0x78, 0x36, //                                     js     3f
	0x48, 0x8b, 0x7b, 0x08, //                         mov    8(%rbx), %rdi
	0x48, 0x8b, 0x73, 0x10, //                         mov    16(%rbx), %rsi
	0x48, 0x8b, 0x53, 0x18, //                         mov    24(%rbx), %rdx
	0x4c, 0x8b, 0x53, 0x20, //                         mov    32(%rbx), %r10
	0x4c, 0x8b, 0x43, 0x28, //                         mov    40(%rbx), %r8
	0x0f, 0x05, //                                     syscall
	0x48, 0x85, 0xc0, //                               test   %rax, %rax
	0x78, 0x06, //                                     js     2f
	0x48, 0x83, 0xc3, 0x38, //                         add    $56, %rbx
	0xeb, 0xd7, //                                     jmp    1b

	0xb8, 0x27, 0x00, 0x00, 0x00, //                2: mov    $SYS_getpid, %eax
	0x0f, 0x05, //                                     syscall
	0x89, 0xc7, //                                     mov    %eax, %edi
	0x8b, 0x73, 0x30, //                               mov    48(%rbx), %esi
	0xb8, 0x3e, 0x00, 0x00, 0x00, //                   mov    $SYS_kill, %eax
	0x0f, 0x05, //                                     syscall
	0x0f, 0x0b, //                                     ud2

	0x48, 0x8b, 0x25, 0x8a, 0x00, 0x00, 0x00, //    3: mov    stack(%rip), %rsp
	0x31, 0xc0, //                                     xor    %eax, %eax
	0x31, 0xdb, //                                     xor    %ebx, %ebx
	0x31, 0xc9, //                                     xor    %ecx, %ecx
	0x31, 0xd2, //                                     xor    %edx, %edx
	0x31, 0xf6, //                                     xor    %esi, %esi
	0x31, 0xed, //                                     xor    %ebp, %ebp
	0x45, 0x31, 0xc0, //                               xor    %r8d, %r8d
	0x45, 0x31, 0xc9, //                               xor    %r9d, %r9d
	0x45, 0x31, 0xd2, //                               xor    %r10d, %r10d
	0x45, 0x31, 0xdb, //                               xor    %r11d, %r11d
	0x45, 0x31, 0xe4, //                               xor    %r12d, %r12d
	0x45, 0x31, 0xed, //                               xor    %r13d, %r13d
	0x45, 0x31, 0xf6, //                               xor    %r14d, %r14d
	0x45, 0x31, 0xff, //                               xor    %r15d, %r15d
	0xbf, 0x00, 0x10, 0x01, 0x00, //                   mov    $SPTBootInfo, %edi
	0xff, 0x25, 0x63, 0x00, 0x00, 0x00, //             jmp    *entry(%rip)
}

// prologueHead is behind the code, at prologueHeadAt.
type prologueHead struct {
	// End is the end of the prologue's pages, Rows the address of the table.
	End, Rows uint64
	// Stack and Entry are the RSP and RIP of the image's start.
	Stack, Entry uint64
}

const prologueHeadAt = 0x100

// row is a system call of the table, which ends with one of Number -1.
type row struct {
	Number int64
	Args   [5]uint64
	// Signal ends the process if the call fails.
	Signal uint64
}

// firstSignal stands for the failure of the first row; it is a real-time
// signal, which has no meaning of its own.
const firstSignal = 40

// step is a row and, for messages, what it does.
type step struct {
	row
	what string
}

// prologue is the contents of the prologue's pages, which start at base.
type prologue struct {
	base  uint64
	bytes []byte
	steps []step
}

// newPrologue makes the prologue of a guest: its name for ps, the number of the
// first descriptor behind those of the devices, what it shares with the tender or
// nil, its signal handlers and its filter.
func newPrologue(base uint64, head prologueHead, name string, fds int, shared *path, handlers signals, filter seccomp.Program) (*prologue, error) {
	p := &prologue{base: base, bytes: make([]byte, prologueHeadAt+binary.Size(head))}
	copy(p.bytes, prologueCode)

	var comm [16]byte // with its NUL
	copy(comm[:15], name)
	p.call("forgo privileges", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
	p.call("name the process", unix.SYS_PRCTL, unix.PR_SET_NAME, p.put(comm))
	if shared != nil {
		// The doorbell, which stays, and the memory, which is not needed any more.
		// The sixth argument, the offset, is 0, as the kernel leaves R9.
		fds++
		p.call("map the memory that is shared with the tender", unix.SYS_MMAP, shared.at, shared.bytes,
			unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_FIXED_NOREPLACE, uint64(fds))
	}
	p.call("close inherited descriptors (close_range, Linux 5.9)", unix.SYS_CLOSE_RANGE, uint64(fds), 1<<32-1, 0)
	handlers.install(p)
	p.call("install the system-call filter (the kernel needs CONFIG_SECCOMP_FILTER)",
		unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, p.put(struct {
			Len uint64 // u16 and padding
			At  uint64
		}{uint64(len(filter)), p.put([]unix.SockFilter(filter))}))

	var rows []row
	for _, s := range p.steps {
		rows = append(rows, s.row)
	}
	head.Rows = p.put(append(rows, row{Number: -1}))
	head.End = base + uint64(len(p.bytes)+pageMask)&^pageMask
	if _, err := binary.Encode(p.bytes[prologueHeadAt:], binary.LittleEndian, head); err != nil {
		return nil, fmt.Errorf("the prologue: %w", err)
	}
	return p, nil
}

// call adds a row to the table.
func (p *prologue) call(what string, number int64, args ...uint64) {
	r := row{Number: number, Signal: uint64(firstSignal + len(p.steps))}
	copy(r.Args[:], args)
	p.steps = append(p.steps, step{r, what})
}

// put lays a fixed-size value out and returns its address.
func (p *prologue) put(v any) uint64 {
	for len(p.bytes)%8 != 0 {
		p.bytes = append(p.bytes, 0)
	}
	at := p.base + uint64(len(p.bytes))
	var err error
	if p.bytes, err = binary.Append(p.bytes, binary.LittleEndian, v); err != nil {
		panic(err) // not a fixed-size type: a mistake in this package
	}
	return at
}

// failed is what the step did that ends the process by the signal.
func (p *prologue) failed(signal int) (what string, ok bool) {
	i := signal - firstSignal
	if i < 0 || i >= len(p.steps) {
		return "", false
	}
	return p.steps[i].what, true
}
