package seccomp

import (
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"
)

// sample has every kind of rule.
var sample = Policy{
	{Call: "getpid"},
	{Call: "write", Args: []Cond{Equal(0, 1, "")}},
	{Call: "write", Args: []Cond{Equal(0, 7, "")}},
	{Call: "pread64", Args: []Cond{Equal(0, 5, ""), Equal(2, 512, ""), AtMost(3, 5<<32|1000, "")}},
	{Call: "pwrite64", Args: []Cond{AtMost(3, 0, "")}},
	{Call: "mmap", Args: []Cond{Masked(2, unix.PROT_EXEC, 0, ""), Masked(3, 1<<40|unix.MAP_ANONYMOUS, unix.MAP_ANONYMOUS, "")}},
	{Call: "clone3", Errno: unix.ENOSYS},
	{Call: "kill", Args: []Cond{Equal(0, 0xffffffffffffffff, "")}},
}

var numbers = map[string]uint32{
	"getpid": unix.SYS_GETPID, "write": unix.SYS_WRITE, "pread64": unix.SYS_PREAD64, "pwrite64": unix.SYS_PWRITE64,
	"mmap": unix.SYS_MMAP, "clone3": unix.SYS_CLONE3, "kill": unix.SYS_KILL, "ptrace": unix.SYS_PTRACE,
}

func TestVerdicts(t *testing.T) {
	prog := mustCompile(t, sample)
	const high = 1 << 32
	for _, c := range []struct {
		call string
		args [6]uint64
		want uint32
	}{
		{"getpid", [6]uint64{1, 2, 3}, allow},
		{"ptrace", [6]uint64{}, kill},
		{"write", [6]uint64{1}, allow},
		{"write", [6]uint64{7}, allow},
		{"write", [6]uint64{2}, kill},
		{"write", [6]uint64{high | 1}, kill},
		{"pread64", [6]uint64{5, 0, 512, 0}, allow},
		{"pread64", [6]uint64{5, 0, 512, 5<<32 | 1000}, allow},
		{"pread64", [6]uint64{5, 0, 512, 5<<32 | 1001}, kill},
		{"pread64", [6]uint64{5, 0, 512, 6 << 32}, kill},
		{"pread64", [6]uint64{5, 0, 512, 4<<32 | 0xffffffff}, allow},
		{"pread64", [6]uint64{5, 0, 1024, 0}, kill},
		{"pread64", [6]uint64{6, 0, 512, 0}, kill},
		{"pwrite64", [6]uint64{}, allow},
		{"pwrite64", [6]uint64{3: 1}, kill},
		{"pwrite64", [6]uint64{3: high}, kill},
		{"mmap", [6]uint64{2: unix.PROT_READ, 3: unix.MAP_ANONYMOUS | unix.MAP_PRIVATE}, allow},
		{"mmap", [6]uint64{2: unix.PROT_EXEC, 3: unix.MAP_ANONYMOUS}, kill},
		{"mmap", [6]uint64{2: unix.PROT_READ, 3: unix.MAP_PRIVATE}, kill},
		{"mmap", [6]uint64{2: unix.PROT_READ, 3: 1<<40 | unix.MAP_ANONYMOUS}, kill},
		{"clone3", [6]uint64{}, refused | uint32(unix.ENOSYS)},
		{"kill", [6]uint64{0xffffffffffffffff}, allow},
		{"kill", [6]uint64{0xffffffff}, kill},
	} {
		got, err := prog.run(call{numbers[c.call], x86_64, c.args})
		if err != nil || got != c.want {
			t.Errorf("%s%#x: %#x, %v; want %#x", c.call, c.args, got, err, c.want)
		}
		if c.want == allow {
			for what, other := range map[string]call{
				"i386": {numbers[c.call], i386, c.args},
				"x32":  {numbers[c.call] | x32, x86_64, c.args},
			} {
				if got, err := prog.run(other); err != nil || got != kill {
					t.Errorf("%s of %s%#x: %#x, %v", what, c.call, c.args, got, err)
				}
			}
		}
	}
}

// The program says of any call what the rules say.
func TestProgramIsPolicy(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	calls := []string{"getpid", "write", "pread64", "pwrite64", "mmap", "kill", "ptrace"}
	value := func() uint64 {
		v := []uint64{0, 1, 5, 7, 512, 1000, 1001, 5<<32 | 1000, 1 << 32, 1 << 40, unix.MAP_ANONYMOUS, random.Uint64()}[random.IntN(12)]
		switch random.IntN(4) {
		case 0:
			v ^= 1 << random.IntN(64)
		case 1:
			v += 1<<63 + 1<<31 - random.Uint64()&(1<<63|1<<31)
		}
		return v
	}
	for range 50 {
		var p Policy
		for range 1 + random.IntN(100) {
			r := Rule{Call: calls[random.IntN(len(calls)-1)]}
			for arg := range 6 {
				switch v := value(); random.IntN(12) {
				case 0, 3, 4:
					r.Args = append(r.Args, Equal(arg, v, ""))
				case 1:
					r.Args = append(r.Args, AtMost(arg, v, ""))
				case 2:
					mask := value() | 1
					r.Args = append(r.Args, Masked(arg, mask, v&mask, ""))
				}
			}
			if with := append(p, r); with.check() == nil {
				p = with
			}
		}
		prog := mustCompile(t, p)
		for range 2000 {
			name := calls[random.IntN(len(calls))]
			var args [6]uint64
			for i := range args {
				args[i] = value()
			}
			want := uint32(kill)
			if p.Match(name, args) >= 0 {
				want = allow
			}
			got, err := prog.run(call{numbers[name], x86_64, args})
			if err != nil || got != want {
				t.Fatalf("%s%#x: %#x, %v; want %#x of %v", name, args, got, err, want, p)
			}
		}
	}
}

func TestCompileErrors(t *testing.T) {
	mustCompile(t, sample)
	for what, p := range map[string]Policy{
		"no such call":       {{Call: "fly"}},
		"no such argument":   {{Call: "write", Args: []Cond{Equal(6, 0, "")}}},
		"the argument twice": {{Call: "write", Args: []Cond{AtMost(0, 9, ""), Masked(0, 1, 1, "")}}},
		"wrong order":        {{Call: "write", Args: []Cond{Equal(1, 9, ""), Equal(0, 1, "")}}},
		"the same twice":     {{Call: "write"}, {Call: "write", Args: []Cond{Equal(0, 1, "")}}},
		"overlap":            {{Call: "write", Args: []Cond{AtMost(0, 1, "")}}, {Call: "write", Args: []Cond{Equal(0, 1, "")}}},
		"overlap aside":      {{Call: "write", Args: []Cond{Equal(1, 2, "")}}, {Call: "write", Args: []Cond{Equal(0, 1, ""), Equal(1, 3, "")}}},
	} {
		if prog, err := p.Compile(); err == nil {
			t.Errorf("%s: %d instructions", what, len(prog))
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	mustCompile(b, sample)
	for b.Loop() {
		if _, err := sample.Compile(); err != nil {
			b.Fatal(err)
		}
	}
}
