package bounded

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestIndexModel runs random operations on an Index and on a map.
func TestIndexModel(t *testing.T) {
	const slots = 100
	x := NewIndex[uint32](slots)
	model := map[uint32]int32{}
	owner := map[int32]uint32{}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100000 {
		key, slot := rng.Uint32N(200), rng.Int32N(slots)
		want, found := model[key]
		if !found {
			want = None
		}
		if got := x.Find(key); got != want {
			t.Fatalf("Find(%d) = %d, want %d", key, got, want)
		}
		if old, used := owner[slot]; used {
			if k, ok := x.Key(slot); !ok || k != old {
				t.Fatalf("Key(%d) = %d %v, want %d", slot, k, ok, old)
			}
			x.Delete(slot)
			delete(owner, slot)
			delete(model, old)
		} else if !found {
			x.Insert(slot, key)
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

func TestNoAllocation(t *testing.T) {
	type key struct{ a, b, c, d uint32 }
	x, q := NewIndex[key](64), NewQueues(2, 64)
	n := uint32(0)
	if got := testing.AllocsPerRun(1000, func() {
		slot := q.First(0)
		x.Delete(slot)
		x.Insert(slot, key{n, n, n, n})
		q.Move(slot, 0)
		x.Find(key{n, 0, 0, 0})
		n++
	}); got != 0 {
		t.Errorf("%v allocations per operation, want 0", got)
	}
}

func BenchmarkIndexFind(b *testing.B) {
	type key struct{ a, b, c, d uint32 }
	x := NewIndex[key](1 << 12)
	for i := range int32(1 << 12) {
		x.Insert(i, key{uint32(i), 1, 2, 3})
	}
	i := uint32(0)
	for b.Loop() {
		i = (i + 1) & (1<<12 - 1)
		x.Find(key{i, 1, 2, 3})
	}
}
