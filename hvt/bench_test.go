package hvt

import (
	"context"
	"testing"

	"tender/abi"
	"tender/machine"
)

// BenchmarkHello is a guest's whole life, New to Close.
func BenchmarkHello(b *testing.B) {
	needKVM(b)
	for _, mode := range []Start{StartKernel, StartUser} {
		b.Run(mode.String(), func(b *testing.B) {
			g := &testGuest{}
			im := g.puts("hello\n").halt(0).image(b)
			for b.Loop() {
				vm, err := New(Config{Config: machine.Config{Image: im, MemBytes: 16 << 20}, Start: mode})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := vm.Run(context.Background()); err != nil {
					b.Fatal(err)
				}
				if err := vm.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkExit is one hypercall: leave the guest, WALLTIME, enter it.
func BenchmarkExit(b *testing.B) {
	needKVM(b)
	for _, mode := range []Start{StartKernel, StartUser} {
		b.Run(mode.String(), func(b *testing.B) {
			g := &testGuest{}
			args := g.put(abi.WalltimeArgs{})
			g.op(0x41, 0xbc).op(le32(uint32(b.N))...) // mov $N, %r12d
			loop := len(g.text)
			g.call(abi.HypercallWalltime, args)
			g.op(0x41, 0xff, 0xcc).jump(0x85, loop).halt(0) // dec %r12d; jnz loop
			vm := start(b, g, Config{Start: mode})
			b.ReportAllocs()
			b.ResetTimer()
			if _, err := vm.Run(context.Background()); err != nil {
				b.Fatal(err)
			}
		})
	}
}
