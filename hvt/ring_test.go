package hvt

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/abi"
)

// frameLog is a network device that numbers the frames it gives, and checks
// the numbers of those it gets. It fails the test if two goroutines use it at
// once, or a buffer is not the one the guest named.
type frameLog struct {
	oddDevice
	t        testing.TB
	busy     atomic.Bool
	written  uint32 // frames got
	given    uint32 // frames given
	limit    uint32 // frames there are to give
	drought  func() bool
	finished chan struct{} // closed at the wanted number of written frames
	want     uint32
}

func (d *frameLog) enter() func() {
	if d.busy.Swap(true) {
		d.t.Error("two goroutines use the device")
	}
	return func() { d.busy.Store(false) }
}

func (d *frameLog) ReadFrame(p []byte) (int, error) {
	defer d.enter()()
	if d.given == d.limit || d.drought != nil && d.drought() {
		return 0, unix.EAGAIN
	}
	d.given++
	return binary.PutUvarint(p, uint64(d.given)), nil
}

func (d *frameLog) WriteFrame(p []byte) error {
	defer d.enter()()
	d.written++
	if n := binary.LittleEndian.Uint32(p); n != d.written {
		d.t.Errorf("frame %d is number %d", d.written, n)
	}
	if d.written == d.want {
		close(d.finished)
	}
	return nil
}

// ringModel is an honest guest in Go. Frames it writes are numbered, each in a
// slot of its own while the tender may read it; buffers of reads likewise.
type ringModel struct {
	t          testing.TB
	shared     *abi.NetRing
	mem        []byte
	kick       func()
	tail, head uint32 // EntTail, ComHead
	sent, got  uint32
	// reads are the reads without a commit so far, in order.
	reads []modelRead
	// asked counts reads: it gives each its ID and its buffer.
	asked uint32
}

type modelRead struct {
	id      uint32
	invalid bool // its handle is of no device
}

const (
	modelWrites = abi.MinLoadAddr          // NetRingSlots slots
	modelReads  = abi.MinLoadAddr + 0x4000 // likewise
	modelSlot   = 16
	modelMem    = abi.MinLoadAddr + 0x9000
)

func newRingModel(t testing.TB, d *frameLog) (*ringModel, *host) {
	h := &host{mem: memory{bytes: make([]byte, modelMem)}, hasNet: true}
	h.nets[1].dev, h.nets[1].maxFrame, h.nets[1].shared = d, 1522, true
	return &ringModel{t: t, shared: new(abi.NetRing), mem: h.mem.bytes, kick: func() {}}, h
}

// full is the guest's rule.
func (g *ringModel) full() bool {
	return g.tail-atomic.LoadUint32(&g.shared.EntHead) >= abi.NetRingSlots-1
}

func (g *ringModel) submit(e abi.NetRingEntry) {
	g.shared.Entries[g.tail%abi.NetRingSlots] = e
	g.tail++
	atomic.StoreUint32(&g.shared.EntTail, g.tail)
	if atomic.LoadUint32(&g.shared.NeedsKick) != 0 {
		g.kick()
	}
}

func (g *ringModel) write() {
	g.sent++
	at := modelWrites + uint64(g.tail%abi.NetRingSlots)*modelSlot
	binary.LittleEndian.PutUint32(g.mem[at:], g.sent)
	g.submit(abi.NetRingEntry{Operation: abi.NetRingWrite, Handle: 1, Data: at, Len: modelSlot})
}

func (g *ringModel) read(handle uint32) {
	id := g.asked
	g.asked++
	g.reads = append(g.reads, modelRead{id, handle != 1})
	g.submit(abi.NetRingEntry{Operation: abi.NetRingRead, Handle: handle, Data: g.buffer(id), Len: modelSlot, ID: id})
}

func (g *ringModel) buffer(id uint32) uint64 {
	return modelReads + uint64(id%abi.NetRingSlots)*modelSlot
}

// consume takes the next commit, if there is one, and checks it.
func (g *ringModel) consume() bool {
	if atomic.LoadUint32(&g.shared.ComTail) == g.head {
		return false
	}
	c := g.shared.Commits[g.head%abi.NetRingSlots]
	g.head++
	if len(g.reads) == 0 || c.ID != g.reads[0].id {
		g.t.Fatalf("commit %+v, outstanding %v", c, g.reads)
	}
	read := g.reads[0]
	g.reads = g.reads[1:]
	switch {
	case read.invalid:
		if c.Ret != abi.ResultInval || c.Len != 0 {
			g.t.Fatalf("commit %+v for no device", c)
		}
	case c.Ret == abi.ResultAgain:
		if c.Len != 0 {
			g.t.Fatalf("commit %+v", c)
		}
	default:
		g.got++
		n, size := binary.Uvarint(g.mem[g.buffer(c.ID):])
		if c.Ret != abi.ResultOK || uint32(n) != g.got || uint32(size) != c.Len {
			g.t.Fatalf("commit %+v has frame %d of %d bytes, want frame %d", c, n, size, g.got)
		}
	}
	atomic.StoreUint32(&g.shared.ComHead, g.head)
	return true
}

// Guest and tender take turns at random: every frame arrives exactly once, in
// order, both ways; every read has exactly one commit.
func TestRingInterleavings(t *testing.T) {
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 1))
		d := &frameLog{t: t, limit: 1 << 30}
		d.drought = func() bool { return random.IntN(4) == 0 }
		g, h := newRingModel(t, d)
		r := &ring{shared: g.shared, host: h}
		// Indices start anywhere, so that they overflow, too.
		start := random.Uint32() | 0xfffff000
		r.head, r.comTail, g.tail, g.head = start, start, start, start
		g.shared.EntTail, g.shared.ComHead, g.shared.EntHead, g.shared.ComTail = start, start, start, start
		unserved := 0
		for range 30000 {
			switch n := random.IntN(100); {
			case n < 40 && !g.full():
				g.write()
				unserved++
			case n < 70 && !g.full() && len(g.reads) < abi.NetRingSlots:
				g.read([]uint32{1, 1, 1, 0, 7, 64}[random.IntN(6)])
				unserved++
			case n < 72 && !g.full():
				g.submit(abi.NetRingEntry{Operation: random.Uint32()*4 + 3, Handle: 1, Data: 1 << 50, Len: 9})
				unserved++
			case n < 75:
				served, err := r.drain()
				if err != nil || served != (unserved > 0) {
					t.Fatalf("served %v of %d: %v", served, unserved, err)
				}
				unserved = 0
				if g.shared.EntHead != g.tail {
					t.Fatalf("EntHead %d, EntTail %d", g.shared.EntHead, g.tail)
				}
			default:
				g.consume()
			}
		}
		if _, err := r.drain(); err != nil {
			t.Fatal(err)
		}
		for g.consume() {
		}
		if d.written != g.sent || d.given != g.got || len(g.reads) != 0 || g.sent < 1000 || g.got < 1000 {
			t.Errorf("seed %d: %d of %d written, %d of %d read, %d outstanding", seed, d.written, g.sent, g.got, d.given, len(g.reads))
		}
	}
}

// newTestThread is a ring thread without KVM: the guest kicks by a write.
func newTestThread(t testing.TB, g *ringModel, h *host) *ringThread {
	t.Helper()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	thread := &ringThread{ring: ring{shared: g.shared, host: h}, kickFD: fd, ended: make(chan error, 1)}
	t.Cleanup(func() { thread.close() })
	g.kick = func() {
		if _, err := unix.Write(fd, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
			t.Error(err)
		}
	}
	return thread
}

// The thread serves a guest that runs beside it and pauses, so that it falls
// asleep in between: no kick is lost.
func TestRingThread(t *testing.T) {
	const frames = 20000
	d := &frameLog{t: t, limit: frames, want: frames, finished: make(chan struct{})}
	g, h := newRingModel(t, d)
	thread := newTestThread(t, g, h)
	thread.start(func(error) {}) // stop tells, too
	kicks := 0
	kick := g.kick
	g.kick = func() { kicks++; kick() }
	random := rand.New(rand.NewPCG(1, 2))
	deadline := time.Now().Add(time.Minute)
	for g.sent < frames || g.got < frames {
		if time.Now().After(deadline) {
			t.Fatalf("stuck: %d frames sent, %d got, %d reads outstanding, NeedsKick %d", g.sent, g.got, len(g.reads), atomic.LoadUint32(&g.shared.NeedsKick))
		}
		for n := random.IntN(40); n > 0 && g.sent < frames && !g.full(); n-- {
			g.write()
		}
		for n := random.IntN(40); n > 0 && len(g.reads) < 500 && !g.full(); n-- {
			g.read(1)
		}
		for g.consume() {
		}
		if random.IntN(50) == 0 {
			time.Sleep(time.Duration(random.IntN(300)) * time.Microsecond)
		}
	}
	select {
	case <-d.finished:
	case <-time.After(time.Minute):
		t.Errorf("%d of %d frames written", g.sent, frames)
	}
	if err := thread.stop(); err != nil {
		t.Error(err)
	}
	t.Logf("%d kicks for %d entries", kicks, g.tail)
}

// Hypercalls and the ring may use a device at once; it sees one at a time.
func TestRingBesideHypercalls(t *testing.T) {
	d := &frameLog{t: t, limit: 1 << 30}
	g, h := newRingModel(t, d)
	thread := newTestThread(t, g, h)
	thread.start(func(error) {}) // stop tells, too
	const args = modelReads + 0x4000
	for range 20000 {
		if !g.full() && len(g.reads) < 1000 {
			g.reads = append(g.reads, modelRead{})
			g.submit(abi.NetRingEntry{Operation: abi.NetRingRead, Handle: 1, Data: modelReads, Len: modelSlot})
		}
		if err := putArgs(h, args, abi.NetArgs{Handle: 1, Data: args + 64, Len: 64}); err != nil {
			t.Fatal(err)
		}
		if _, err := h.hypercall(abi.HypercallNetRead, args); err != nil {
			t.Fatal(err)
		}
		if n := atomic.LoadUint32(&g.shared.ComTail); n != g.head {
			g.reads = g.reads[n-g.head:]
			g.head = n
			atomic.StoreUint32(&g.shared.ComHead, n)
		}
	}
	if err := thread.stop(); err != nil {
		t.Error(err)
	}
}

func putArgs(h *host, gpa uint64, args any) error {
	_, err := binary.Encode(h.mem.bytes[gpa:], binary.LittleEndian, args)
	return err
}

// The thread ends whether it serves, sleeps or has failed, also when stopped
// right after its start.
func TestRingThreadEnds(t *testing.T) {
	for i := range 300 {
		d := &frameLog{t: t}
		g, h := newRingModel(t, d)
		thread := newTestThread(t, g, h)
		var failure error
		var mu sync.Mutex
		if i%3 == 0 {
			g.shared.EntTail = 5000
		}
		thread.start(func(err error) { mu.Lock(); defer mu.Unlock(); failure = err })
		if i%2 == 0 {
			time.Sleep(time.Duration(i) * time.Microsecond)
		}
		err := thread.stop()
		mu.Lock()
		if !errors.Is(err, failure) || err != nil && i%3 != 0 {
			t.Errorf("stop says %v, the thread said %v", err, failure)
		}
		mu.Unlock()
	}
}

// Entries and frames cost no allocation.
func TestRingDoesNotAllocate(t *testing.T) {
	dev, wire := pipe(t)
	h := newFuzzHost(&oddDevice{})
	h.nets[1].dev, h.nets[1].shared = dev, true
	r := &ring{shared: new(abi.NetRing), host: h}
	var buf [100]byte
	n := testing.AllocsPerRun(200, func() {
		for _, operation := range []uint32{abi.NetRingWrite, abi.NetRingRead} {
			r.shared.Entries[r.head%abi.NetRingSlots] = abi.NetRingEntry{Operation: operation, Handle: 1, Data: abi.MinLoadAddr, Len: 60}
			r.shared.EntTail++
			r.shared.ComHead = r.comTail
			if _, err := r.drain(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := wire.Receive(buf[:], 0); err != nil {
			t.Fatal(err)
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}
