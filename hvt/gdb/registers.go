package gdb

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Registers are those of the CPU, in the order and the sizes that gdb knows
// from the target description.
type Registers struct {
	// General are RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP, R8 to R15.
	General [16]uint64
	RIP     uint64
	Flags   uint32
	// Segments are the selectors CS, SS, DS, ES, FS, GS.
	Segments [6]uint32
	ST       [8][10]byte
	// X87 are the control, status and tag words, and segment and offset of
	// the last instruction and operand, and its opcode.
	X87    [8]uint32
	XMM    [16][16]byte
	MXCSR  uint32
	FSBase uint64
	GSBase uint64
}

// registersSize is the size of Registers on the wire.
const registersSize = 552

func (r *Registers) encode() ([]byte, error) { return binary.Append(nil, binary.LittleEndian, r) }

func (r *Registers) decode(b []byte) error {
	_, err := binary.Decode(b, binary.LittleEndian, r)
	return err
}

// registerRun is a row of registers with one type.
type registerRun struct {
	feature string
	names   string
	bytes   int
	typ     string
	group   string
}

// registerRuns are all registers by their numbers.
var registerRuns = []registerRun{
	{"core", "rax rbx rcx rdx rsi rdi", 8, "int64", ""},
	{"core", "rbp rsp", 8, "data_ptr", ""},
	{"core", "r8 r9 r10 r11 r12 r13 r14 r15", 8, "int64", ""},
	{"core", "rip", 8, "code_ptr", ""},
	{"core", "eflags", 4, "flags_register", ""},
	{"core", "cs ss ds es fs gs", 4, "int32", ""},
	{"core", "st0 st1 st2 st3 st4 st5 st6 st7", 10, "i387_ext", ""},
	{"core", "fctrl fstat ftag fiseg fioff foseg fooff fop", 4, "int", "float"},
	{"sse", "xmm0 xmm1 xmm2 xmm3 xmm4 xmm5 xmm6 xmm7 xmm8 xmm9 xmm10 xmm11 xmm12 xmm13 xmm14 xmm15", 16, "sse_register", ""},
	{"sse", "mxcsr", 4, "sse_control", "vector"},
	{"segments", "fs_base gs_base", 8, "int64", ""},
}

// register is where register number n is in the encoded Registers.
func register(n uint64) (offset, size int, ok bool) {
	for _, run := range registerRuns {
		count := uint64(len(strings.Fields(run.names)))
		if n < count {
			return offset + int(n)*run.bytes, run.bytes, true
		}
		n -= count
		offset += int(count) * run.bytes
	}
	return 0, 0, false
}

// types are the types that the registers of a feature need.
var types = map[string]string{
	"core": flagsType("flags_register", "CF:0 PF:2 AF:4 ZF:6 SF:7 TF:8 IF:9 DF:10 OF:11 NT:14 RF:16 VM:17 AC:18 VIF:19 VIP:20 ID:21"),
	"sse": `<vector id="floats" type="ieee_single" count="4"/>` +
		`<vector id="doubles" type="ieee_double" count="2"/>` +
		`<vector id="bytes" type="int8" count="16"/>` +
		`<vector id="words" type="int16" count="8"/>` +
		`<vector id="dwords" type="int32" count="4"/>` +
		`<vector id="qwords" type="int64" count="2"/>` +
		`<union id="sse_register">` +
		`<field name="v4_float" type="floats"/><field name="v2_double" type="doubles"/>` +
		`<field name="v16_int8" type="bytes"/><field name="v8_int16" type="words"/>` +
		`<field name="v4_int32" type="dwords"/><field name="v2_int64" type="qwords"/>` +
		`<field name="uint128" type="uint128"/></union>` +
		flagsType("sse_control", "IE:0 DE:1 ZE:2 OE:3 UE:4 PE:5 DAZ:6 IM:7 DM:8 ZM:9 OM:10 UM:11 PM:12 FZ:15"),
}

func flagsType(id, bits string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<flags id="%s" size="4">`, id)
	for _, bit := range strings.Fields(bits) {
		name, n, _ := strings.Cut(bit, ":")
		fmt.Fprintf(&b, `<field name="%s" start="%s" end="%[2]s"/>`, name, n)
	}
	return b.String() + "</flags>"
}

// description is the target description that gdb asks for.
func description() string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target><architecture>i386:x86-64</architecture>`)
	feature := ""
	for _, run := range registerRuns {
		if run.feature != feature {
			if feature != "" {
				b.WriteString("</feature>")
			}
			feature = run.feature
			fmt.Fprintf(&b, `<feature name="org.gnu.gdb.i386.%s">%s`, feature, types[feature])
		}
		for _, name := range strings.Fields(run.names) {
			fmt.Fprintf(&b, `<reg name="%s" bitsize="%d" type="%s"`, name, 8*run.bytes, run.typ)
			if run.group != "" {
				fmt.Fprintf(&b, ` group="%s"`, run.group)
			}
			b.WriteString("/>")
		}
	}
	return b.String() + "</feature></target>"
}
