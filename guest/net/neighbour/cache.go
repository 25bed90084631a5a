// Package neighbour knows the Ethernet addresses of neighbours, and has them
// asked for: by ARP (RFC 826, with the queueing and timeouts of RFC 1122
// §2.3.2) and neighbour discovery (RFC 4861), which differ only in their
// messages.
//
// The cache holds only neighbours that frames are sent to: an entry begins with
// our own request, never with somebody else's message. A known address
// changes only after it was asked for again and its old owner kept silent
// for a second. So unasked messages, gratuitous ones included, can make the
// cache ask and nothing more, while a real move still takes effect within
// two seconds of being announced.
package neighbour

import (
	"fmt"
	"math"
	"time"

	"tender/guest/net/bounded"
	"tender/guest/net/wire"
)

// Times of the protocol.
const (
	// RequestInterval is the time between requests for one neighbour.
	RequestInterval = time.Second
	// Requests is how many go without an answer before giving up.
	Requests = 3
	// ReachableTime is how long an answer is good for.
	ReachableTime = time.Minute
	// settled is how long a confirmed neighbour cannot be called in question.
	settled = 5 * time.Second
)

// PerNeighbour is how many frames wait for one neighbour; one more displaces
// the oldest.
const PerNeighbour = 4

// Never is the deadline of a cache with nothing to wait for.
const Never int64 = math.MaxInt64

// Reason says why a waiting frame was given up.
type Reason uint8

// Reasons.
const (
	// Unanswered: the neighbour did not answer.
	Unanswered Reason = iota
	// Displaced: a newer frame, or another neighbour, took its place.
	Displaced
)

// Link is what a cache needs of its interface. The methods are called from
// within those of the cache, and must not call it back.
type Link interface {
	// SendRequest asks the link for the Ethernet address of target.
	SendRequest(target wire.Addr)
	// Resolved hands over a frame that Hold took. It is valid during the call
	// and may be changed; tag is that given to Hold.
	Resolved(frame []byte, tag int, mac wire.MAC)
	// GaveUp hands over a frame that will not be sent.
	GaveUp(frame []byte, tag int, why Reason)
}

// Config are the bounds of a cache.
type Config struct {
	// Neighbours is the number of entries; at most half of them wait for an
	// answer, so that a scan of absent addresses leaves the others alone.
	Neighbours int
	// Waiting is the number of frames that wait, for all neighbours together.
	Waiting int
	// FrameBytes is the size of the longest frame.
	FrameBytes int
}

// Cache is the neighbours of one interface. It is for one goroutine. Times are
// nanoseconds of a clock that does not go back.
type Cache struct {
	link    Link
	entries []entry
	index   *bounded.Index[wire.Addr]
	states  *bounded.Queues
	frames  []waiting
	queues  *bounded.Queues // of frames: 0 is free, slot+1 waits for an entry
}

type entry struct {
	addr       wire.Addr
	mac        wire.MAC
	candidate  wire.MAC // answered while mac was in question
	tries      uint8
	used       bool  // since it was last confirmed
	sinceNanos int64 // last request, or last confirmation
}

type waiting struct {
	buffer []byte
	length int
	tag    int
}

// States of an entry, in queues by sinceNanos.
const (
	free = iota
	incomplete
	probing // as reachable, and asked for again
	reachable
	states
)

const framesFree = 0

// New makes a cache.
func New(c Config, link Link) (*Cache, error) {
	const most = 1 << 16
	if c.Neighbours < 2 || c.Neighbours > most || c.Waiting < 1 || c.Waiting > most || c.FrameBytes < wire.EthernetLen || c.FrameBytes > most {
		return nil, fmt.Errorf("neighbour cache of %d neighbours and %d frames of %d bytes: the bounds are 2, 1 and %d to %d",
			c.Neighbours, c.Waiting, c.FrameBytes, wire.EthernetLen, most)
	}
	cache := &Cache{
		link:    link,
		entries: make([]entry, c.Neighbours),
		index:   bounded.NewIndex(c.Neighbours, hashAddr),
		states:  bounded.NewQueues(states, c.Neighbours),
		frames:  make([]waiting, c.Waiting),
		queues:  bounded.NewQueues(c.Neighbours+1, c.Waiting),
	}
	for i := range cache.frames {
		cache.frames[i].buffer = make([]byte, c.FrameBytes)
	}
	return cache, nil
}

func hashAddr(s *bounded.Seed, a wire.Addr) uint64 { return s.Hash2(a.Hi, a.Lo) }

// Lookup returns the address to send to, if it is known.
func (c *Cache) Lookup(addr wire.Addr) (wire.MAC, bool) {
	slot := c.index.Find(&addr)
	if slot == bounded.None || c.states.Of(slot) == incomplete {
		return wire.MAC{}, false
	}
	e := &c.entries[slot]
	e.used = true
	return e.mac, true
}

// Hold copies a frame to be sent to a neighbour that Lookup does not know, and
// asks for the neighbour. It reports false if there is no place for the
// frame. Precondition: Lookup(addr) failed; the frame is no longer than
// FrameBytes.
func (c *Cache) Hold(addr wire.Addr, frame []byte, tag int, nowNanos int64) bool {
	slot := c.index.Find(&addr)
	asked := slot != bounded.None
	if !asked {
		slot = c.begin(addr, nowNanos)
	}
	queue := int(slot) + 1
	if c.queues.Len(queue) == PerNeighbour {
		oldest := c.queues.First(queue)
		c.giveUp(oldest, Displaced)
	}
	f := c.queues.First(framesFree)
	if f != bounded.None {
		w := &c.frames[f]
		w.length, w.tag = copy(w.buffer, frame), tag
		c.queues.Move(f, queue)
	}
	if !asked {
		c.link.SendRequest(addr)
	}
	return f != bounded.None
}

// begin takes an entry for a neighbour to be asked for.
func (c *Cache) begin(addr wire.Addr, nowNanos int64) int32 {
	slot := c.states.First(free)
	switch {
	case c.states.Len(incomplete) >= len(c.entries)/2:
		slot = c.states.First(incomplete)
	case slot != bounded.None:
	case c.states.Len(reachable) > 0:
		slot = c.states.First(reachable)
	default:
		slot = c.states.First(probing)
	}
	c.remove(slot, Displaced)
	c.entries[slot] = entry{addr: addr, tries: 1, sinceNanos: nowNanos}
	c.index.Insert(slot, &addr)
	c.states.Move(slot, incomplete)
	return slot
}

// Heard takes note of a message, asked for or not, that says addr is at
// mac. The caller has checked that both can be a neighbour's.
func (c *Cache) Heard(addr wire.Addr, mac wire.MAC, nowNanos int64) {
	slot := c.index.Find(&addr)
	if slot == bounded.None {
		return
	}
	e := &c.entries[slot]
	switch state := c.states.Of(slot); {
	case state == incomplete:
		e.mac = mac
		c.confirm(slot, nowNanos)
	case mac == e.mac:
		c.confirm(slot, nowNanos)
	case state == probing:
		e.candidate = mac
	case nowNanos-e.sinceNanos >= int64(settled):
		c.probe(slot, nowNanos)
	}
}

// confirm makes an entry reachable and sends what waits for it.
func (c *Cache) confirm(slot int32, nowNanos int64) {
	e := &c.entries[slot]
	e.candidate, e.tries, e.used, e.sinceNanos = wire.MAC{}, 0, false, nowNanos
	c.states.Move(slot, reachable)
	for {
		f := c.queues.First(int(slot) + 1)
		if f == bounded.None {
			return
		}
		e.used = true
		w := &c.frames[f]
		c.link.Resolved(w.buffer[:w.length], w.tag, e.mac)
		c.queues.Move(f, framesFree)
	}
}

// probe asks for a known neighbour again.
func (c *Cache) probe(slot int32, nowNanos int64) {
	e := &c.entries[slot]
	e.candidate, e.tries, e.sinceNanos = wire.MAC{}, 1, nowNanos
	c.states.Move(slot, probing)
	c.link.SendRequest(e.addr)
}

// Tick does what is due: asks again, gives up, forgets.
func (c *Cache) Tick(nowNanos int64) {
	for slot := c.due(reachable, ReachableTime, nowNanos); slot != bounded.None; slot = c.due(reachable, ReachableTime, nowNanos) {
		if c.entries[slot].used {
			c.probe(slot, nowNanos)
		} else {
			c.remove(slot, Displaced)
		}
	}
	for _, state := range [...]int{incomplete, probing} {
		for slot := c.due(state, RequestInterval, nowNanos); slot != bounded.None; slot = c.due(state, RequestInterval, nowNanos) {
			c.retry(slot, state, nowNanos)
		}
	}
}

// retry goes on with an entry whose request was not answered by its owner.
func (c *Cache) retry(slot int32, state int, nowNanos int64) {
	e := &c.entries[slot]
	switch {
	case e.candidate != wire.MAC{}:
		e.mac = e.candidate
		c.confirm(slot, nowNanos)
	case e.tries == Requests:
		c.remove(slot, Unanswered)
	default:
		e.tries++
		e.sinceNanos = nowNanos
		c.states.Move(slot, state)
		c.link.SendRequest(e.addr)
	}
}

// due returns the first entry of a state if its time is over, or None.
func (c *Cache) due(state int, after time.Duration, nowNanos int64) int32 {
	slot := c.states.First(state)
	if slot != bounded.None && nowNanos-c.entries[slot].sinceNanos < int64(after) {
		return bounded.None
	}
	return slot
}

// Deadline is when Tick has something to do next, or Never.
func (c *Cache) Deadline() int64 {
	deadline := Never
	for _, s := range [...]struct {
		state int
		after time.Duration
	}{{incomplete, RequestInterval}, {probing, RequestInterval}, {reachable, ReachableTime}} {
		if slot := c.states.First(s.state); slot != bounded.None {
			deadline = min(deadline, c.entries[slot].sinceNanos+int64(s.after))
		}
	}
	return deadline
}

// Neighbours is the number of known neighbours, Waiting that of held frames.
func (c *Cache) Neighbours() int { return c.states.Len(reachable) + c.states.Len(probing) }

// Waiting is the number of held frames.
func (c *Cache) Waiting() int { return len(c.frames) - c.queues.Len(framesFree) }

func (c *Cache) remove(slot int32, why Reason) {
	for f := c.queues.First(int(slot) + 1); f != bounded.None; f = c.queues.First(int(slot) + 1) {
		c.giveUp(f, why)
	}
	c.index.Delete(slot)
	c.states.Move(slot, free)
}

func (c *Cache) giveUp(f int32, why Reason) {
	w := &c.frames[f]
	c.link.GaveUp(w.buffer[:w.length], w.tag, why)
	c.queues.Move(f, framesFree)
}
