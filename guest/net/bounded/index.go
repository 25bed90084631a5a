package bounded

import "math/bits"

// Index is a hash table from keys to slot numbers 0 … n-1. Each slot has at
// most one key, each key one slot. The hash is keyed at random, so that an
// adversary who chooses keys cannot make them collide.
type Index[K comparable] struct {
	seed  Seed
	hash  func(*Seed, K) uint64
	heads []int32
	slots []indexSlot[K]
	mask  uint64
}

type indexSlot[K comparable] struct {
	key    K
	next   int32
	bucket int32 // or None: there is no key
}

// NewIndex makes an index for n slots, n from 1 to 1<<30. The low bits of hash
// must depend on all of the key and of the seed.
func NewIndex[K comparable](n int, hash func(*Seed, K) uint64) *Index[K] {
	size := 1 << bits.Len(uint(n-1))
	x := &Index[K]{
		seed:  newSeed(),
		hash:  hash,
		heads: make([]int32, size),
		slots: make([]indexSlot[K], n),
		mask:  uint64(size - 1),
	}
	for i := range x.heads {
		x.heads[i] = None
	}
	for i := range x.slots {
		x.slots[i].bucket = None
	}
	return x
}

// Find returns the slot of key, or None.
func (x *Index[K]) Find(key *K) int32 {
	slot := x.heads[x.hash(&x.seed, *key)&x.mask]
	for slot != None && x.slots[slot].key != *key {
		slot = x.slots[slot].next
	}
	return slot
}

// Key returns the key of a slot, and whether it has one. It is good until the
// slot's key changes.
func (x *Index[K]) Key(slot int32) (*K, bool) {
	s := &x.slots[slot]
	return &s.key, s.bucket != None
}

// Insert gives slot a key. Preconditions: the slot has none, and no other
// slot has this one.
func (x *Index[K]) Insert(slot int32, key *K) {
	b := x.hash(&x.seed, *key) & x.mask
	s := &x.slots[slot]
	s.key, s.next, s.bucket = *key, x.heads[b], int32(b)
	x.heads[b] = slot
}

// Delete takes the key from slot, which may have none.
func (x *Index[K]) Delete(slot int32) {
	s := &x.slots[slot]
	if s.bucket == None {
		return
	}
	link := &x.heads[s.bucket]
	for *link != slot {
		link = &x.slots[*link].next
	}
	*link = s.next
	s.bucket = None
}
