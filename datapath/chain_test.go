package datapath

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/guest/umem"
	"tender/netback"
)

// program is a guest that takes frames one by one, in pieces or not.
type program struct {
	*rig
	port    *umem.Port
	batch   [7]umem.Frame // odd, so that batches end within frames
	pending []umem.Frame
}

// receive waits for a frame.
func (g *program) receive(t testing.TB) []byte {
	t.Helper()
	var frame []byte
	for deadline := time.Now().Add(10 * time.Second); ; {
		if len(g.pending) == 0 {
			g.pending = g.batch[:g.port.Receive(g.batch[:])]
			g.kick(t)
		}
		if len(g.pending) == 0 {
			if time.Now().After(deadline) {
				t.Fatal("no frame")
			}
			time.Sleep(20 * time.Microsecond)
			continue
		}
		f := g.pending[0]
		g.pending = g.pending[1:]
		frame = append(frame, g.guest.Bytes(f)...)
		g.guest.Release(f)
		if !f.More() {
			return frame
		}
	}
}

// send sends a frame in pieces of random sizes.
func (g *program) send(t testing.TB, random *rand.Rand, frame []byte) {
	t.Helper()
	var pieces []umem.Frame
	for len(frame) > 0 {
		f, ok := g.guest.Alloc()
		for deadline := time.Now().Add(10 * time.Second); !ok; f, ok = g.guest.Alloc() {
			if g.guest.Reclaim(); time.Now().After(deadline) {
				t.Fatal("no chunk")
			}
			g.kick(t)
		}
		size := min(len(frame), 1900+random.IntN(149))
		f = g.guest.Part(f, random.IntN(2049-size), size)
		copy(g.guest.Bytes(f), frame)
		if frame = frame[size:]; len(frame) > 0 {
			f = f.WithMore()
		}
		pieces = append(pieces, f)
	}
	for deadline := time.Now().Add(10 * time.Second); g.port.Room() < len(pieces); g.kick(t) {
		if g.guest.Reclaim(); time.Now().After(deadline) {
			t.Fatal("no room")
		}
	}
	if n := g.port.Send(pieces); n != len(pieces) {
		t.Fatalf("%d of %d pieces sent", n, len(pieces))
	}
	g.kick(t)
}

func (g *program) choose(t testing.TB, features uint32) {
	t.Helper()
	has, err := g.port.Choose(features, func() error { g.kick(t); return nil })
	check(t, err)
	if has != features {
		t.Fatalf("features %#x, not %#x", has, features)
	}
}

// Frames of up to 64 KiB cross whole, in as many chunks as they take.
func TestChains(t *testing.T) {
	eachWay(t, func(t *testing.T, plain bool) {
		d, wire := netback.NewPipe(9000)
		t.Cleanup(func() { check(t, errors.Join(d.Close(), wire.Close())) })
		r := newRig(t, plain, d)
		g := &program{rig: r, port: r.guest.Port(1)}
		if offers := g.port.Offers(); offers != abi.UMEMChains {
			t.Fatalf("offers %#x", offers)
		}
		g.choose(t, abi.UMEMChains)
		random := rand.New(rand.NewPCG(3, 4))
		p := make([]byte, abi.UMEMMaxFrame+1)
		for i := range 400 {
			size := 60 + random.IntN(65400)
			if i%4 > 0 {
				size = 60 + random.IntN(4200) // near the size of a chunk
			}
			check(t, wire.Send(sealed(i, size)))
			frame := g.receive(t)
			if got, ok := number(frame); !ok || got != i || len(frame) != size {
				t.Fatalf("frame %d of %d bytes is number %d, %d bytes, whole: %v", i, size, got, len(frame), ok)
			}
			g.send(t, random, frame)
			n, err := wire.Receive(p, 10*time.Second)
			check(t, err)
			if got, ok := number(p[:n]); !ok || got != i || n != size {
				t.Fatalf("frame %d of %d bytes is sent as number %d, %d bytes, whole: %v", i, size, got, n, ok)
			}
		}
		g.choose(t, 0)
		check(t, wire.Send(sealed(1, 5000)))
		check(t, wire.Send(sealed(2, 100)))
		if got, ok := number(g.receive(t)); !ok || got != 2 {
			t.Errorf("frame %d, whole %v, after one that is too long", got, ok)
		}
		if c := r.thread.Counters(0); c.Received.Load() != 401 || c.Dropped(ReceiveTooLong) != 1 || c.Sent.Load() != 400 || c.NotSent() != 0 {
			t.Errorf("%d received, %d too long, %d sent, %d not", c.Received.Load(), c.Dropped(ReceiveTooLong), c.Sent.Load(), c.NotSent())
		}
	})
}

// A frame that the guest has too few chunks for waits, and those behind it.
func TestChainsWithoutRoom(t *testing.T) {
	eachWay(t, func(t *testing.T, plain bool) {
		b := newBench(t, plain)
		atomic.StoreUint32(&b.umem.port(0).Wants, abi.UMEMChains)
		_, _, err := b.round()
		check(t, err)
		l := b.umem.layout
		fill, receive := l.ring(0, 0), l.ring(0, 1)
		for i := range uint64(l.slots) {
			*at[uint64](b.memory, fill+ringBytes+i*descBytes) = uint64(abi.NewUMEMDesc(uint32(l.first+i*abi.UMEMChunkBytes), abi.UMEMChunkBytes))
		}
		for i, size := range []int{30000, 21000, 100} {
			check(t, b.wires[0].Send(sealed(i, size)))
		}
		for _, step := range []struct{ chunks, received, pieces uint32 }{
			{0, 0, 0}, {14, 0, 0}, {15, 1, 15}, {25, 1, 15}, {26, 2, 26}, {27, 3, 27},
		} {
			*b.word(fill) = step.chunks
			for range 3 {
				_, _, err := b.round()
				check(t, err)
			}
			c := b.Counters(0)
			if c.Received.Load() != uint64(step.received) || *b.word(receive) != step.pieces || c.Dropped(ReceiveNoRoom) != 0 {
				t.Errorf("with %d chunks lent %d received in %d chunks, %d not; want %d in %d", step.chunks, c.Received.Load(), *b.word(receive), c.Dropped(ReceiveNoRoom), step.received, step.pieces)
			}
		}
	})
}

// gsoFrame is a TCP segment over IPv4 of n bytes with its header, to be cut into
// such of 1000, without a checksum. Its bytes count.
func gsoFrame(n int) []byte {
	f := make([]byte, abi.VNETHeaderBytes+54+n)
	h, eth := f[:abi.VNETHeaderBytes], f[abi.VNETHeaderBytes:]
	h[0], h[1] = abi.VNETNeedsChecksum, abi.VNETTCP4
	binary.LittleEndian.PutUint16(h[2:], 54)
	binary.LittleEndian.PutUint16(h[4:], 1000)
	binary.LittleEndian.PutUint16(h[6:], 34)
	binary.LittleEndian.PutUint16(h[8:], 16)
	copy(eth, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 0})
	ip := eth[14:]
	ip[0], ip[8], ip[9] = 0x45, 64, 6
	binary.BigEndian.PutUint16(ip[2:], uint16(40+n))
	copy(ip[12:], []byte{192, 0, 2, 1, 192, 0, 2, 2})
	binary.BigEndian.PutUint16(ip[10:], ^sum(ip[:20], 0))
	tcp := ip[20:]
	binary.BigEndian.PutUint16(tcp[0:], 1234)
	binary.BigEndian.PutUint16(tcp[2:], 80)
	tcp[12], tcp[13] = 0x50, 0x10
	binary.BigEndian.PutUint16(tcp[16:], sum(ip[12:20], uint32(6+20+n)))
	for i := range n {
		tcp[20+i] = byte(i >> (i % 3 * 4))
	}
	return f
}

// sum is that of the Internet checksum, not complemented. p has an even length.
func sum(p []byte, s uint32) uint16 {
	for i := 0; i+1 < len(p); i += 2 {
		s += uint32(binary.BigEndian.Uint16(p[i:]))
	}
	if len(p)%2 == 1 {
		s += uint32(p[len(p)-1]) << 8
	}
	for s > 0xffff {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

// A guest that takes offloads gets large segments, and sends them; one that does
// not gets them cut, with checksums, from the same TAP.
func TestOffloads(t *testing.T) {
	eachWay(t, func(t *testing.T, plain bool) {
		r := newRig(t, plain, asSlice(twoTAPsWith(t, netback.Options{Header: true}))...)
		g := &program{rig: r, port: r.guest.Port(1)}
		host := packetSocketOf(t, "tapa", 0x0008) // IPv4
		check(t, unix.SetsockoptInt(host, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1))
		random := rand.New(rand.NewPCG(5, 6))
		const size = 60000
		large := gsoFrame(size)

		g.choose(t, abi.UMEMChains|abi.UMEMOffloads)
		_, err := unix.Write(host, large)
		check(t, err)
		got := g.receive(t)
		if len(got) != len(large) || got[0]&abi.VNETNeedsChecksum == 0 || got[1] != abi.VNETTCP4 || string(got[10+54:]) != string(large[10+54:]) {
			t.Fatalf("%d bytes of %d, header % x", len(got), len(large), got[:10])
		}
		g.send(t, random, large)
		p := make([]byte, abi.UMEMMaxFrame)
		n, err := read(host, p)
		check(t, err)
		if n != len(large) || p[1] != abi.VNETTCP4 || string(p[10+54:n]) != string(large[10+54:]) {
			t.Errorf("%d bytes of %d were sent, header % x", n, len(large), p[:10])
		}

		// Nonsense from the guest is refused by the host, or harms nobody.
		before := r.thread.Counters(0).Sent.Load() + r.thread.Counters(0).NotSent()
		const nonsense = 300
		for range nonsense {
			f := append([]byte{}, large[:abi.VNETHeaderBytes+60+random.IntN(3000)]...)
			for range 1 + random.IntN(10) {
				f[random.IntN(abi.VNETHeaderBytes)] = byte(random.Uint32())
			}
			g.send(t, random, f)
		}
		c := r.thread.Counters(0)
		for deadline := time.Now().Add(10 * time.Second); c.Sent.Load()+c.NotSent() < before+nonsense; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d sent, %d not", c.Sent.Load(), c.NotSent())
			}
		}
		if c.Dropped(SendInvalid) == 0 {
			t.Error("no header was refused")
		}

		g.choose(t, 0)
		_, err = unix.Write(host, large)
		check(t, err)
		var payload []byte
		for len(payload) < size {
			f := g.receive(t)
			if len(f) > 1514 || sum(f[26:34], uint32(6+len(f)-34)+uint32(sum(f[34:], 0))) != 0xffff {
				t.Fatalf("a segment of %d bytes with a wrong checksum", len(f))
			}
			payload = append(payload, f[54:]...)
		}
		if string(payload) != string(large[10+54:]) {
			t.Error("the payload has changed")
		}
	})
}
