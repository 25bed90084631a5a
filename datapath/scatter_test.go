package datapath

import (
	"slices"
	"sync/atomic"
	"testing"

	"tender/abi"
)

// lend lends the bench chunks of which the guest gives n bytes each.
func (b *bench) lend(from, chunks, n int) {
	l := b.umem.layout
	fill := l.ring(0, 0)
	for i := from; i < from+chunks; i++ {
		slot := fill + ringBytes + uint64(i)%uint64(l.slots)*descBytes
		at := l.first + uint64(i)%uint64(l.chunks)*abi.UMEMChunkBytes
		atomic.StoreUint64(b.entry(slot), uint64(abi.NewUMEMDesc(uint32(at), uint16(n))))
	}
	atomic.StoreUint32(b.word(fill), uint32(from+chunks))
}

func (b *bench) entry(offset uint64) *uint64 { return at[uint64](b.memory, offset) }

// chained is a bench whose guest takes chains, and has just had a large frame.
func chained(t testing.TB) *bench {
	t.Helper()
	b := newBench(t, false)
	if b.ring == nil {
		t.Skip("needs io_uring")
	}
	atomic.StoreUint32(&b.umem.port(0).Wants, abi.UMEMChains)
	_, _, err := b.round()
	check(t, err)
	b.ports[0].scatter.large = true
	return b
}

// Chunks are set aside for as many reads as there are chunks and slots for, each
// with room for any frame.
func TestReserve(t *testing.T) {
	const whole = abi.UMEMChunkBytes
	for name, c := range map[string]struct{ chunks, bytes, used, reading, reads int }{
		"none":                {0, whole, 0, 8, 0},
		"one too few":         {32, whole, 0, 8, 0},
		"one read":            {33, whole, 0, 8, 1},
		"two":                 {67, whole, 0, 8, 2},
		"as many as planned":  {100, whole, 0, 2, 2},
		"few slots":           {100, whole, 128 - 66, 8, 2},
		"too few slots":       {100, whole, 128 - 32, 8, 0},
		"pieces":              {48, 1367, 0, 8, 1},
		"too small pieces":    {128, 1366, 0, 8, 0},
		"pieces that take it": {128, 1367, 0, 8, 2},
	} {
		t.Run(name, func(t *testing.T) {
			b := chained(t)
			if b.umem.layout.slots != 128 {
				t.Fatalf("%d slots: the table is for 128", b.umem.layout.slots)
			}
			b.lend(0, c.chunks, c.bytes)
			p := b.ports[0]
			p.receive.index += uint32(c.used)
			p.reading = c.reading
			if ok := p.reserve(b.umem); ok != (c.reads > 0) {
				t.Fatalf("reserves: %v", ok)
			}
			if c.reads == 0 {
				return
			}
			if p.reading != c.reads {
				t.Errorf("%d reads, want %d", p.reading, c.reads)
			}
			var all []abi.UMEMDesc
			for i := range p.reading {
				room := 0
				for _, d := range p.run(i) {
					room += int(d.Len())
				}
				if room <= abi.UMEMMaxFrame {
					t.Errorf("room of %d bytes for frame %d", room, i)
				}
				all = append(all, p.run(i)...)
			}
			slices.Sort(all)
			if len(slices.Compact(all)) != p.scatter.ends[c.reads-1] {
				t.Error("a chunk is for two frames")
			}
		})
	}
}

// Large and small frames of one round are in order and whole, and the chunks that
// they left free take those of the next.
func TestScatter(t *testing.T) {
	b := chained(t)
	p := b.ports[0]
	p.batch = 8
	b.lend(0, 128, abi.UMEMChunkBytes)
	receive := b.umem.layout.ring(0, 1)
	taken, next := uint32(0), 0
	for _, sizes := range [][]int{{60000, 100, 30000}, {65000}, {20000, 20000}} {
		for i, size := range sizes {
			check(t, b.wires[0].Send(sealed(next+i, size)))
		}
		for range sizes { // there may be too few chunks for all of them at once
			_, _, err := b.round()
			check(t, err)
		}
		for i, size := range sizes {
			var frame []byte
			for more := true; more; taken++ {
				if taken == *b.word(receive) {
					t.Fatalf("frame %d ends after %d bytes", next+i, len(frame))
				}
				slot := receive + ringBytes + uint64(taken%b.umem.layout.slots)*descBytes
				d := abi.UMEMDesc(*b.entry(slot))
				frame = append(frame, b.umem.bytes(d)...)
				more = d&abi.UMEMMore != 0
			}
			if got, ok := number(frame); !ok || got != next+i || len(frame) != size {
				t.Errorf("frame %d of %d bytes is number %d, %d bytes, whole: %v", next+i, size, got, len(frame), ok)
			}
		}
		next += len(sizes)
		if have := p.nfree + int(taken); have != int(p.fill.index) {
			t.Errorf("%d of %d chunks are used or free", have, p.fill.index)
		}
		*b.word(receive + 64) = taken
	}
	if c := b.Counters(0); c.Received.Load() != uint64(next) || c.ReceivedBytes.Load() != 195100 {
		t.Errorf("%d frames of %d bytes", c.Received.Load(), c.ReceivedBytes.Load())
	}
}
