package datapath

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/netback"
)

// bench is a thread that is driven round by round over the ends of pipes, and
// memory between pages that nobody may touch.
type bench struct {
	*Thread
	memory []byte
	wires  []*netback.Wire
}

const benchPorts = 2

func newBench(t testing.TB, plain bool) *bench {
	t.Helper()
	return newBenchWith(t, func(u *UMEM, devices []netback.Device, doorbell, wake int) (*Thread, error) {
		if plain {
			return newThread(u, devices, doorbell, wake), nil
		}
		return NewThread(u, devices, doorbell, wake, t.Logf)
	})
}

func newBenchWith(t testing.TB, connect func(u *UMEM, devices []netback.Device, doorbell, wake int) (*Thread, error)) *bench {
	t.Helper()
	l, err := NewLayout(benchPorts, 1200<<10)
	check(t, err)
	size := int(l.Bytes())
	whole, err := unix.Mmap(-1, 0, size+2*abi.PageSize, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	check(t, err)
	b := &bench{memory: whole[abi.PageSize : abi.PageSize+size]}
	check(t, unix.Mprotect(b.memory, unix.PROT_READ|unix.PROT_WRITE))
	u, err := NewUMEM(b.memory, l, []int{1, 2})
	check(t, err)
	for i := l.ring(benchPorts, 0); i < l.first; i++ {
		b.memory[i] = secret
	}
	var devices []netback.Device
	for range benchPorts {
		d, w := netback.NewPipe(1500)
		devices, b.wires = append(devices, d), append(b.wires, w)
	}
	var bells [2]int
	for i := range bells {
		bells[i], err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
		check(t, err)
	}
	b.Thread, err = connect(u, devices, bells[0], bells[1])
	check(t, err)
	t.Cleanup(func() {
		check(t, b.Close())
		for i := range benchPorts {
			check(t, devices[i].Close())
			check(t, b.wires[i].Close())
			check(t, unix.Close(bells[i]))
		}
		check(t, unix.Munmap(whole))
	})
	return b
}

// word is one of the header and the rings.
func (b *bench) word(offset uint64) *uint32 { return at[uint32](b.memory, offset) }

const (
	secret = 0xa5 // fills what is between the rings and the chunks
	inside = 0x3c // fills what comes from the network
)

// scribble is a step of a hostile guest: three bytes choose what it writes and
// where, eight more are the value.
func (b *bench) scribble(what, which, where byte, value uint64) {
	l := b.umem.layout
	ring := l.ring(int(which)%benchPorts, int(which>>4)%4)
	slot := ring + ringBytes + uint64(where)%uint64(l.slots)*descBytes
	switch what % 8 {
	case 0: // any index
		atomic.StoreUint32(b.word(ring+64*uint64(where&1)), uint32(value))
	case 1, 2: // an index that may be right
		atomic.AddUint32(b.word(ring+64*uint64(where&1)), uint32(value%8))
	case 3: // any descriptor
		atomic.StoreUint64(at[uint64](b.memory, slot), value)
	case 4, 5: // one that may be right
		d := abi.NewUMEMDesc(uint32(l.first+value%uint64(l.chunks)*abi.UMEMChunkBytes), uint16(value>>32)%abi.UMEMChunkBytes)
		if what%8 == 5 {
			d |= abi.UMEMMore
		}
		atomic.StoreUint64(at[uint64](b.memory, slot), uint64(d))
	case 6: // the words about sleep and failure
		atomic.StoreUint32(b.word(uint64(where)%(headerBytes/4)*4), uint32(value))
	case 7: // the descriptions of the rings
		atomic.StoreUint32(b.word(headerBytes+uint64(where)%(benchPorts*portBytes/4)*4), uint32(value))
	}
}

// look checks what must hold whatever the guest does.
func (b *bench) look(t testing.TB) {
	t.Helper()
	if bytes.Contains(b.memory[:b.umem.layout.first], bytes.Repeat([]byte{inside}, 16)) {
		t.Fatal("a frame lies outside of the chunks")
	}
	for i, p := range b.ports {
		c := b.Counters(i)
		// With chains there are fewer frames than entries.
		if got, most := c.Sent.Load()+c.NotSent(), uint64(p.transmit.index); got > most {
			t.Fatalf("device %d: %d frames sent and not sent, of %d", i, got, most)
		}
		if got, most := c.Received.Load(), uint64(p.receive.index); got > most {
			t.Fatalf("device %d: %d frames received, %d in the ring", i, got, most)
		}
		if p.completion.index != p.transmit.index {
			t.Fatalf("device %d: %d of %d frames are back", i, p.completion.index, p.transmit.index)
		}
	}
}

// feed sends frames to the guest, and takes what it has sent.
func (b *bench) feed(t testing.TB) {
	var p [70000]byte
	for i, w := range b.wires {
		if err := w.Send(bytes.Repeat([]byte{inside}, 200+i*20000)); err != nil && err != unix.EAGAIN {
			t.Fatal(err)
		}
		for {
			n, err := w.Receive(p[:], 0)
			if err != nil {
				break
			}
			if bytes.Contains(p[:n], bytes.Repeat([]byte{secret}, 16)) {
				t.Fatal("what is outside of the chunks was sent")
			}
		}
	}
}

// Whatever a guest writes to the memory it shares, the thread goes on or says what
// the guest did wrong.
func FuzzHostileGuest(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00"))
	f.Add([]byte("\x04\x20\x00\x00\x00\x00\x00\x3c\x00\x00\x00\x01\x20\x00\x01\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x04\x00\x00\x05\x00\x00\x00\xff\x03\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x03\x20\x00\x00\x00\x00\x00\xff\xff\x00\x00\x01\x20\x00\x07\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, program []byte) {
		b := newBench(t, true)
		for len(program) >= 11 {
			b.scribble(program[0], program[1], program[2], binary.LittleEndian.Uint64(program[3:]))
			program = program[11:]
			b.feed(t)
			if _, _, err := b.round(); err != nil {
				if breach := (*BreachError)(nil); !errors.As(err, &breach) {
					t.Fatal(err)
				}
				return
			}
			b.look(t)
		}
	})
}

// The same at random while the thread works, by io_uring.
func TestHostileGuestMeanwhile(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	random := rand.New(rand.NewPCG(1, 2))
	breaches := 0
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
		b := newBench(t, false)
		failed := make(chan error, 1)
		b.Start(func(err error) { failed <- err })
		for steps := random.IntN(400); steps > 0 && len(failed) == 0; steps-- {
			what := byte(random.Uint32())
			if what%8 == 0 && random.IntN(20) > 0 {
				what++ // or it is over too soon
			}
			b.scribble(what, byte(random.Uint32()), byte(random.Uint32()), random.Uint64())
			if steps%8 == 0 {
				b.feed(t)
				check(t, ring8(b.doorbell))
			}
		}
		err := stopSoon(t, b.Thread)
		if breach := (*BreachError)(nil); errors.As(err, &breach) {
			breaches++
		} else {
			check(t, err)
		}
	}
	if breaches == 0 {
		t.Error("no breach was found")
	}
}

// stopSoon is Stop, which must not take long.
func stopSoon(t testing.TB, thread *Thread) error {
	t.Helper()
	stopped := make(chan error, 1)
	go func() { stopped <- thread.Stop() }()
	select {
	case err := <-stopped:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("the thread does not stop")
		return nil
	}
}

// What a guest does wrong is named.
func TestBreaches(t *testing.T) {
	for _, c := range []struct {
		ring, word int
		says       string
	}{
		{0, 0, "chunks to fill"}, {1, 64, "frames received"}, {2, 0, "frames to send"}, {3, 64, "frames to send"},
	} {
		b := newBench(t, true)
		atomic.StoreUint32(b.word(b.umem.layout.ring(1, c.ring)+uint64(c.word)), 1<<20)
		_, _, err := b.round()
		if breach := (*BreachError)(nil); !errors.As(err, &breach) || !bytes.Contains([]byte(err.Error()), []byte(c.says)) {
			t.Errorf("ring %d: %v does not say %q", c.ring, err, c.says)
		}
	}
}

// A chunk without room, or a frame without bytes, is refused: the kernel would
// take it for the end of a socket.
func TestEmptyDescriptors(t *testing.T) {
	for _, plain := range []bool{true, false} {
		b := newBench(t, plain)
		for _, ring := range []int{0, 2} {
			at := b.umem.layout.ring(0, ring)
			*b.word(at + ringBytes) = uint32(b.umem.layout.first)
			*b.word(at) = 1
		}
		check(t, b.wires[0].Send([]byte("frame")))
		_, _, err := b.round()
		check(t, err)
		b.look(t)
		c := b.Counters(0)
		if b.ports[0].gone || c.Dropped(ReceiveBadRoom) != 1 || c.Dropped(SendBadDescriptor) != 1 {
			t.Errorf("plain %v: gone %v, %d and %d bad descriptors", plain, b.ports[0].gone, c.Dropped(ReceiveBadRoom), c.Dropped(SendBadDescriptor))
		}
	}
}
