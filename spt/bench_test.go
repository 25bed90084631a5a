package spt

import (
	"testing"

	"golang.org/x/sys/unix"

	"tender/machine"
)

// BenchmarkHello is a guest's whole life, New to Close.
func BenchmarkHello(b *testing.B) {
	im := (&testGuest{}).puts("hello\n").exit(0).image(b)
	for b.Loop() {
		p, err := New(args(machine.Config{Image: im, MemBytes: 512 << 20}))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.Run(b.Context()); err != nil {
			b.Fatal(err)
		}
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCall is one system call of a guest under its filter.
func BenchmarkCall(b *testing.B) {
	for name, number := range map[string]int64{"clock_gettime": unix.SYS_CLOCK_GETTIME, "read": unix.SYS_READ} {
		b.Run(name, func(b *testing.B) {
			g := threeGuest()
			g.op(mov(rbx, uint64(b.N))...)
			loop := len(g.text)
			if number == unix.SYS_READ {
				g.call(number, netFD, heapAt, 1500)
			} else {
				g.call(number, clockMonotonic, heapAt)
			}
			g.op(0x48, 0xff, 0xcb, 0x75, byte(loop-len(g.text)-5)) // dec %rbx; jnz loop
			r := newRig(b)
			p := start(b, g.exit(0), Config{Config: r.config})
			b.ResetTimer()
			if _, err := p.Run(b.Context()); err != nil {
				b.Fatal(err)
			}
		})
	}
}
