package seccomp

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// call is what the kernel gives a filter: struct seccomp_data.
type call struct {
	number uint32
	arch   uint32
	args   [6]uint64
}

const (
	x86_64  = unix.AUDIT_ARCH_X86_64
	i386    = unix.AUDIT_ARCH_I386
	x32     = 0x40000000
	kill    = unix.SECCOMP_RET_KILL_PROCESS
	allow   = unix.SECCOMP_RET_ALLOW
	refused = unix.SECCOMP_RET_ERRNO
)

func (c call) word(at uint32) (uint32, error) {
	switch {
	case at == 0:
		return c.number, nil
	case at == 4:
		return c.arch, nil
	case at >= 16 && at < 64 && at%4 == 0:
		arg := c.args[(at-16)/8]
		return uint32(arg >> (at % 8 * 8)), nil
	}
	return 0, fmt.Errorf("load of word %d", at)
}

// run executes a program as the kernel would.
func (p Program) run(c call) (verdict uint32, err error) {
	var a, x uint32
	var mem [16]uint32
	for pc := 0; pc >= 0 && pc < len(p); pc++ {
		in := p[pc]
		operand := in.K
		if in.Code&unix.BPF_X != 0 {
			operand = x
		}
		jump := func(taken bool) {
			if taken {
				pc += int(in.Jt)
			} else {
				pc += int(in.Jf)
			}
		}
		switch in.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			if a, err = c.word(in.K); err != nil {
				return 0, err
			}
		case unix.BPF_LD | unix.BPF_MEM:
			a = mem[in.K]
		case unix.BPF_ST:
			mem[in.K] = a
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			a &= in.K
		case unix.BPF_JMP | unix.BPF_JA:
			pc += int(in.K)
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			jump(a == operand)
		case unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K:
			jump(a > operand)
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			jump(a >= operand)
		case unix.BPF_RET | unix.BPF_K:
			return in.K, nil
		default:
			return 0, fmt.Errorf("instruction %d has the code %#x", pc, in.Code)
		}
	}
	return 0, fmt.Errorf("the program runs beyond its end")
}

func mustCompile(t testing.TB, p Policy) Program {
	t.Helper()
	prog, err := p.Compile()
	if err == ErrUnavailable {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return prog
}
