package datapath

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"maps"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"tender/guest/umem"
	"tender/netback"
)

// sealed is a frame with its number and a checksum over all else.
func sealed(i, size int) []byte {
	f := numbered(i)
	for len(f) < size {
		f = append(f, byte(i+len(f)))
	}
	binary.BigEndian.PutUint32(f[14:], crc32.ChecksumIEEE(f[18:]))
	return f
}

// number is that of a frame of sealed, if it is whole.
func number(f []byte) (i int, ok bool) {
	if len(f) < 60 || binary.BigEndian.Uint32(f[14:]) != crc32.ChecksumIEEE(f[18:]) {
		return 0, false
	}
	return int(binary.BigEndian.Uint32(f[20:])), true
}

// checkSealed reads frames from a socket until it is quiet, and fails if one is
// altered, late or there twice. It returns how many came.
func checkSealed(t testing.TB, s int) (came int) {
	t.Helper()
	check(t, unix.SetsockoptTimeval(s, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 300_000}))
	last := -1
	var p [2000]byte
	for {
		n, err := read(s, p[:])
		if err == unix.EAGAIN {
			return came
		}
		if err == unix.ENETDOWN {
			continue
		}
		check(t, err)
		i, ok := number(p[:n])
		if !ok || i <= last {
			t.Fatalf("frame %d after %d, whole: %v", i, last, ok)
		}
		last = i
		came++
	}
}

func eachWay(t *testing.T, f func(t *testing.T, plain bool)) {
	t.Run("io_uring", func(t *testing.T) { f(t, false) })
	t.Run("plain", func(t *testing.T) { f(t, true) })
}

// A TAP goes down and up, changes its MTU and is deleted while frames flow.
func TestDeviceEvents(t *testing.T) {
	eachWay(t, func(t *testing.T, plain bool) {
		r := newRig(t, plain, asSlice(twoTAPs(t))...)
		from, to := packetSocket(t, "tapa"), packetSocket(t, "tapb")
		end := r.startForwarding(t)
		link := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: "tapb"}}
		links := func(name string) netlink.Link {
			l, err := netlink.LinkByName(name)
			check(t, err)
			return l
		}
		next := 0
		send := func(count, size int) {
			for range count {
				if _, err := unix.Write(from, sealed(next, size)); err != nil && err != unix.ENOBUFS && err != unix.ENETDOWN {
					t.Errorf("frame %d: %v", next, err)
				}
				next++
			}
		}
		send(300, 100)
		if came := checkSealed(t, to); came != 300 {
			t.Errorf("%d of 300 frames", came)
		}
		check(t, netlink.LinkSetDown(links("tapb")))
		send(100, 100)
		r.settle(t, 400)
		c := r.thread.Counters(1)
		if c.Dropped(SendDown) != 100 || c.Sent.Load() != 300 {
			t.Errorf("down: %d frames dropped, %d sent", c.Dropped(SendDown), c.Sent.Load())
		}
		check(t, netlink.LinkSetUp(links("tapb")))
		check(t, netlink.LinkSetMTU(links("tapb"), 600))
		send(100, 1000) // the MTU is no limit of what comes in to the host
		check(t, netlink.LinkSetMTU(links("tapa"), 3000))
		send(100, 1900)
		if came := checkSealed(t, to); came != 200 {
			t.Errorf("%d of 200 frames after the changes", came)
		}
		send(10, 2500) // more than a chunk has room for
		r.settle(t, 610)
		if n := r.thread.Counters(0).Dropped(ReceiveTooLong); n != 10 {
			t.Errorf("%d of 10 frames were too long", n)
		}
		check(t, netlink.LinkDel(links(link.Name)))
		send(50, 100)
		r.settle(t, 660)
		if n := c.Dropped(SendGone); n != 50 {
			t.Errorf("%d of 50 frames were for a device that is gone", n)
		}
		for deadline := time.Now().Add(10 * time.Second); !r.guest.Gone(2); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the guest is not told that the device is gone")
			}
		}
		if r.guest.Gone(1) || len(r.failed) > 0 {
			t.Error("the other device is gone too, or the thread")
		}
		if n := end(); n != 650 {
			t.Errorf("%d frames forwarded", n)
		}
	})
}

// settle waits until that many frames have been read from the first device and
// what became of them is known.
func (r *rig) settle(t testing.TB, frames uint64) {
	t.Helper()
	in, out := r.thread.Counters(0), r.thread.Counters(1)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		read := in.Received.Load() + in.Dropped(ReceiveTooLong)
		if read == frames && out.Sent.Load()+out.NotSent() == in.Received.Load() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d frames read of %d, %d sent, %d not", read, frames, out.Sent.Load(), out.NotSent())
		}
	}
}

// A flood from one device leaves the others their share.
func TestFairness(t *testing.T) {
	eachWay(t, func(t *testing.T, plain bool) {
		b := newBench(t, plain)
		guest, err := umem.New(b.memory)
		check(t, err)
		flood, quiet := guest.Port(1), guest.Port(2)
		flood.Lend()
		quiet.Lend()
		var frames [64]umem.Frame
		latest := 0
		for i := range 200 {
			for b.wires[0].Send(sealed(0, 60)) == nil {
			}
			check(t, b.wires[1].Send(sealed(i, 60)))
			for round := 1; ; round++ {
				_, _, err := b.round()
				check(t, err)
				for _, f := range frames[:flood.Receive(frames[:])] {
					guest.Release(f)
				}
				if n := quiet.Receive(frames[:]); n == 1 {
					if got, ok := number(guest.Bytes(frames[0])); !ok || got != i {
						t.Fatalf("frame %d is number %d, whole: %v", i, got, ok)
					}
					guest.Release(frames[0])
					latest = max(latest, round)
					break
				}
				if round > 100 {
					t.Fatal("the quiet device is not served")
				}
			}
		}
		if latest > 2 {
			t.Errorf("a frame of the quiet device took %d rounds", latest)
		}
	})
}

// A thread leaves nothing behind, whether it ran or not.
func TestThreadLeaves(t *testing.T) {
	cycle := func(run bool) {
		l, err := NewLayout(1, 1<<20)
		check(t, err)
		memory, err := unix.Mmap(-1, 0, int(l.Bytes()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
		check(t, err)
		u, err := NewUMEM(memory, l, []int{1})
		check(t, err)
		d, w := netback.NewPipe(1500)
		bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
		check(t, err)
		thread, err := NewThread(u, []netback.Device{d}, bell, bell, nil)
		check(t, err)
		if run {
			thread.Start(nil)
			check(t, stopSoon(t, thread))
		}
		check(t, errors.Join(thread.Close(), d.Close(), w.Close(), unix.Close(bell), unix.Munmap(memory)))
	}
	cycle(true)
	fds, routines := openFDs(t), runtime.NumGoroutine()
	for i := range 50 {
		cycle(i%2 == 0)
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > routines; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, were %d", runtime.NumGoroutine(), routines)
		}
	}
	if now := openFDs(t); !maps.Equal(now, fds) {
		t.Errorf("descriptors %v, were %v", now, fds)
	}
}

func openFDs(t testing.TB) map[string]string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	check(t, err)
	found := map[string]string{}
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && !strings.HasSuffix(target, "/fd") {
			found[e.Name()] = target
		}
	}
	return found
}

// Frames that the guest posted before it was stopped are sent; no more are
// received.
func TestStopInBurst(t *testing.T) {
	eachWay(t, func(t *testing.T, plain bool) {
		b := newBench(t, plain)
		guest, err := umem.New(b.memory)
		check(t, err)
		port := guest.Port(1)
		port.Lend()
		b.stopping.Store(true)
		const count = 60
		for i := range count {
			f, ok := guest.Alloc()
			if !ok {
				t.Fatal("no chunk")
			}
			f = guest.Part(f, 0, 100)
			copy(guest.Bytes(f), sealed(i, 100))
			if port.Send([]umem.Frame{f}) != 1 {
				t.Fatal("no room")
			}
			check(t, b.wires[0].Send(bytes.Repeat([]byte{inside}, 100)))
		}
		b.Start(nil)
		check(t, stopSoon(t, b.Thread))
		var p [200]byte
		for i := range count {
			n, err := b.wires[0].Receive(p[:], time.Second)
			check(t, err)
			if got, ok := number(p[:n]); !ok || got != i {
				t.Fatalf("frame %d is number %d, whole: %v", i, got, ok)
			}
		}
		if c := b.Counters(0); c.Sent.Load() != count || c.NotSent() != 0 || c.Received.Load() != 0 {
			t.Errorf("%d sent, %d not, %d received", c.Sent.Load(), c.NotSent(), c.Received.Load())
		}
	})
}
