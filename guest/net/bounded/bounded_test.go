package bounded

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestIndexModel runs random operations on an Index and on a map.
func TestIndexModel(t *testing.T) {
	const slots = 100
	x := NewIndex(slots, func(s *Seed, k uint32) uint64 { return s.Hash2(uint64(k), 0) })
	model := map[uint32]int32{}
	owner := map[int32]uint32{}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100000 {
		key, slot := rng.Uint32N(200), rng.Int32N(slots)
		want, found := model[key]
		if !found {
			want = None
		}
		if got := x.Find(&key); got != want {
			t.Fatalf("Find(%d) = %d, want %d", key, got, want)
		}
		if old, used := owner[slot]; used {
			if k, ok := x.Key(slot); !ok || *k != old {
				t.Fatalf("Key(%d) = %d %v, want %d", slot, *k, ok, old)
			}
			x.Delete(slot)
			delete(owner, slot)
			delete(model, old)
		} else if !found {
			x.Insert(slot, &key)
			owner[slot], model[key] = key, slot
		} else {
			x.Delete(slot) // has no key: nothing happens
		}
	}
}

// TestQueuesModel runs random moves on Queues and on slices.
func TestQueuesModel(t *testing.T) {
	const slots, queues = 20, 4
	q := NewQueues(queues, slots)
	model := make([][]int32, queues)
	for i := range int32(slots) {
		model[0] = append(model[0], i)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		slot, to := rng.Int32N(slots), rng.IntN(queues)
		q.Move(slot, to)
		for i := range model {
			if at := slices.Index(model[i], slot); at >= 0 {
				model[i] = slices.Delete(model[i], at, at+1)
				break
			}
		}
		model[to] = append(model[to], slot)
		for i := range model {
			var got []int32
			for s := q.First(i); s != None; s = q.Next(s) {
				got = append(got, s)
				if q.Of(s) != i {
					t.Fatalf("slot %d says queue %d, is in %d", s, q.Of(s), i)
				}
			}
			if !slices.Equal(got, model[i]) || q.Len(i) != len(got) {
				t.Fatalf("queue %d = %v (len %d), want %v", i, got, q.Len(i), model[i])
			}
		}
	}
}

type key struct{ a, b, c, d uint32 }

func hashKey(s *Seed, k key) uint64 {
	return s.Hash2(uint64(k.a)<<32|uint64(k.b), uint64(k.c)<<32|uint64(k.d))
}

func TestNoAllocation(t *testing.T) {
	x, q := NewIndex(64, hashKey), NewQueues(2, 64)
	n := uint32(0)
	if got := testing.AllocsPerRun(1000, func() {
		slot := q.First(0)
		x.Delete(slot)
		x.Insert(slot, &key{n, n, n, n})
		q.Move(slot, 0)
		x.Find(&key{n, 0, 0, 0})
		n++
	}); got != 0 {
		t.Errorf("%v allocations per operation, want 0", got)
	}
}

func BenchmarkIndexFind(b *testing.B) {
	x := NewIndex(1<<12, hashKey)
	for i := range int32(1 << 12) {
		x.Insert(i, &key{uint32(i), 1, 2, 3})
	}
	i := uint32(0)
	for b.Loop() {
		i = (i + 1) & (1<<12 - 1)
		x.Find(&key{i, 1, 2, 3})
	}
}

// TestHashSpreads counts how many of many similar keys share a bucket: about
// as many as if chance had placed them.
func TestHashSpreads(t *testing.T) {
	const buckets = 1 << 14
	for name, hash := range map[string]func(s *Seed, i uint64) uint64{
		"low bits of a word":    func(s *Seed, i uint64) uint64 { return s.Hash5(0, 0xffff0a000001, 0, 0xffff0a000000+i, 6) },
		"other word":            func(s *Seed, i uint64) uint64 { return s.Hash5(0, 0xffff0a000000+i, 0, 0xffff0a000001, 6) },
		"ports":                 func(s *Seed, i uint64) uint64 { return s.Hash5(0, 1, 0, 2, i) },
		"high ports":            func(s *Seed, i uint64) uint64 { return s.Hash5(0, 1, 0, 2, i<<48) },
		"high word":             func(s *Seed, i uint64) uint64 { return s.Hash5(i<<32, 1, 0, 2, 0) },
		"both addresses":        func(s *Seed, i uint64) uint64 { return s.Hash5(0, i, 0, i, 0) },
		"address and port":      func(s *Seed, i uint64) uint64 { return s.Hash5(0, i&127, 0, 5, i>>7) },
		"two words":             func(s *Seed, i uint64) uint64 { return s.Hash2(0, i) },
		"two words, first high": func(s *Seed, i uint64) uint64 { return s.Hash2(i<<40, 0) },
	} {
		s := newSeed()
		used := map[uint64]bool{}
		for i := range uint64(buckets) {
			used[hash(&s, i)%buckets] = true
		}
		// Chance leaves 1/e of the buckets empty.
		if share := float64(len(used)) / buckets; share < 0.60 {
			t.Errorf("%s: %.2f of the buckets are used, want 0.63", name, share)
		}
	}
}
