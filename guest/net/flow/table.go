package flow

import (
	"fmt"
	"math/rand/v2"

	"tender/guest/net/bounded"
	"tender/guest/net/packet"
)

// MaxCapacity bounds a table.
const MaxCapacity = 1 << 24

// Owners is how many owners flows can have; 0 is nobody.
const Owners = 256

// Config is what a table is made from.
type Config struct {
	// Capacity is how many flows there can be, about 200 bytes each.
	Capacity int
	Timeouts Timeouts
	// StatelessTCP takes TCP for a protocol with ports and nothing more: any
	// segment begins a flow, and none is invalid.
	StatelessTCP bool
	// Ports are those that translations choose from; zero stands for
	// DefaultPorts.
	Ports Ports
}

// flow is one conversation. Its tuples are keys 2i and 2i+1 of the index:
// those that its beginner's datagrams and the answers come in with. Where the
// flow is translated, neither is the inverse of the other.
type flow struct {
	lastNanos  int64
	conn       conn
	answered   bool
	translated bool
	owner      uint8
}

// Table is the set of flows. It is for one goroutine. Times are nanoseconds
// of a clock that does not go back.
type Table struct {
	flows     []flow
	index     *bounded.Index[packet.Tuple]
	queues    *bounded.Queues
	timeouts  [classes]int64
	stateless bool
	owned     [Owners]int
	counters  Counters
	ports     Ports
	rand      *rand.PCG
}

// Counters count flows. Begun = Active + Expired + Evicted + Reused + Forgotten.
type Counters struct {
	Active uint64
	Begun  uint64
	// Expired came to their timeout.
	Expired uint64
	// Evicted made room for another.
	Evicted uint64
	// Reused were closed TCP connections whose ports were taken again.
	Reused uint64
	// Forgotten were removed by Forget.
	Forgotten uint64
	// Refused could not begin because the table was full of assured flows.
	Refused uint64
	// PortsExhausted could not begin because a translation found no port.
	PortsExhausted uint64
}

// New makes a table, and all the memory it will ever use.
func New(c Config) (*Table, error) {
	if c.Capacity < 1 || c.Capacity > MaxCapacity {
		return nil, fmt.Errorf("a flow table of %d flows: the size is 1 to %d", c.Capacity, MaxCapacity)
	}
	if c.Ports == (Ports{}) {
		c.Ports = DefaultPorts
	}
	if c.Ports.First == 0 || c.Ports.First > c.Ports.Last {
		return nil, fmt.Errorf("ports %d to %d for translation: the first must be above 0 and not above the last", c.Ports.First, c.Ports.Last)
	}
	return &Table{
		flows:     make([]flow, c.Capacity),
		index:     bounded.NewIndex(2*c.Capacity, packet.HashTuple),
		queues:    bounded.NewQueues(classes, c.Capacity),
		timeouts:  c.Timeouts.nanos(),
		stateless: c.StatelessTCP,
		ports:     c.Ports,
		rand:      newRand(),
	}, nil
}

// Counters returns a copy.
func (t *Table) Counters() Counters {
	c := t.counters
	c.Active = uint64(len(t.flows) - t.queues.Len(free))
	return c
}

// Capacity is the number of flows there can be.
func (t *Table) Capacity() int { return len(t.flows) }

// Commit records a datagram that is being sent, after all translation. It may
// give the first datagram of a flow another source port, to tell the answers
// from those of other flows. It reports false if the datagram would begin a
// flow and there is no room, or no such port; it must then be dropped. A new
// flow belongs to owner.
func (t *Table) Commit(p *packet.Packet, m Match, owner uint8, nowNanos int64) bool {
	if m.State == packet.Related {
		return true
	}
	if m.reuse {
		t.remove(m.slot)
		t.counters.Reused++
		m.slot = bounded.None
	}
	if m.slot == bounded.None {
		return t.begin(p, &m, owner, nowNanos)
	}
	f := &t.flows[m.slot]
	f.lastNanos = nowNanos
	if f.conn.tracked {
		f.answered = f.answered || m.answer
		t.move(m.slot, f.conn.update(m.answer, &m.segment))
		return true
	}
	stage := confirmed
	switch {
	case f.answered && !m.answer || t.queues.Of(m.slot) >= established:
		stage = established
	case !f.answered && !m.answer:
		stage = unconfirmed
	}
	f.answered = f.answered || m.answer
	t.move(m.slot, stage+kindOf(&p.Tuple))
	return true
}

// begin adds a flow.
func (t *Table) begin(p *packet.Packet, m *Match, owner uint8, nowNanos int64) bool {
	if !t.distinguish(p, nowNanos) {
		t.counters.PortsExhausted++
		return false
	}
	slot := t.room(nowNanos)
	if slot == bounded.None {
		t.counters.Refused++
		return false
	}
	f := &t.flows[slot]
	*f = flow{lastNanos: nowNanos, owner: owner}
	answers := p.Tuple.Invert()
	f.translated = p.Tuple != p.Original
	t.index.Insert(2*slot, &p.Original)
	t.index.Insert(2*slot+1, &answers)
	c := unconfirmed + kindOf(&p.Tuple)
	if p.TCP != nil && !t.stateless {
		c = f.conn.update(false, &m.segment)
	}
	t.owned[owner]++
	t.move(slot, c)
	t.counters.Begun++
	return true
}

// move puts a flow into a class. The owner has it no longer once it is closed.
func (t *Table) move(slot int32, c class) {
	if was := t.queues.Of(slot); (was == tcpClosed) != (c == tcpClosed) {
		if c == tcpClosed {
			t.owned[t.flows[slot].owner]--
		} else if was != free {
			t.owned[t.flows[slot].owner]++
		}
	}
	t.queues.Move(slot, c)
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
func (t *Table) find(tuple *packet.Tuple, nowNanos int64) (slot int32, answer bool) {
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
	if t.queues.Of(slot) != tcpClosed {
		t.owned[t.flows[slot].owner]--
	}
	t.queues.Move(slot, free)
}
