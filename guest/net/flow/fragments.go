package flow

import (
	"time"

	"tender/guest/net/bounded"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// Fragments remembers which fragmented datagrams a filter has accepted. Only
// a first fragment shows ports, so it is judged like a whole datagram, and
// later fragments follow it or are dropped: one that comes before its first, or
// without it, or that would overwrite any of what was judged (RFC 1858, RFC
// 3128), never passes. Nothing is reassembled or held back. Where the first
// fragment was translated, the others are.
//
// The table is bounded; when it is full the oldest datagram is forgotten.
type Fragments struct {
	accepted []acceptedFragment
	index    *bounded.Index[fragmentKey]
	queues   *bounded.Queues
}

type fragmentKey struct {
	src, dst wire.Addr
	id       uint32
	proto    uint16
	in       uint16
}

type acceptedFragment struct {
	nanos    int64
	end      int // of the first fragment's payload
	src, dst wire.Addr
}

// fragmentLifetime is how long after the first fragment others may come.
const fragmentLifetime = int64(30 * time.Second)

const (
	fragmentsFree = iota
	fragmentsAccepted
)

// NewFragments makes a table for the given number of datagrams.
func NewFragments(capacity int) *Fragments {
	return &Fragments{
		accepted: make([]acceptedFragment, capacity),
		index:    bounded.NewIndex(capacity, hashFragment),
		queues:   bounded.NewQueues(2, capacity),
	}
}

// Accept records that a FirstFragment is being sent, with its addresses as
// they are now.
func (t *Fragments) Accept(p *packet.Packet, nowNanos int64) {
	key := keyOf(p)
	slot := t.index.Find(&key)
	if slot == bounded.None {
		if slot = t.queues.First(fragmentsFree); slot == bounded.None {
			slot = t.queues.First(fragmentsAccepted)
			t.index.Delete(slot)
		}
		t.index.Insert(slot, &key)
	}
	_, length, _ := p.FragmentAt()
	t.accepted[slot] = acceptedFragment{nanos: nowNanos, end: length, src: p.Tuple.Src, dst: p.Tuple.Dst}
	t.queues.Move(slot, fragmentsAccepted)
}

// Refuse records that a FirstFragment is being dropped, so that what follows
// it cannot pass as part of an earlier datagram with the same number.
func (t *Fragments) Refuse(p *packet.Packet) {
	key := keyOf(p)
	if slot := t.index.Find(&key); slot != bounded.None {
		t.index.Delete(slot)
		t.queues.Move(slot, fragmentsFree)
	}
}

// Allows reports whether a LaterFragment belongs to an accepted datagram and
// lies behind its first fragment, and makes that one's destination its
// Target.
func (t *Fragments) Allows(p *packet.Packet, nowNanos int64) bool {
	key := keyOf(p)
	slot := t.index.Find(&key)
	if slot == bounded.None {
		return false
	}
	a := &t.accepted[slot]
	offset, _, _ := p.FragmentAt()
	if nowNanos-a.nanos >= fragmentLifetime || offset < a.end {
		return false
	}
	p.Known, p.Translated, p.Target = true, true, p.Tuple
	p.Target.Src, p.Target.Dst = a.src, a.dst
	return true
}

func keyOf(p *packet.Packet) fragmentKey {
	_, _, id := p.FragmentAt()
	return fragmentKey{p.Original.Src, p.Original.Dst, id, p.Original.Proto, uint16(p.In)}
}

func hashFragment(s *bounded.Seed, k fragmentKey) uint64 {
	return s.Hash5(k.src.Lo, k.dst.Lo, k.src.Hi, k.dst.Hi, uint64(k.id)<<32|uint64(k.proto)<<16|uint64(k.in))
}
