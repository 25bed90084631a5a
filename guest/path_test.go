package guest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/datapath"
	"tender/guest/umem"
	"tender/netback"
)

// cable is a Path of two devices with rings, whose far ends are the test's.
type cable struct {
	path   *Path
	umem   *umem.UMEM
	wires  [2]*netback.Wire
	thread *datapath.Thread
}

// newCable starts a tender's thread; mtu is that of the devices.
func newCable(t testing.TB, mtu int) *cable {
	t.Helper()
	return newCableOf(t, mtu, true)
}

// start starts the tender's thread.
func (c *cable) start(t testing.TB) { c.thread.Start(func(err error) { t.Error(err) }) }

// newCableOf is newCable that may leave it to the caller to start the thread.
func newCableOf(t testing.TB, mtu int, started bool) *cable {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	c := &cable{}
	var devices []netback.Device
	for i := range c.wires {
		d, w := netback.NewPipe(mtu)
		t.Cleanup(func() { check(errors.Join(d.Close(), w.Close())) })
		devices, c.wires[i] = append(devices, d), w
	}
	l, err := datapath.NewLayout(2, 4<<20)
	check(err)
	memory, err := unix.Mmap(-1, 0, int(l.Bytes()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	check(err)
	u, err := datapath.NewUMEM(memory, l, []int{1, 2})
	check(err)
	var eventfds [2]int
	for i := range eventfds {
		eventfds[i], err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
		check(err)
	}
	c.thread, err = datapath.NewThread(u, devices, eventfds[0], eventfds[1], t.Logf)
	check(err)
	if started {
		c.start(t)
	}
	t.Cleanup(func() {
		check(errors.Join(c.thread.Stop(), c.thread.Close(), unix.Munmap(memory), unix.Close(eventfds[0]), unix.Close(eventfds[1])))
	})
	c.umem, err = umem.New(memory)
	check(err)
	bell := func() error {
		_, err := unix.Write(eventfds[0], binary.NativeEndian.AppendUint64(nil, 1))
		return err
	}
	var nics []*NIC
	for i := range 2 {
		r, err := newRings(c.umem, uint32(i+1), mtu, bell)
		check(err)
		nics = append(nics, &NIC{name: fmt.Sprint("nic", i), mtu: mtu, rings: r})
	}
	c.path, err = NewPath()
	check(err)
	t.Cleanup(func() { check(c.path.Close()) })
	c.path.add(nics)
	for _, n := range nics {
		check(n.rings.lend())
	}
	return c
}

// turn receives on both ports until something was there.
func (c *cable) turn(t testing.TB, handle func(from int, frame []byte)) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Microsecond) {
		got := 0
		for i := range 2 {
			n, err := c.path.Port(i).Receive(func(frame []byte, _ abi.VNETHeader, _ [][]byte) { handle(i, frame) })
			if err != nil {
				t.Fatal(err)
			}
			got += n
		}
		if got > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no frame within ten seconds")
		}
	}
}

// TestPathForwards sends frames through, some changed, some answered, some
// dropped and some copied, more than there are chunks.
func TestPathForwards(t *testing.T) {
	c := newCable(t, 1500)
	r := rand.New(rand.NewPCG(1, 2))
	buf, own := make([]byte, 2000), make([]byte, 2000)
	for round := range 1500 {
		frame := make([]byte, 14+r.IntN(1500))
		for i := range frame {
			frame[i] = byte(r.Uint32())
		}
		from := r.IntN(2)
		if err := c.wires[from].Send(frame); err != nil {
			t.Fatal(err)
		}
		want, to := bytes.Clone(frame), 1-from
		c.turn(t, func(came int, got []byte) {
			if came != from || !bytes.Equal(got, frame) {
				t.Fatalf("round %d: %d bytes came from %d, want %d from %d", round, len(got), came, len(frame), from)
			}
			out := got
			switch round % 6 {
			case 0: // changed
				got[13]++
				want[13]++
			case 1: // answered, and shorter
				to = from
				out = got[:14+(len(got)-14)/2]
			case 2: // without what it begins with
				out = got[4:]
			case 3: // copied
				out = own[:copy(own, got)]
			case 4: // dropped
				to = -1
				return
			case 5: // twice: the second is a copy
				if err := c.path.Port(1 - from).WriteFrame(got); err != nil {
					t.Fatal(err)
				}
				to = from
			}
			switch round % 6 {
			case 1:
				want = want[:len(out)]
			case 2:
				want = want[4:]
			}
			if err := c.path.Port(to).WriteFrame(out); err != nil {
				t.Fatal(err)
			}
		})
		expect := func(to int) {
			t.Helper()
			n, err := c.wires[to].Receive(buf, 10*time.Second)
			if err != nil || !bytes.Equal(buf[:n], want) {
				t.Fatalf("round %d: %d bytes, %v, want %d", round, n, err, len(want))
			}
		}
		if to >= 0 {
			expect(to)
		}
		if round%6 == 5 {
			expect(1 - from)
		}
	}
	for i := range 2 {
		if _, err := c.wires[i].Receive(buf, time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("wire %d: a frame too many: %v", i, err)
		}
	}
}

// TestPathWaits sends more frames than there is room for: none is dropped if the
// tender's thread runs soon.
func TestPathWaits(t *testing.T) {
	c := newCableOf(t, 1500, false)
	frame := make([]byte, 60)
	port, sent := c.path.Port(1), 0
	var err error
	for ; err == nil; sent++ {
		err = port.WriteFrame(frame)
	}
	time.AfterFunc(longestWait/10, func() { c.start(t) })
	if sent--; !errors.Is(err, ErrFull) || sent == 0 {
		t.Fatalf("after %d frames: %v, want ErrFull", sent, err)
	}
	for more := 0; more < sent; more++ {
		if err := port.WriteFrame(frame); err != nil {
			t.Fatalf("frame %d, with a tender that runs: %v", more, err)
		}
	}
	c.path.flush()
	moved := c.thread.Counters(1)
	for deadline := time.Now().Add(10 * time.Second); moved.Sent.Load()+moved.NotSent() < uint64(2*sent); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d frames have got to the tender", moved.Sent.Load()+moved.NotSent(), 2*sent)
		}
	}
}

// TestPathLongFrames are those of several chunks.
func TestPathLongFrames(t *testing.T) {
	c := newCable(t, 9000)
	frame, buf := make([]byte, 9014), make([]byte, 10000)
	for round := range 200 {
		for i := range frame {
			frame[i] = byte(i + round)
		}
		if err := c.wires[0].Send(frame); err != nil {
			t.Fatal(err)
		}
		c.turn(t, func(_ int, got []byte) {
			if !bytes.Equal(got, frame) {
				t.Fatalf("round %d: %d bytes, want %d", round, len(got), len(frame))
			}
			got[20] ^= 0xff
			if err := c.path.Port(1).WriteFrame(got); err != nil {
				t.Fatal(err)
			}
		})
		frame[20] ^= 0xff
		if n, err := c.wires[1].Receive(buf, 10*time.Second); err != nil || !bytes.Equal(buf[:n], frame) {
			t.Fatalf("round %d: %d bytes, %v", round, n, err)
		}
	}
}

// TestPathDoesNotAllocate counts allocations per batch of frames, of which every
// other is copied.
func TestPathDoesNotAllocate(t *testing.T) {
	c := newCable(t, 1500)
	own := make([]byte, 60)
	from, to := c.path.Port(0), c.path.Port(1)
	handled := 0
	handle := func(frame []byte, head abi.VNETHeader, rest [][]byte) {
		if handled++; handled%2 == 0 {
			frame = own
		}
		to.Write(frame, head, rest)
	}
	const runs, frames = 9, 10
	for range (1 + runs) * frames {
		if err := c.wires[0].Send(make([]byte, 60)); err != nil {
			t.Fatal(err)
		}
	}
	// A few of the runtime's own, for a thread that starts, are none for each run.
	if n := testing.AllocsPerRun(runs, func() {
		for handled < frames {
			from.Receive(handle)
		}
		handled -= frames
	}); n > 0 {
		t.Errorf("%v allocations for %d frames, want 0", n, frames)
	}
}
