package hvt

import (
	"strings"
	"testing"

	"golang.org/x/arch/x86/x86asm"
)

// disassemble returns the instructions of code[from:to] in GNU syntax.
func disassemble(t *testing.T, code []byte, from, to int) (lines []string) {
	t.Helper()
	for at := from; at < to; {
		inst, err := x86asm.Decode(code[at:to], 64)
		if err != nil {
			t.Fatalf("at %#x: %v", at, err)
		}
		lines = append(lines, x86asm.GNUSyntax(inst, uint64(at), nil))
		at += inst.Len
	}
	return lines
}

func TestStubListing(t *testing.T) {
	code := faultStub(0x1122334455667788, 0x99aabbccddeeff00)
	got := strings.Join(disassemble(t, code, stubCommonAt, len(code)), "\n")
	want := `testb $0x3,0x18(%rsp)
jne 0x20a
hlt
jmp 0x207
push %rax
push %rbx
mov $0x1122334455667788,%rbx
mov 0x10(%rsp),%rax
mov %rax,(%rbx)
mov 0x18(%rsp),%rax
mov %rax,0x8(%rbx)
mov 0x20(%rsp),%rax
mov %rax,0x10(%rbx)
mov 0x30(%rsp),%rax
mov %rax,0x18(%rbx)
mov 0x38(%rsp),%rax
mov %rax,0x20(%rbx)
mov %cr2,%rax
mov %rax,0x28(%rbx)
mov $-0x6655443322110100,%rax
mov %rax,0x20(%rsp)
mov 0x30(%rsp),%rax
and $-0x101,%rax
or $0x3000,%rax
mov %rax,0x30(%rsp)
pop %rbx
pop %rax
add $0x10,%rsp
iretq`
	if got != want {
		t.Errorf("stub is\n%s", got)
	}
}

func TestStubEntries(t *testing.T) {
	code := faultStub(0, 0)
	withError := map[int]bool{8: true, 10: true, 11: true, 12: true, 13: true, 14: true, 17: true, 21: true, 29: true, 30: true}
	for v := range vectors {
		var steps []string
		at := v * stubEntry
		for {
			inst, err := x86asm.Decode(code[at:], 64)
			if err != nil {
				t.Fatal(err)
			}
			at += inst.Len
			if inst.Op == x86asm.JMP {
				if target := at + int(inst.Args[0].(x86asm.Rel)); target != stubCommonAt {
					t.Errorf("vector %d jumps to %#x", v, target)
				}
				break
			}
			steps = append(steps, inst.String())
		}
		if at > (v+1)*stubEntry {
			t.Errorf("entry of vector %d is too long", v)
		}
		want := 2
		if withError[v] {
			want = 1
		}
		last, err := x86asm.Decode(code[v*stubEntry+2*(want-1):], 64)
		if err != nil || len(steps) != want || last.Args[0] != x86asm.Imm(v) {
			t.Errorf("vector %d: %q", v, steps)
		}
	}
}
