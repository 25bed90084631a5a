package engine

import (
	"fmt"

	"tender/guest/net/arp"
	"tender/guest/net/flow"
	"tender/guest/net/packet"
	"tender/guest/net/route"
	"tender/guest/net/wire"
)

// Engine is a router. It is for one goroutine.
type Engine struct {
	ifaces    []iface
	routes    *route.Table
	flows     *flow.Table
	fragments *flow.Fragments
	forward   packet.Chain
	errors    errorLimit
	// nowNanos is the time of the call under way.
	nowNanos int64
	// packet and own are the datagram being handled and the one being said;
	// they are here so that handing them to a chain needs no allocation.
	packet, own packet.Packet
	// piece is for a fragment, message for what the engine says itself.
	piece, message []byte
	ipID           uint16
}

// iface is an interface at work; its number is its place in Engine.ifaces.
type iface struct {
	Interface
	engine   *Engine
	number   int
	arp      *arp.Cache
	counters Counters
}

// New makes an engine, and all the memory it will ever use.
func New(c Config) (*Engine, error) {
	c.setDefaults()
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	e := &Engine{forward: c.Forward, ifaces: make([]iface, len(c.Interfaces))}
	var err error
	if e.routes, err = route.New(c.routes()); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	if e.flows, err = flow.New(c.Flows, c.Timeouts); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	e.fragments = flow.NewFragments(c.Fragments)
	e.errors = newErrorLimit(c.ICMPErrorsPerSecond)
	longest := 0
	for _, n := range c.Interfaces {
		longest = max(longest, wire.EthernetLen+n.MTU)
	}
	e.piece, e.message = make([]byte, longest), make([]byte, maxMessage)
	for i := range e.ifaces {
		n := &e.ifaces[i]
		*n = iface{Interface: c.Interfaces[i], engine: e, number: i}
		n.arp, err = arp.New(arp.Config{Neighbours: c.Neighbours, Waiting: c.Waiting, FrameBytes: longest}, n)
		if err != nil {
			return nil, fmt.Errorf("engine: interface %s: %w", n.Name, err)
		}
	}
	return e, nil
}

// Input handles a frame that came in on an interface. See the package about
// who owns the frame. Precondition: iface is the number of an interface.
func (e *Engine) Input(iface int, frame []byte, nowNanos int64) {
	e.nowNanos = nowNanos
	n := &e.ifaces[iface]
	n.counters.RxFrames++
	n.counters.RxBytes += uint64(len(frame))
	n.settle(e.ethernet(n, frame))
}

// settle counts the fate of a frame that came in on n.
func (n *iface) settle(f Fate) {
	if f == held {
		n.counters.Held++
		return
	}
	n.counters.Fates[f]++
}

// Tick does what is due by now. It should be called when Deadline has come,
// and may be called at any time.
func (e *Engine) Tick(nowNanos int64) {
	const some = 64
	e.nowNanos = nowNanos
	for i := range e.ifaces {
		e.ifaces[i].arp.Tick(nowNanos)
	}
	e.flows.Expire(nowNanos, some)
}

// Deadline is when Tick has to be called next, or arp.Never.
func (e *Engine) Deadline() int64 {
	deadline := arp.Never
	for i := range e.ifaces {
		deadline = min(deadline, e.ifaces[i].arp.Deadline())
	}
	return deadline
}

// write sends a complete frame.
func (n *iface) write(frame []byte, sent *uint64) bool {
	size := uint64(len(frame))
	if n.Port.WriteFrame(frame) != nil {
		n.counters.TxFailed++
		return false
	}
	*sent++
	n.counters.TxFrames++
	n.counters.TxBytes += size
	return true
}
