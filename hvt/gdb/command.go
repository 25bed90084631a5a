package gdb

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxMemory is the most of memory that fits into a packet.
const maxMemory = maxPacket/2 - 16

var (
	replyOK      = []byte("OK")
	replyUnknown = []byte{} // gdb then does without
)

func replyError(number int) []byte { return fmt.Appendf(nil, "E%02x", number) }

// Error numbers. gdb shows them to its user and knows none.
const (
	errMalformed = 0x01
	errMemory    = 0x0e // as EFAULT
	errTarget    = 0x05 // as EIO
)

// obey does what a command asks for. A nil reply is none at all.
func (s *Server) obey(t Target, why Stop, data []byte) (reply []byte, resume *Resume) {
	if len(data) == 0 {
		return replyUnknown, nil
	}
	rest := string(data[1:])
	switch data[0] {
	case '?':
		return why.report(), nil
	case 'g':
		return readRegisters(t), nil
	case 'G':
		return writeRegisters(t, 0, registersSize, rest), nil
	case 'p':
		return readRegister(t, rest), nil
	case 'P':
		return writeRegister(t, rest), nil
	case 'm':
		return readMemory(t, rest), nil
	case 'M':
		return writeMemory(t, rest), nil
	case 'Z', 'z':
		return setBreak(t, data[0] == 'Z', rest), nil
	case 'c', 'C', 's', 'S':
		return goOn(t, string(data))
	case 'v':
		return verbose(t, rest)
	case 'H', 'T':
		return replyOK, nil // there is one thread
	case 'D':
		return replyOK, &Resume{Action: Detach}
	case 'k':
		return nil, &Resume{Action: Kill}
	case 'q', 'Q':
		return s.query(string(data)), nil
	}
	return replyUnknown, nil
}

// query answers general questions.
func (s *Server) query(text string) []byte {
	name, args, _ := strings.Cut(text, ":")
	switch {
	case name == "qSupported":
		return fmt.Appendf(nil, "PacketSize=%x;QStartNoAckMode+;qXfer:features:read+;swbreak+;hwbreak+;vContSupported+", maxPacket)
	case name == "QStartNoAckMode":
		s.quiet = true
		return replyOK
	case name == "qXfer" && strings.HasPrefix(args, "features:read:target.xml:"):
		return transfer(description(), strings.TrimPrefix(args, "features:read:target.xml:"))
	case name == "qC":
		return []byte("QC1")
	case name == "qfThreadInfo":
		return []byte("m1")
	case name == "qsThreadInfo":
		return []byte("l")
	case name == "qAttached": // so that a gdb that quits lets go
		return []byte("1")
	}
	return replyUnknown
}

// transfer is the part of text that gdb asks for: offset and length.
func transfer(text, args string) []byte {
	offset, size, ok := pair(args, ",")
	if !ok || offset > uint64(len(text)) {
		return replyError(errMalformed)
	}
	rest := text[offset:]
	if n := min(size, maxMemory); n < uint64(len(rest)) {
		return append([]byte{'m'}, rest[:n]...)
	}
	return append([]byte{'l'}, rest...)
}

// number reads a hexadecimal one.
func number(text string) (uint64, bool) {
	n, err := strconv.ParseUint(text, 16, 64)
	return n, err == nil
}

// pair reads two numbers.
func pair(text, separator string) (a, b uint64, ok bool) {
	first, second, _ := strings.Cut(text, separator)
	a, okA := number(first)
	b, okB := number(second)
	return a, b, okA && okB
}

func readRegisters(t Target) []byte {
	all, err := encoded(t)
	if err != nil {
		return replyError(errTarget)
	}
	return hex.AppendEncode(nil, all)
}

func encoded(t Target) ([]byte, error) {
	r, err := t.Registers()
	if err != nil {
		return nil, err
	}
	return r.encode()
}

// writeRegisters replaces size bytes of the registers at an offset.
func writeRegisters(t Target, offset, size int, digits string) []byte {
	value, err := hex.DecodeString(digits)
	if err != nil || len(value) != size {
		return replyError(errMalformed)
	}
	all, err := encoded(t)
	if err != nil {
		return replyError(errTarget)
	}
	copy(all[offset:], value)
	var r Registers
	if err := r.decode(all); err != nil {
		return replyError(errTarget)
	}
	if err := t.SetRegisters(r); err != nil {
		return replyError(errTarget)
	}
	return replyOK
}

func readRegister(t Target, args string) []byte {
	n, ok := number(args)
	offset, size, known := register(n)
	if !ok || !known {
		return replyError(errMalformed)
	}
	all, err := encoded(t)
	if err != nil {
		return replyError(errTarget)
	}
	return hex.AppendEncode(nil, all[offset:offset+size])
}

func writeRegister(t Target, args string) []byte {
	which, value, _ := strings.Cut(args, "=")
	n, ok := number(which)
	offset, size, known := register(n)
	if !ok || !known {
		return replyError(errMalformed)
	}
	return writeRegisters(t, offset, size, value)
}

func readMemory(t Target, args string) []byte {
	addr, size, ok := pair(args, ",")
	if !ok {
		return replyError(errMalformed)
	}
	p := make([]byte, min(size, maxMemory))
	n := t.ReadMemory(addr, p)
	if n == 0 && len(p) > 0 {
		return replyError(errMemory)
	}
	return hex.AppendEncode([]byte{}, p[:n])
}

func writeMemory(t Target, args string) []byte {
	where, digits, _ := strings.Cut(args, ":")
	addr, size, ok := pair(where, ",")
	value, err := hex.DecodeString(digits)
	if !ok || err != nil || uint64(len(value)) != size {
		return replyError(errMalformed)
	}
	if err := t.WriteMemory(addr, value); err != nil {
		return replyError(errMemory)
	}
	return replyOK
}

// setBreak sets or clears: KIND,ADDR,SIZE and perhaps conditions, which gdb
// checks itself.
func setBreak(t Target, set bool, args string) []byte {
	args, _, _ = strings.Cut(args, ";")
	kind, where, _ := strings.Cut(args, ",")
	k, ok := number(kind)
	addr, size, ok2 := pair(where, ",")
	if !ok || !ok2 {
		return replyError(errMalformed)
	}
	if k > uint64(Access) {
		return replyUnknown
	}
	b := Break{BreakKind(k), addr, size}
	change := t.ClearBreak
	if set {
		change = t.SetBreak
	}
	switch err := change(b); {
	case errors.Is(err, ErrNotSupported):
		return replyUnknown
	case err != nil:
		return replyError(errTarget)
	}
	return replyOK
}

// goOn reads c, s, C and S, with the address to go on at, if any.
func goOn(t Target, text string) (reply []byte, resume *Resume) {
	r := Resume{}
	if text[0]|0x20 == 's' {
		r.Action = Step
	}
	at := text[1:]
	if text[0] == 'C' || text[0] == 'S' {
		signal, after, _ := strings.Cut(at, ";")
		n, ok := number(signal)
		if !ok || n > 255 {
			return replyError(errMalformed), nil
		}
		r.Signal, at = Signal(n), after
	}
	if at == "" {
		return nil, &r
	}
	addr, ok := number(at)
	if !ok {
		return replyError(errMalformed), nil
	}
	registers, err := t.Registers()
	if err == nil {
		registers.RIP = addr
		err = t.SetRegisters(registers)
	}
	if err != nil {
		return replyError(errTarget), nil
	}
	return nil, &r
}

// verbose reads the commands with long names.
func verbose(t Target, text string) (reply []byte, resume *Resume) {
	name, args, _ := strings.Cut(text, ";")
	switch name {
	case "Cont?":
		return []byte("vCont;c;C;s;S"), nil
	case "Cont":
		// The first action is for the one thread there is.
		action, _, _ := strings.Cut(args, ";")
		action, _, _ = strings.Cut(action, ":")
		if action == "" || !strings.Contains("cCsS", action[:1]) {
			return replyError(errMalformed), nil
		}
		return goOn(t, action)
	case "Kill":
		return replyOK, &Resume{Action: Kill}
	}
	return replyUnknown, nil
}
