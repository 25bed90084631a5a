package flow

import (
	"fmt"

	"tender/guest/net/bounded"
	"tender/guest/net/packet"
)

// MaxCapacity bounds a table.
const MaxCapacity = 1 << 24

// flow is one conversation. Its tuples are keys 2i and 2i+1 of the index:
// those of its beginner's datagrams and of the answers.
type flow struct {
	lastNanos int64
	conn      conn
	answered  bool
}

// Table is the set of flows. It is for one goroutine. Times are nanoseconds
// of a clock that does not go back.
type Table struct {
	flows    []flow
	index    *bounded.Index[packet.Tuple]
	queues   *bounded.Queues
	timeouts [classes]int64
	counters Counters
}

// Counters count flows. Begun = Active + Expired + Evicted + Reused.
type Counters struct {
	Active uint64
	Begun  uint64
	// Expired came to their timeout.
	Expired uint64
	// Evicted made room for another.
	Evicted uint64
	// Reused were closed TCP connections whose ports were taken again.
	Reused uint64
	// Refused could not begin because the table was full of assured flows.
	Refused uint64
}

// New makes a table for capacity flows, about 150 bytes each.
func New(capacity int, timeouts Timeouts) (*Table, error) {
	if capacity < 1 || capacity > MaxCapacity {
		return nil, fmt.Errorf("a flow table of %d flows: the size is 1 to %d", capacity, MaxCapacity)
	}
	return &Table{
		flows:    make([]flow, capacity),
		index:    bounded.NewIndex[packet.Tuple](2 * capacity),
		queues:   bounded.NewQueues(classes, capacity),
		timeouts: timeouts.nanos(),
	}, nil
}

// Match is what Classify found out. It is good for one Commit, before
// anything else happens to the table.
type Match struct {
	State packet.State
	// slot is the flow, or None; with reuse, one that must go first.
	slot    int32
	answer  bool
	reuse   bool
	segment segment
}

// Counters returns a copy.
func (t *Table) Counters() Counters {
	c := t.counters
	c.Active = uint64(len(t.flows) - t.queues.Len(free))
	return c
}

// Classify says what p is to the flows of the table. A LaterFragment is for
// Fragments, not for here.
func (t *Table) Classify(p *packet.Packet, nowNanos int64) Match {
	if p.ICMP != nil && p.ICMP.IsError() {
		return t.classifyError(p, nowNanos)
	}
	m := Match{slot: bounded.None}
	if p.TCP != nil {
		m.segment = segmentOf(p)
	}
	slot, answer := t.find(p.Tuple, nowNanos)
	if slot == bounded.None {
		m.State = beginning(p)
		return m
	}
	f := &t.flows[slot]
	m.slot, m.answer = slot, answer
	if p.TCP != nil {
		switch f.conn.check(answer, &m.segment) {
		case segmentReopens:
			m.State, m.reuse = packet.New, true
			return m
		case segmentInvalid:
			m.State = packet.Invalid
			return m
		}
	}
	m.State = packet.New
	if answer || f.answered {
		m.State = packet.Established
	}
	return m
}

// beginning is the state of a datagram that belongs to no flow.
func beginning(p *packet.Packet) packet.State {
	switch {
	case p.Tuple == p.Tuple.Invert(), !p.Tuple.BeginsFlow():
		return packet.Invalid
	case p.TCP != nil && !opens(p.TCP.Flags()):
		return packet.Invalid
	}
	return packet.New
}

// classifyError accepts an ICMP error that goes back to the sender of a
// datagram which could have been sent on a flow.
func (t *Table) classifyError(p *packet.Packet, nowNanos int64) Match {
	m := Match{State: packet.Invalid, slot: bounded.None}
	if p.Tuple.Dst != p.Quoted.Src {
		return m
	}
	slot, answer := t.find(p.Quoted, nowNanos)
	if slot == bounded.None {
		return m
	}
	if f := &t.flows[slot]; f.conn.tracked && !f.conn.mayQuote(answer, p.QuotedSeq) {
		return m
	}
	m.State = packet.Related
	return m
}

// Commit records a datagram that is being sent. It reports false if the
// datagram would begin a flow and there is no room; it must then be dropped.
func (t *Table) Commit(p *packet.Packet, m Match, nowNanos int64) bool {
	if m.State == packet.Related {
		return true
	}
	if m.reuse {
		t.remove(m.slot)
		t.counters.Reused++
		m.slot = bounded.None
	}
	if m.slot == bounded.None {
		return t.begin(p, &m, nowNanos)
	}
	f := &t.flows[m.slot]
	f.lastNanos = nowNanos
	if f.conn.tracked {
		f.answered = f.answered || m.answer
		t.queues.Move(m.slot, f.conn.update(m.answer, &m.segment))
		return true
	}
	assured := f.answered && !m.answer || t.assured(m.slot)
	f.answered = f.answered || m.answer
	t.queues.Move(m.slot, classOf(p.Tuple, assured))
	return true
}

func (t *Table) assured(slot int32) bool {
	c := t.queues.Of(slot)
	return c == udpAssured || c == otherAssured
}

// begin adds a flow.
func (t *Table) begin(p *packet.Packet, m *Match, nowNanos int64) bool {
	slot := t.room(nowNanos)
	if slot == bounded.None {
		t.counters.Refused++
		return false
	}
	f := &t.flows[slot]
	*f = flow{lastNanos: nowNanos}
	t.index.Insert(2*slot, p.Tuple)
	t.index.Insert(2*slot+1, p.Tuple.Invert())
	c := classOf(p.Tuple, false)
	if p.TCP != nil {
		c = f.conn.update(false, &m.segment)
	}
	t.queues.Move(slot, c)
	t.counters.Begun++
	return true
}

// room returns a free slot, or None. It expires a few flows on the way, so
// that a busy table keeps itself clean.
func (t *Table) room(nowNanos int64) int32 {
	const few = 4
	t.Expire(nowNanos, few)
	if slot := t.queues.First(free); slot != bounded.None {
		return slot
	}
	victim, idlest := bounded.None, int64(0)
	for _, c := range evictable {
		slot := t.queues.First(c)
		if slot != bounded.None && (victim == bounded.None || t.flows[slot].lastNanos < idlest) {
			victim, idlest = slot, t.flows[slot].lastNanos
		}
	}
	if victim != bounded.None {
		t.remove(victim)
		t.counters.Evicted++
	}
	return victim
}

// Expire removes up to limit flows whose time is over, and reports how many.
// It is never needed for right answers: it gives room back early.
func (t *Table) Expire(nowNanos int64, limit int) int {
	n := 0
	for c := free + 1; c < classes; c++ {
		for n < limit {
			slot := t.queues.First(c)
			if slot == bounded.None || !t.expired(slot, nowNanos) {
				break
			}
			t.expire(slot)
			n++
		}
	}
	return n
}

// find returns the flow that has a datagram with this tuple, and whether it is
// an answer.
func (t *Table) find(tuple packet.Tuple, nowNanos int64) (slot int32, answer bool) {
	key := t.index.Find(tuple)
	if key == bounded.None {
		return bounded.None, false
	}
	slot = key >> 1
	if t.expired(slot, nowNanos) {
		t.expire(slot)
		return bounded.None, false
	}
	return slot, key&1 == 1
}

func (t *Table) expired(slot int32, nowNanos int64) bool {
	return nowNanos-t.flows[slot].lastNanos >= t.timeouts[t.queues.Of(slot)]
}

func (t *Table) expire(slot int32) {
	t.remove(slot)
	t.counters.Expired++
}

func (t *Table) remove(slot int32) {
	t.index.Delete(2 * slot)
	t.index.Delete(2*slot + 1)
	t.queues.Move(slot, free)
}
