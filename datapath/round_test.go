package datapath

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"tender/guest/umem"
	"tender/netback"
)

// cpuNanos is the CPU time of this thread, which other load disturbs less than
// time that passes.
func cpuNanos(t testing.TB) int64 {
	t.Helper()
	var ts unix.Timespec
	check(t, unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts))
	return ts.Nano()
}

// BenchmarkRound is the CPU time that the thread takes to receive a frame, and to
// send it from another TAP: what is left of BenchmarkForward without the sender,
// the guest and what they wait for each other.
func BenchmarkRound(b *testing.B) {
	for _, c := range []struct {
		name          string
		plain, header bool
		size, burst   int
	}{
		{"io_uring", false, false, 60, 64}, {"headers", false, true, 60, 64}, {"plain", true, false, 60, 64},
		{"io_uring 448", false, false, 60, 448}, {"plain 448", true, false, 60, 448},
		{"io_uring 8", false, false, 60, 8}, {"plain 8", true, false, 60, 8},
		{"io_uring 1", false, false, 60, 1}, {"plain 1", true, false, 60, 1},
		{"io_uring 1514", false, false, 1514, 64}, {"headers 1514", false, true, 1514, 64},
	} {
		b.Run(c.name, func(b *testing.B) {
			runtime.LockOSThread()
			r := newStillRig(b, c.plain, asSlice(twoTAPsWith(b, netback.Options{Header: c.header}))...)
			from := packetSocket(b, "tapa")
			f := sealed(1, c.size)
			var frames [maxBatch]umem.Frame
			var used, sent int64
			for sent < int64(b.N) {
				for range c.burst {
					if _, err := unix.Write(from, f); err != nil {
						b.Fatal(err)
					}
				}
				for got, done := 0, 0; done < c.burst; {
					start := cpuNanos(b)
					_, _, err := r.thread.round()
					check(b, err)
					used += cpuNanos(b) - start
					done = int(r.thread.Counters(1).Sent.Load() - uint64(sent))
					n := r.guest.Port(1).Receive(frames[:])
					r.guest.Port(2).Send(frames[:n])
					if got += n; got > c.burst {
						b.Fatal("frames that nobody has sent")
					}
				}
				sent += int64(c.burst)
			}
			b.ReportMetric(float64(used)/float64(sent), "cpu-ns/frame")
		})
	}
}

// A round allocates nothing.
func TestRoundAllocates(t *testing.T) {
	eachWay(t, func(t *testing.T, plain bool) {
		for _, header := range []bool{false, true} {
			r := newStillRig(t, plain, asSlice(twoTAPsWith(t, netback.Options{Header: header}))...)
			from := packetSocket(t, "tapa")
			f := sealed(1, 1514)
			var frames [maxBatch]umem.Frame
			if n := testing.AllocsPerRun(100, func() {
				for range 8 {
					unix.Write(from, f)
				}
				for range 3 {
					if _, _, err := r.thread.round(); err != nil {
						t.Fatal(err)
					}
					r.guest.Port(2).Send(frames[:r.guest.Port(1).Receive(frames[:])])
				}
			}); n != 0 {
				t.Errorf("headers %v: %v allocations", header, n)
			}
			if r.thread.Counters(1).Sent.Load() < 700 {
				t.Errorf("headers %v: %d frames sent", header, r.thread.Counters(1).Sent.Load())
			}
		}
	})
}
