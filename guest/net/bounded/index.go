package bounded

import (
	"hash/maphash"
	"math/bits"
)

// Index is a hash table from keys to slot numbers 0 … n-1. Each slot has at
// most one key, each key one slot. The hash is keyed at random, so that an
// adversary who chooses keys cannot make them collide.
//
// K should have no padding and no pointers; it is then hashed as one piece of
// memory.
type Index[K comparable] struct {
	seed  maphash.Seed
	heads []int32
	slots []indexSlot[K]
	mask  uint64
}

type indexSlot[K comparable] struct {
	key  K
	next int32
	used bool
}

// NewIndex makes an index for n slots, n from 1 to 1<<30.
func NewIndex[K comparable](n int) *Index[K] {
	size := 1 << bits.Len(uint(n-1))
	x := &Index[K]{
		seed:  maphash.MakeSeed(),
		heads: make([]int32, size),
		slots: make([]indexSlot[K], n),
		mask:  uint64(size - 1),
	}
	for i := range x.heads {
		x.heads[i] = None
	}
	return x
}

// Find returns the slot of key, or None.
func (x *Index[K]) Find(key K) int32 {
	slot := x.heads[x.bucket(key)]
	for slot != None && x.slots[slot].key != key {
		slot = x.slots[slot].next
	}
	return slot
}

// Key returns the key of a slot, and whether it has one.
func (x *Index[K]) Key(slot int32) (K, bool) { return x.slots[slot].key, x.slots[slot].used }

// Insert gives slot a key. Preconditions: the slot has none, and no other
// slot has this one.
func (x *Index[K]) Insert(slot int32, key K) {
	b := x.bucket(key)
	x.slots[slot] = indexSlot[K]{key: key, next: x.heads[b], used: true}
	x.heads[b] = slot
}

// Delete takes the key from slot, which may have none.
func (x *Index[K]) Delete(slot int32) {
	s := &x.slots[slot]
	if !s.used {
		return
	}
	link := &x.heads[x.bucket(s.key)]
	for *link != slot {
		link = &x.slots[*link].next
	}
	*link = s.next
	*s = indexSlot[K]{}
}

func (x *Index[K]) bucket(key K) uint64 { return maphash.Comparable(x.seed, key) & x.mask }
