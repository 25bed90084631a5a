package block

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// history is what a program has tried to store, and what of it must be there
// after a crash. Records are by number.
type history struct {
	tried map[uint64][][]byte
	sure  map[uint64][]byte
	// acked by Append, but not on stable storage.
	acked map[uint64][]byte
}

// check compares with what a store holds after a crash, which then is sure.
func (h *history) check(t *testing.T, s *Store) {
	t.Helper()
	for n, want := range h.sure {
		if got, err := s.Read(nil, n); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("record %d: %d bytes, %v; %d were stored", n, len(got), err, len(want))
		}
	}
	_, last := s.Range()
	found := map[uint64][]byte{}
	for n := max(last, uint64(s.Slots())) - uint64(s.Slots()) + 1; n <= last; n++ {
		got, err := s.Read(nil, n)
		if errors.Is(err, ErrNoRecord) {
			continue
		}
		if err != nil || !slices.ContainsFunc(h.tried[n], func(p []byte) bool { return bytes.Equal(p, got) }) {
			t.Fatalf("record %d of %d is none that was stored: %d bytes, %v", n, last, len(got), err)
		}
		found[n] = got
	}
	h.sure, h.acked = found, map[uint64][]byte{}
}

// After any number of crashes at any point, a store holds what it promises.
func TestCrashes(t *testing.T) {
	runs := 300
	if testing.Short() {
		runs = 50
	}
	for _, c := range []struct {
		name   string
		synced bool
		power  bool // lost; otherwise the tender is killed
	}{
		{"kill", false, false},
		{"kill, synced", true, false},
		{"power", false, true},
		{"power, synced", true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range runs {
				crashes(t, rand.New(rand.NewPCG(uint64(seed), 7)), c.synced, c.power)
			}
		})
	}
}

func crashes(t *testing.T, r *rand.Rand, synced, power bool) {
	t.Helper()
	size := []int{512, 1024, 4096}[r.IntN(3)]
	slots := 2 + r.IntN(5)
	record := r.IntN(3 * size)
	d := newDisk(size, size*(1+slots*5))
	d.rand, d.synced = r, synced
	if r.IntN(2) == 0 {
		copy(d.cache, noise(r, len(d.cache))) // what the device held before
		copy(d.stable, d.cache)
	}
	check(t, Format(d, record, slots))
	d.sync()
	h := history{tried: map[uint64][][]byte{}}
	for range 4 { // boots
		s := open(t, d)
		h.check(t, s)
		d.left = r.IntN(3 * slots * int(s.slotBytes) / size)
		h.append(t, d, s, power)
		if power {
			d = d.unplugged()
		} else {
			d = d.killed()
		}
	}
}

func noise(r *rand.Rand, n int) []byte {
	var p []byte
	for len(p) < n {
		p = binary.LittleEndian.AppendUint64(p, r.Uint64())
	}
	return p[:n]
}

// append stores records until the crash.
func (h *history) append(t *testing.T, d *disk, s *Store, power bool) {
	t.Helper()
	for _, n := s.Range(); ; {
		p := noise(d.rand, d.rand.IntN(s.RecordBytes()+1))
		n++
		h.tried[n] = append(h.tried[n], p)
		if taken := n - uint64(s.Slots()); n > taken {
			delete(h.sure, taken)
			delete(h.acked, taken)
		}
		got, err := s.Append(p)
		if errors.Is(err, errCrashed) {
			return
		}
		if err != nil || got != n {
			t.Fatalf("append: %d, %v; want %d", got, err, n)
		}
		h.acked[n] = p
		if !power || d.synced || d.rand.IntN(4) == 0 {
			if power {
				d.sync()
			}
			maps.Copy(h.sure, h.acked)
			clear(h.acked)
		}
	}
}

// A crash while a store is made leaves the device as it was, or a store: as
// far as a disk writes its sectors at once.
func TestCrashInFormat(t *testing.T) {
	for seed := range uint64(500) {
		d := newDisk(4096, 1<<16)
		d.rand = rand.New(rand.NewPCG(seed, 9))
		d.synced = seed%2 == 0
		check(t, Format(d, 100, 4))
		for i := range d.dirty { // whole sectors only
			if d.rand.IntN(2) == 0 {
				copy(d.stable[d.dirty[i].off:], d.dirty[i].data)
			}
		}
		copy(d.cache, d.stable)
		s, err := Open(d)
		if err == nil {
			mustHold(t, s, 0, 0)
		} else if d.synced || !errors.Is(err, ErrBlank) {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}
