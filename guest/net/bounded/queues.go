package bounded

// Queues is a set of first-in first-out queues over slot numbers 0 … n-1.
// Each slot is in exactly one queue at a time. Every operation takes constant
// time.
type Queues struct {
	heads []queue
	links []link
}

type queue struct{ first, last, length int32 }

type link struct{ prev, next, queue int32 }

// NewQueues makes queues 0 … queues-1 over n slots, all of them in queue 0 in
// order.
func NewQueues(queues, n int) *Queues {
	q := &Queues{heads: make([]queue, queues), links: make([]link, n)}
	for i := range q.heads {
		q.heads[i] = queue{None, None, 0}
	}
	for slot := range q.links {
		q.append(int32(slot), 0)
	}
	return q
}

// First is the slot that has been in the queue for longest, or None.
func (q *Queues) First(queue int) int32 { return q.heads[queue].first }

// Next is the slot after slot in its queue, or None.
func (q *Queues) Next(slot int32) int32 { return q.links[slot].next }

// Len is the number of slots in a queue.
func (q *Queues) Len(queue int) int { return int(q.heads[queue].length) }

// Of is the queue that slot is in.
func (q *Queues) Of(slot int32) int { return int(q.links[slot].queue) }

// Move puts slot at the end of a queue, which may be the one it is in.
func (q *Queues) Move(slot int32, queue int) {
	l := &q.links[slot]
	if l.next == None && l.queue == int32(queue) {
		return
	}
	h := &q.heads[l.queue]
	if l.prev == None {
		h.first = l.next
	} else {
		q.links[l.prev].next = l.next
	}
	if l.next == None {
		h.last = l.prev
	} else {
		q.links[l.next].prev = l.prev
	}
	h.length--
	q.append(slot, int32(queue))
}

func (q *Queues) append(slot, queue int32) {
	h := &q.heads[queue]
	q.links[slot] = link{prev: h.last, next: None, queue: queue}
	if h.last == None {
		h.first = slot
	} else {
		q.links[h.last].next = slot
	}
	h.last = slot
	h.length++
}
