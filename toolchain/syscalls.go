package toolchain

import (
	"bytes"
	"debug/elf"
	"fmt"

	"golang.org/x/arch/x86/x86asm"
)

// syscallCode is the SYSCALL instruction.
var syscallCode = []byte{0x0f, 0x05}

// hostCall is the one function that may hold it: the guest kernel's way to the
// host under spt.
const hostCall = kernelPath + ".linuxCall.abi0"

// checkSyscalls refuses a program in which a SYSCALL instruction is left: one
// that comes from assembly of the program's own modules, or from a spot of the
// standard library that no patch covers. The two bytes also occur inside other
// instructions, so functions that hold them are disassembled.
func checkSyscalls(f *elf.File, symbols []elf.Symbol) error {
	text := f.Section(".text")
	if text == nil {
		return fmt.Errorf("the linked program has no .text section")
	}
	code, err := text.Data()
	if err != nil {
		return fmt.Errorf("reading the linked program's text: %w", err)
	}
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) != elf.STT_FUNC || s.Name == hostCall || s.Value < text.Addr || s.Value-text.Addr > uint64(len(code)) {
			continue
		}
		start := s.Value - text.Addr
		body := code[start:min(start+s.Size, uint64(len(code)))]
		if off := findSyscall(body); off >= 0 {
			return fmt.Errorf("%s has a SYSCALL instruction (at +%#x): a unikernel has no system calls; build without that package's assembly (often the build tag purego or noasm does it)", s.Name, off)
		}
	}
	return nil
}

// findSyscall is the offset of the first SYSCALL instruction of a function,
// or -1.
func findSyscall(body []byte) int {
	if !bytes.Contains(body, syscallCode) {
		return -1
	}
	for pc := 0; pc < len(body); {
		if bytes.HasPrefix(body[pc:], syscallCode) {
			return pc
		}
		pc += instructionLen(body[pc:])
	}
	return -1
}

// instructionLen is the length of an instruction in bytes. x86asm knows the
// legacy encodings; VEX, EVEX and the three-byte opcode maps have a regular
// form (Intel SDM vol. 2, 2.3 and 2.7). What neither knows counts as one byte.
func instructionLen(b []byte) int {
	// x86asm does not know that VZEROUPPER has no ModRM byte. Of a prefix
	// before an instruction it does not know, it makes one without an Op.
	if b[0] != 0xc4 && b[0] != 0xc5 && b[0] != 0x62 {
		if inst, err := x86asm.Decode(b, 64); err == nil && inst.Op != 0 {
			return inst.Len
		}
	}
	prefix, opmap := vectorPrefix(b)
	if prefix == 0 || prefix >= len(b) {
		return 1
	}
	n := prefix + 1
	if op := b[prefix]; opmap == 1 && op == 0x77 { // VZEROUPPER
		return n
	} else if opmap == 3 || opmap == 1 && (op >= 0x70 && op <= 0x73 || op == 0xc2 || op >= 0xc4 && op <= 0xc6) {
		n++ // immediate byte
	}
	return n + modrmLen(b[prefix+1:])
}

// vectorPrefix is the number of bytes before the opcode, and the opcode map.
func vectorPrefix(b []byte) (n, opmap int) {
	at := func(i int) byte {
		if i < len(b) {
			return b[i]
		}
		return 0
	}
	switch b[0] {
	case 0xc5:
		return 2, 1
	case 0xc4:
		return 3, int(at(1) & 31)
	case 0x62:
		return 4, int(at(1) & 7)
	}
	i := 0
	for at(i) == 0x66 || at(i) == 0xf2 || at(i) == 0xf3 {
		i++
	}
	if at(i)&0xf0 == 0x40 {
		i++
	}
	if at(i) != 0x0f {
		return 0, 0
	}
	switch at(i + 1) {
	case 0x38:
		return i + 2, 2
	case 0x3a:
		return i + 2, 3
	}
	return i + 1, 0
}

// modrmLen is the length of ModRM, SIB and displacement.
func modrmLen(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	mod, rm := b[0]>>6, b[0]&7
	n := 1
	if mod == 3 {
		return n
	}
	if rm == 4 {
		n++
		if mod == 0 && len(b) > 1 && b[1]&7 == 5 {
			n += 4
		}
	}
	switch {
	case mod == 1:
		n++
	case mod == 2 || mod == 0 && rm == 5:
		n += 4
	}
	return n
}
