package hvt

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
	"tender/image"
)

// FuzzRing drains a ring that the fuzzer fills. Its input is a list of
// entries, each with the slot it goes to and the two indices the guest
// publishes after it; the devices misbehave as the script says. Nothing but
// writable memory changes, and the tender's indices follow the rules.
func FuzzRing(f *testing.F) {
	const record = 4 + 4 + 32
	entry := func(tail, head uint32, e abi.NetRingEntry) []byte {
		b, err := binary.Append(nil, binary.LittleEndian, []uint32{tail, head})
		if err == nil {
			b, err = binary.Append(b, binary.LittleEndian, e)
		}
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	const at = abi.MinLoadAddr + 0x100
	write := abi.NetRingEntry{Operation: abi.NetRingWrite, Handle: 1, Data: at, Len: 60}
	read := abi.NetRingEntry{Operation: abi.NetRingRead, Handle: 1, Data: at, Len: 1500, ID: 7}
	f.Add(entry(1, 0, write), []byte{6})
	f.Add(append(entry(1, 0, read), entry(2, 1, read)...), []byte{6, 0})
	f.Add(append(entry(1, 0, read), entry(1024, 0, write)...), []byte{3, 2, 6})
	f.Add(entry(1025, 0, write), []byte{})
	f.Add(entry(1<<32-1, 0, write), []byte{})
	f.Add(entry(1, 1, read), []byte{6})
	f.Add(entry(1, 0, abi.NetRingEntry{Operation: abi.NetRingRead, Handle: 1, Data: fuzzSealed - 8, Len: 16}), []byte{6})
	f.Add(entry(1, 0, abi.NetRingEntry{Operation: abi.NetRingRead, Handle: 2, Data: 1 << 63, Len: 16}), []byte{6})
	f.Add(entry(1, 0, abi.NetRingEntry{Operation: abi.NetRingWrite, Handle: 1, Data: 1<<64 - 1, Len: 1<<32 - 1}), []byte{6})
	f.Fuzz(func(t *testing.T, entries, script []byte) {
		h := newFuzzHost(&oddDevice{script: script})
		r := &ring{shared: new(abi.NetRing), host: h}
		for len(entries) >= record {
			r.shared.EntTail = binary.LittleEndian.Uint32(entries)
			r.shared.ComHead = binary.LittleEndian.Uint32(entries[4:])
			if _, err := binary.Decode(entries[8:record], binary.LittleEndian, &r.shared.Entries[r.head%abi.NetRingSlots]); err != nil {
				t.Fatal(err)
			}
			entries = entries[record:]
			before := *r
			served, err := r.drain()
			var g *GuestError
			switch {
			case err == nil && (r.head != r.shared.EntTail || served != (r.head != before.head)):
				t.Fatalf("served %v from %d to %d of %d", served, before.head, r.head, r.shared.EntTail)
			case err == nil && r.comTail != before.comTail && r.comTail-r.shared.ComHead > abi.NetRingSlots:
				t.Fatalf("%d commits wait", r.comTail-r.shared.ComHead)
			case err != nil && !errors.As(err, &g):
				t.Fatalf("the host failed: %v", err)
			case r.head-before.head > abi.NetRingSlots || r.comTail-before.comTail > r.head-before.head:
				t.Fatalf("%d entries served, %d commits", r.head-before.head, r.comTail-before.comTail)
			}
			if err != nil {
				break
			}
		}
		for _, r := range []image.Range{{Start: 0, End: abi.MinLoadAddr}, h.mem.sealed[0]} {
			if b := h.mem.bytes[r.Start:r.End]; !bytes.Equal(b, zeros[:len(b)]) {
				t.Fatalf("memory %#x..%#x was written", r.Start, r.End)
			}
		}
	})
}

// A guest that scribbles over the ring while it is served meets the same
// checks: each field is looked at once. The memory is not Go's, as that of a
// real guest.
func TestRingScribbled(t *testing.T) {
	memory, err := unix.Mmap(-1, 0, abi.NetRingReserve, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	h := newFuzzHost(&oddDevice{script: bytes.Repeat([]byte{6, 0, 5, 3}, 1<<20)})
	shared := sharedRing(memory)
	var stop atomic.Bool
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		random := rand.New(rand.NewPCG(3, 4))
		good := []uint64{abi.MinLoadAddr + 0x100, 1 << 60, fuzzSealed, fuzzMem - 10}
		for !stop.Load() {
			e := &shared.Entries[random.IntN(abi.NetRingSlots)]
			e.Operation, e.Handle = random.Uint32N(4), random.Uint32N(3)
			e.Data, e.Len = good[random.IntN(len(good))], random.Uint32N(200)
			atomic.AddUint32(&shared.EntTail, random.Uint32N(3))
			atomic.StoreUint32(&shared.ComHead, atomic.LoadUint32(&shared.ComTail))
			shared.NeedsKick, shared.EntHead = random.Uint32(), random.Uint32()
		}
	}()
	breaches := 0
	for deadline := time.Now().Add(500 * time.Millisecond); time.Now().Before(deadline); {
		head := atomic.LoadUint32(&shared.EntTail)
		r := &ring{shared: shared, host: h, head: head, comTail: atomic.LoadUint32(&shared.ComTail)}
		for range 100 {
			if _, err := r.drain(); err != nil {
				var g *GuestError
				if !errors.As(err, &g) {
					t.Error(err)
				}
				breaches++
				break
			}
		}
	}
	stop.Store(true)
	<-ended
	t.Logf("%d breaches", breaches)
	if b := h.mem.bytes[:abi.MinLoadAddr]; !bytes.Equal(b, zeros[:]) {
		t.Error("low memory was written")
	}
	if b := h.mem.bytes[fuzzSealed : fuzzSealed+abi.PageSize]; !bytes.Equal(b, zeros[:len(b)]) {
		t.Error("sealed memory was written")
	}
	if err := unix.Munmap(memory); err != nil {
		t.Error(err)
	}
}
