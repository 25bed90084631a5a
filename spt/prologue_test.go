package spt

import (
	"strings"
	"testing"

	"golang.org/x/arch/x86/x86asm"

	"tender/abi"
	"tender/seccomp"
)

// disassemble returns the instructions of code in GNU syntax.
func disassemble(t *testing.T, code []byte) (lines []string) {
	t.Helper()
	for at := 0; at < len(code); {
		inst, err := x86asm.Decode(code[at:], 64)
		if err != nil {
			t.Fatalf("at %#x: %v", at, err)
		}
		lines = append(lines, x86asm.GNUSyntax(inst, uint64(at), nil))
		at += inst.Len
	}
	return lines
}

func TestPrologueListing(t *testing.T) {
	got := strings.Join(disassemble(t, prologueCode), "\n")
	want := `mov 0x8(%rsp),%rsi
or $0xfff,%rsi
inc %rsi
mov %rsi,%r12
mov 0xe7(%rip),%rdi
sub %rdi,%rsi
mov $0xb,%eax
syscall
mov %r12,%rdi
mov $0x7ffffffff000,%rsi
sub %rdi,%rsi
mov $0xb,%eax
syscall
mov 0xc7(%rip),%rbx
mov (%rbx),%rax
test %rax,%rax
js 0x7f
mov 0x8(%rbx),%rdi
mov 0x10(%rbx),%rsi
mov 0x18(%rbx),%rdx
mov 0x20(%rbx),%r10
mov 0x28(%rbx),%r8
syscall
test %rax,%rax
js 0x6a
add $0x38,%rbx
jmp 0x41
mov $0x27,%eax
syscall
mov %eax,%edi
mov 0x30(%rbx),%esi
mov $0x3e,%eax
syscall
ud2
mov 0x8a(%rip),%rsp
xor %eax,%eax
xor %ebx,%ebx
xor %ecx,%ecx
xor %edx,%edx
xor %esi,%esi
xor %ebp,%ebp
xor %r8d,%r8d
xor %r9d,%r9d
xor %r10d,%r10d
xor %r11d,%r11d
xor %r12d,%r12d
xor %r13d,%r13d
xor %r14d,%r14d
xor %r15d,%r15d
mov $0x11000,%edi
jmpq *0x63(%rip)`
	if got != want {
		t.Errorf("prologue is\n%s", got)
	}
	if len(prologueCode) > prologueHeadAt {
		t.Errorf("%d bytes reach into the head", len(prologueCode))
	}
	// What the code takes from the head, by the end of the instruction.
	for _, c := range []struct{ end, displacement, field int }{{0x19, 0xe7, 0x00}, {0x41, 0xc7, 0x08}, {0x86, 0x8a, 0x10}, {len(prologueCode), 0x63, 0x18}} {
		if at := c.end + c.displacement; at != prologueHeadAt+c.field {
			t.Errorf("operand at %#x, the field is at %#x", at, prologueHeadAt+c.field)
		}
	}
}

// The last call is the filter's, since none is possible after it, and each has
// a signal of its own that says what failed.
func TestPrologueTable(t *testing.T) {
	filter := make(seccomp.Program, 4096)
	p, err := newPrologue(1<<40, prologueHead{Stack: 1, Entry: 2}, strings.Repeat("long", 20), 68, &path{at: 1 << 41, bytes: 1 << 20},
		signals{entry: textAt, stackAt: heapAt, stackBytes: 1 << 16}, filter)
	if err != nil {
		t.Fatal(err)
	}
	text := string(p.bytes)
	head := peek[prologueHead](t, text, prologueHeadAt)
	if head.Stack != 1 || head.Entry != 2 || head.End%abi.PageSize != 0 || head.End < p.base+uint64(len(p.bytes)) {
		t.Errorf("head %+v", head)
	}
	for i, s := range p.steps {
		got := peek[row](t, text, int(head.Rows-p.base)+56*i)
		what, ok := p.failed(int(got.Signal))
		if got != s.row || !ok || what != s.what || got.Signal > 64 {
			t.Errorf("row %d: %+v, %q", i, got, what)
		}
		if last := i == len(p.steps)-1; last != (got.Number == 317) {
			t.Errorf("row %d calls %d", i, got.Number)
		}
	}
	if end := peek[row](t, text, int(head.Rows-p.base)+56*len(p.steps)); end.Number >= 0 {
		t.Errorf("the table ends with %+v", end)
	}
	for _, signal := range []int{0, 9, 11, 31, firstSignal - 1, firstSignal + len(p.steps)} {
		if what, ok := p.failed(signal); ok {
			t.Errorf("signal %d: %q", signal, what)
		}
	}
}
