package toolchain

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/hex"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestFindSyscall(t *testing.T) {
	for _, c := range []struct {
		what, code string
		want       int
	}{
		{"alone", "0f05", 0},
		{"after others", "4889c0 b801000000 0f05 c3", 8},
		{"in an immediate", "b80f050000 c3", -1},
		{"in a 64-bit immediate", "48b8 0f050f050f050f05 c3", -1},
		{"in a displacement", "488b800f050000 c3", -1},
		{"in a jump", "e90f050000 c3", -1},
		{"behind VZEROUPPER", "c5f877 0f05", 3},
		{"behind VEX with immediate", "c4e37d39c101 0f05", 6},
		{"in a VEX displacement", "c5fe6f800f050000 c3", -1},
		{"behind EVEX", "62f17c4828c1 0f05", 6},
		{"behind SHA256RNDS2", "0f38cbd1 0f05", 4},
		{"behind PCLMULQDQ", "660f3a44c100 0f05", 6},
		{"SYSRET is none", "480f07", -1},
		{"cut off", "0f", -1},
		{"nothing", "", -1},
	} {
		code, err := hex.DecodeString(strings.ReplaceAll(c.code, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if got := findSyscall(code); got != c.want {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
	}
}

// No bytes make the decoder fail, stand still or go beyond the end.
func FuzzInstructionLen(f *testing.F) {
	for _, s := range []string{"0f05", "c4", "c5f877", "62f17c48", "660f3a44c100", "f3f2660f38", "480f3a0f05", "c4e2"} {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		if n := instructionLen(b); n < 1 || n > 15 {
			t.Fatalf("%x: %d bytes", b, n)
		}
		if at := findSyscall(b); at >= 0 && !bytes.HasPrefix(b[at:], syscallCode) {
			t.Fatalf("%x: no SYSCALL at %d", b, at)
		}
	})
}

// instruction is where a disassembler sees one.
type instruction struct {
	addr   uint64
	size   int
	vector bool // begins like VEX or EVEX
	text   string
}

// disassemble parses the lines of a disassembler that prints an address and
// the bytes of each instruction in the given columns.
func disassemble(t *testing.T, cmd *exec.Cmd, addr, code int) []instruction {
	t.Helper()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	var found []instruction
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		columns := strings.FieldsFunc(lines.Text(), func(r rune) bool { return r == '\t' })
		if len(columns) <= code+1 {
			continue
		}
		at, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimRight(strings.TrimSpace(columns[addr]), ":"), "0x"), 16, 64)
		raw, err2 := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(columns[code]), " ", ""))
		if err == nil && err2 == nil && len(raw) > 0 {
			vector := raw[0] == 0xc4 || raw[0] == 0xc5 || raw[0] == 0x62
			found = append(found, instruction{at, len(raw), vector, strings.TrimSpace(columns[code+1])})
		}
	}
	if len(found) < 100000 {
		t.Fatalf("%v: %d instructions", cmd.Args, len(found))
	}
	return found
}

// program links a program with the vector code of the runtime, of hashes and
// of ciphers.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if out, err := exec.Command("go", "build", "-o", path, "tender/cmd/tender").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// compare decodes what a disassembler has found in a program.
func compare(t *testing.T, path string, found []instruction) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	section := f.Section(".text")
	code, err := section.Data()
	if err != nil {
		t.Fatal(err)
	}
	wrong, vector := 0, 0
	for _, in := range found {
		if in.addr < section.Addr || in.addr-section.Addr >= uint64(len(code)) {
			continue
		}
		b := code[in.addr-section.Addr:]
		if in.vector {
			vector++
		}
		if n := instructionLen(b[:min(len(b), 32)]); n != in.size {
			if wrong++; wrong < 20 {
				t.Errorf("%#x: %x %s: %d bytes, want %d", in.addr, b[:in.size], in.text, n, in.size)
			}
		}
	}
	t.Logf("%d instructions, %d with VEX or EVEX, %d wrong", len(found), vector, wrong)
}

func TestInstructionLenByGo(t *testing.T) {
	path := program(t)
	var known []instruction
	for _, in := range disassemble(t, exec.Command("go", "tool", "objdump", path), 1, 2) {
		// It does not know vector instructions, and takes their parts for others.
		if !strings.HasPrefix(in.text, "?") && !in.vector {
			known = append(known, in)
		}
	}
	compare(t, path, known)
}

func TestInstructionLenByGNU(t *testing.T) {
	objdump, err := exec.LookPath("objdump")
	if err != nil {
		t.Skip("this needs objdump of GNU binutils, which knows vector instructions")
	}
	path := program(t)
	var known []instruction
	for _, in := range disassemble(t, exec.Command(objdump, "-d", "-w", "--section=.text", path), 0, 1) {
		if !strings.Contains(in.text, "(bad)") {
			known = append(known, in)
		}
	}
	compare(t, path, known)
}
