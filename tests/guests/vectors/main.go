// Vectors computes with floats and vector registers in goroutines that are
// preempted all the time: by ticks, by the garbage collector and by the
// profiler. Nothing of what is in the registers may get lost.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/cpu"
)

// keepSSE loads XMM0 to XMM15 from in, spins for a while and stores them to
// out. keepAVX does so with YMM0 to YMM15, keepAVX512 with ZMM0 to ZMM31 and the
// masks K0 to K7, keepControl with MXCSR, and keepGeneral with the general
// registers and the flags.
func keepSSE(in, out *[16 * 2]uint64, rounds uint64)
func keepAVX(in, out *[16 * 4]uint64, rounds uint64)
func keepAVX512(in, out *[32*8 + 8]uint64, rounds uint64)
func keepControl(in, out *[2]uint32, rounds uint64)
func keepGeneral(in, out *[15]uint64, rounds uint64)

const rounds = 1_000_000

var done atomic.Bool

// floats is a sum that depends on each bit of what came before.
func floats(seed float64) float64 {
	a, b, c, d := seed, seed+1, seed+2, seed+3
	for range rounds {
		a = 3.9*a - 3.9*a*a*0.1 + b*1e-3
		b = b*0.999 + c*0.5
		c = c*0.25 + d
		d = d*0.5 + a*1e-6
		if a > 1e6 || a < -1e6 {
			a = 1 / a
		}
	}
	return a + b + c + d
}

func checkFloats() {
	want := floats(0.5)
	for !done.Load() {
		if got := floats(0.5); got != want {
			log.Fatalf("floats: %x, before it was %x", got, want)
		}
	}
}

// check calls keep with ever other contents.
func check[T uint64 | uint32](what string, words, mask []T, keep func(in, out []T)) {
	out := make([]T, len(words))
	for n := T(1); !done.Load(); n++ {
		for i := range words {
			words[i] = (n*0x9e3779b1 + T(i)*0x85ebca6b) & mask[i]
		}
		keep(words, out)
		for i := range words {
			if out[i] != words[i] {
				log.Fatalf("%s: word %d is %#x, not %#x", what, i, out[i], words[i])
			}
		}
	}
}

// length is how long to go on: the first argument, or two seconds.
func length() time.Duration {
	if len(os.Args) < 2 {
		return 2 * time.Second
	}
	d, err := time.ParseDuration(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	return d
}

// all is a mask of all bits.
func all(n int) []uint64 {
	m := make([]uint64, n)
	for i := range m {
		m[i] = ^uint64(0)
	}
	return m
}

func main() {
	var wg sync.WaitGroup
	start := func(f func()) {
		wg.Go(f)
	}
	start(checkFloats)
	start(checkFloats)
	start(func() {
		words, mask := make([]uint32, 2), []uint32{0x6000, 0}
		check("MXCSR", words, mask, func(in, out []uint32) {
			keepControl((*[2]uint32)(in), (*[2]uint32)(out), rounds)
		})
	})
	start(func() {
		mask := all(15)
		mask[14] = 0x8d5 // those flags that arithmetic sets
		check("general", make([]uint64, 15), mask, func(in, out []uint64) {
			keepGeneral((*[15]uint64)(in), (*[15]uint64)(out), rounds)
			out[14] &= mask[14]
		})
	})
	start(func() {
		check("SSE", make([]uint64, 32), all(32), func(in, out []uint64) {
			keepSSE((*[32]uint64)(in), (*[32]uint64)(out), rounds)
		})
	})
	tested := "floats MXCSR general SSE"
	if cpu.X86.HasAVX2 {
		tested += " AVX"
		start(func() {
			check("AVX", make([]uint64, 64), all(64), func(in, out []uint64) {
				keepAVX((*[64]uint64)(in), (*[64]uint64)(out), rounds)
			})
		})
	}
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW {
		tested += " AVX-512"
		start(func() {
			check("AVX-512", make([]uint64, 264), all(264), func(in, out []uint64) {
				keepAVX512((*[264]uint64)(in), (*[264]uint64)(out), rounds)
			})
		})
	}
	var profile bytes.Buffer
	if err := pprof.StartCPUProfile(&profile); err != nil {
		log.Fatal(err)
	}
	collections := 0
	for end := time.Now().Add(length()); time.Now().Before(end); collections++ {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	pprof.StopCPUProfile()
	done.Store(true)
	wg.Wait()
	fmt.Fprintln(os.Stderr, tested, collections)
	fmt.Println("ok")
}
