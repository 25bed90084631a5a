package datapath

import (
	"flag"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/guest/umem"
)

// soak is how long TestSoak runs: hours, to see the indices wrap around.
var soak = flag.Duration("soak", time.Second, "run TestSoak for so long")

// Frames of all sizes cross both ways at once; each arrives once and unaltered,
// and the counters know of them all.
func TestSoak(t *testing.T) {
	devices := twoTAPs(t)
	r := newRig(t, false, asSlice(devices)...)
	sockets := [2]int{packetSocket(t, "tapa"), packetSocket(t, "tapb")}
	end := r.startForwarding(t)
	var sent, came, bytes [2]atomic.Uint64
	stop := time.Now().Add(*soak)
	var all sync.WaitGroup
	for side := range 2 {
		// A packet socket sees what its own interface sends, too: not its own
		// frames, but those of the other direction.
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(side), 1))
			for i := 0; time.Now().Before(stop); i++ {
				for deadline := time.Now().Add(10 * time.Second); sent[side].Load()-came[1-side].Load() > 100; time.Sleep(50 * time.Microsecond) {
					if time.Now().After(deadline) {
						t.Errorf("side %d: %d frames of %d have come", side, came[1-side].Load(), sent[side].Load())
						return
					}
				}
				f := sealed(i, 60+random.IntN(1455))
				if _, err := unix.Write(sockets[side], f); err != nil {
					t.Errorf("side %d, frame %d: %v", side, i, err)
					return
				}
				bytes[side].Add(uint64(len(f)))
				sent[side].Add(1)
			}
		})
		all.Go(func() {
			var p [2000]byte
			for next := 0; time.Now().Before(stop.Add(time.Second)); {
				if !time.Now().Before(stop) && came[side].Load() == sent[1-side].Load() {
					return
				}
				fds := []unix.PollFd{{Fd: int32(sockets[side]), Events: unix.POLLIN}}
				if n, _ := unix.Poll(fds, 20); n == 0 {
					continue
				}
				n, err := read(sockets[side], p[:])
				if err != nil {
					t.Errorf("side %d: %v", side, err)
					return
				}
				if i, ok := number(p[:n]); !ok || i != next {
					t.Errorf("side %d: frame %d is number %d, whole: %v", side, next, i, ok)
					return
				}
				next++
				came[side].Add(1)
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	for side := range 2 {
		in, out := r.thread.Counters(side), r.thread.Counters(1-side)
		n, size := sent[side].Load(), bytes[side].Load()
		// The last frame is counted after it has come.
		for deadline := time.Now().Add(5 * time.Second); out.Sent.Load() < n && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		if in.Received.Load() != n || out.Sent.Load() != n || in.ReceivedBytes.Load() != size || out.SentBytes.Load() != size || out.NotSent() != 0 {
			t.Errorf("side %d sent %d frames and %d bytes; counted are %d and %d, %d and %d", side, n, size,
				in.Received.Load(), in.ReceivedBytes.Load(), out.Sent.Load(), out.SentBytes.Load())
		}
	}
	t.Logf("%d frames", end())
}

// Indices count modulo 2^32.
func TestWrapAround(t *testing.T) {
	eachWay(t, func(t *testing.T, plain bool) {
		b := newBench(t, plain)
		const start = 1<<32 - 20
		for i, p := range b.ports {
			for kind, r := range []*ring{&p.fill, &p.receive, &p.transmit, &p.completion} {
				r.index, r.shown = start, start
				at := b.umem.layout.ring(i, kind)
				*b.word(at), *b.word(at + 64) = start, start
			}
		}
		guest, err := umem.New(b.memory)
		check(t, err)
		port := guest.Port(1)
		port.Lend()
		for i := range 1000 {
			check(t, b.wires[0].Send(sealed(i, 100)))
			var frames [8]umem.Frame
			n := 0
			for rounds := 0; n == 0; rounds++ {
				_, _, err := b.round()
				check(t, err)
				if n = port.Receive(frames[:]); rounds > 10 {
					t.Fatalf("frame %d does not come", i)
				}
			}
			if port.Send(frames[:n]) != 1 {
				t.Fatal("no room")
			}
			_, _, err := b.round()
			check(t, err)
			var p [200]byte
			size, err := b.wires[0].Receive(p[:], time.Second)
			check(t, err)
			if got, ok := number(p[:size]); !ok || got != i {
				t.Fatalf("frame %d is number %d, whole: %v", i, got, ok)
			}
		}
		if c := b.Counters(0); c.Sent.Load() != 1000 || c.Received.Load() != 1000 {
			t.Errorf("%d sent, %d received", c.Sent.Load(), c.Received.Load())
		}
	})
}
