package balance

import (
	"time"

	"tender/guest/net/bounded"
	"tender/guest/net/packet"
)

// MaxFrame is the length of the longest frame that can wait: a first segment
// with all options, no data worth mentioning, and the longest headers.
const MaxFrame = 14 + 60 + 60 + 26

// patience is how long a connection waits; clients give up at about that time.
const patience = int64(60 * time.Second)

// queue holds first segments in the order they came.
type queue struct {
	waiting []waiting
	index   *bounded.Index[packet.Tuple]
	queues  *bounded.Queues
}

type waiting struct {
	frame      [MaxFrame]byte
	length     int
	sinceNanos int64
}

const (
	queueFree = iota
	queueWaiting
)

func newQueue(n int) queue {
	if n == 0 {
		return queue{}
	}
	return queue{make([]waiting, n), bounded.NewIndex(n, packet.HashTuple), bounded.NewQueues(2, n)}
}

func (q *queue) len() int {
	if q.waiting == nil {
		return 0
	}
	return q.queues.Len(queueWaiting)
}

// first is the slot that has waited for longest, or None.
func (q *queue) first() int32 {
	if q.waiting == nil {
		return bounded.None
	}
	return q.queues.First(queueWaiting)
}

func (q *queue) remove(slot int32) []byte {
	q.index.Delete(slot)
	q.queues.Move(slot, queueFree)
	w := &q.waiting[slot]
	return w.frame[:w.length]
}

func (q *queue) deadline() int64 {
	slot := q.first()
	if slot == bounded.None {
		return Never
	}
	return q.waiting[slot].sinceNanos + patience
}

// Waiting is how many connections wait.
func (b *Balancer) Waiting() int { return b.waiting.len() }

// Waits reports whether the connection with this tuple waits already.
func (b *Balancer) Waits(t packet.Tuple) bool {
	q := &b.waiting
	return q.waiting != nil && q.index.Find(&t) != bounded.None
}

// Hold copies the first segment of a connection, to be returned by Release. It
// reports false if there is no place. Precondition: not Waits(t).
func (b *Balancer) Hold(t packet.Tuple, frame []byte, nowNanos int64) bool {
	q := &b.waiting
	if q.len() == len(q.waiting) || len(frame) > MaxFrame {
		b.counters.Refused++
		return false
	}
	slot := q.queues.First(queueFree)
	w := &q.waiting[slot]
	w.length, w.sinceNanos = copy(w.frame[:], frame), nowNanos
	q.index.Insert(slot, &t)
	q.queues.Move(slot, queueWaiting)
	return true
}

// Release returns the segment that has waited for longest, or nil. It is good
// until the next Hold. Precondition: HasRoom.
func (b *Balancer) Release() []byte {
	slot := b.waiting.first()
	if slot == bounded.None {
		return nil
	}
	b.counters.Waited++
	return b.waiting.remove(slot)
}

// Expire returns a segment that has waited in vain, or nil.
func (b *Balancer) Expire(nowNanos int64) []byte {
	slot := b.waiting.first()
	if slot == bounded.None || nowNanos < b.waiting.waiting[slot].sinceNanos+patience {
		return nil
	}
	b.counters.Expired++
	return b.waiting.remove(slot)
}
