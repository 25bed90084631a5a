package main

import (
	"strings"
	"testing"
)

const script = `25205 
	ffffffff82203877 _raw_spin_lock
	ffffffff81db2d83 tun_do_read
	ffffffff8434f000 __do_sys_io_uring_enter
	            afce [unknown]

25206 
	          1e78fa [unknown]
	          1e7625 [unknown]

24975 

24981
	ffffffff81db67c4 tun_get_user
	ffffffff81b4834f __do_sys_io_uring_enter
`

func TestParseStacks(t *testing.T) {
	stacks, err := parseStacks(strings.NewReader(script))
	if err != nil {
		t.Fatal(err)
	}
	want := []struct{ tid, frames int }{{25205, 4}, {25206, 2}, {24975, 0}, {24981, 2}}
	if len(stacks) != len(want) {
		t.Fatalf("%d stacks of %d", len(stacks), len(want))
	}
	for i, w := range want {
		if s := stacks[i]; s.tid != w.tid || len(s.frames) != w.frames {
			t.Errorf("stack %d is of thread %d with %d functions, not of %d with %d", i, s.tid, len(s.frames), w.tid, w.frames)
		}
	}
	f := stacks[0].frames
	if !f[0].kernel || f[3].kernel || f[1].name != "tun_do_read" || f[3].address != 0xafce {
		t.Errorf("the first stack is %+v", f)
	}
}

func TestParseStacksRefuses(t *testing.T) {
	for _, text := range []string{"perf: no data\n", "\tffffffff82203877 _raw_spin_lock\n", "12 \n\tnowhere main\n"} {
		if stacks, err := parseStacks(strings.NewReader(text)); err == nil {
			t.Errorf("%q: %+v", text, stacks)
		}
	}
}

func TestClasses(t *testing.T) {
	stacks, err := parseStacks(strings.NewReader(script))
	if err != nil {
		t.Fatal(err)
	}
	names := symbols{
		{Name: "tender/guest/net/engine.(*Engine).Input", Value: 0x1e7600, Size: 0x80},
		{Name: "tender/guest/umem.(*Port).reclaim", Value: 0x1e78c0, Size: 0x80},
	}
	kernel := stack{frames: []stackFrame{{kernelAddress, "futex_wait", true}}}
	for _, c := range []struct {
		about string
		class string
		want  string
	}{
		{"a read", processClass(ioClasses)(stacks[0]), "TAP read"},
		{"a write", processClass(ioClasses)(stacks[3]), "TAP write"},
		{"a kernel function of no class", processClass(ioClasses)(kernel), "kernel, other"},
		{"no kernel", processClass(ioClasses)(stacks[1]), "own code"},
		{"a guest's ring", guestClass(names)(stacks[1]), "ring"},
		{"a guest's engine", guestClass(names)(stack{frames: stacks[1].frames[1:]}), "engine"},
		{"a guest's runtime", guestClass(nil)(stacks[1]), "Go runtime and guest kernel"},
		{"a virtual machine", vcpuClass(stacks[2]), "in the guest"},
		{"its thread", vcpuClass(stacks[1]), "own code"},
	} {
		if c.class != c.want {
			t.Errorf("%s is %q, not %q", c.about, c.class, c.want)
		}
	}
}

func TestShares(t *testing.T) {
	stacks := make([]stack, 4)
	stacks[2].tid = 1
	got := shares(stacks, func(s stack) string { return []string{"b", "a"}[s.tid] })
	if len(got) != 2 || got[0] != (share{"b", 0.75}) || got[1] != (share{"a", 0.25}) {
		t.Errorf("%v", got)
	}
	if got := shares(nil, innermost); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

func TestSymbols(t *testing.T) {
	names := symbols{{Name: "a", Value: 10, Size: 5}, {Name: "b", Value: 20, Size: 5}}
	for address, want := range map[uint64]string{0: "", 10: "a", 14: "a", 15: "", 20: "b", 25: ""} {
		if got := names.name(address); got != want {
			t.Errorf("at %d is %q, not %q", address, got, want)
		}
	}
}
