package engine

import (
	"fmt"

	"tender/guest/net/flow"
	"tender/guest/net/neighbour"
	"tender/guest/net/packet"
	"tender/guest/net/route"
	"tender/guest/net/wire"
)

// Never is the deadline of an engine with nothing to wait for.
const Never = neighbour.Never

// Engine is a router. It is for one goroutine.
type Engine struct {
	config    Config
	ifaces    []iface
	routes    *route.Table
	routes6   *route.Table6
	flows     *flow.Table
	fragments *flow.Fragments
	forward   packet.Chain
	errors    errorLimit
	balancers []*balancer
	// nowNanos is the time of the call under way.
	nowNanos int64
	// packet and own are the datagram being handled and the one being said;
	// they are here so that handing them to a chain needs no allocation.
	packet, own packet.Packet
	// piece is for a fragment, message for ICMP errors and ARP, tagged for a
	// frame with its VLAN, large for a frame that came in pieces, or for a
	// segment of one.
	piece, message, tagged, large []byte
	ipID                          uint16
}

// iface is an interface at work; its number is its place in Engine.ifaces.
type iface struct {
	Interface
	engine     *Engine
	number     int
	neighbours *neighbour.Cache
	counters   Counters
	linkLocal  wire.Addr
	// vlans are the interfaces on this one; nil if there are none.
	vlans *[wire.MaxVLAN + 1]*iface
	// offloads is Port if it can have them, or nil.
	offloads OffloadPort
}

// largest is the length of a frame with the longest datagram.
const largest = wire.EthernetLen + wire.IPv6Len + 0xffff

// New makes an engine, and all the memory it will ever use.
func New(c Config) (*Engine, error) {
	c.Interfaces = append([]Interface(nil), c.Interfaces...)
	c.setDefaults()
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	e := &Engine{config: c, forward: c.Forward, ifaces: make([]iface, len(c.Interfaces))}
	if err := e.buildRoutes(&c); err != nil {
		return nil, err
	}
	var err error
	e.flows, err = flow.New(flow.Config{Capacity: c.Flows, Timeouts: c.Timeouts, StatelessTCP: c.StatelessTCP, Ports: c.Ports})
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	e.fragments = flow.NewFragments(c.Fragments)
	if err := e.addBalancers(c.Balancers); err != nil {
		return nil, err
	}
	e.errors = newErrorLimit(c.ICMPErrorsPerSecond)
	longest := 0
	for _, n := range c.Interfaces {
		longest = max(longest, wire.EthernetLen+n.MTU)
	}
	e.piece, e.message = make([]byte, longest), make([]byte, maxMessage)
	e.large, e.tagged = make([]byte, largest), make([]byte, 0, largest+wire.TagLen)
	for i := range e.ifaces {
		n := &e.ifaces[i]
		*n = iface{Interface: c.Interfaces[i], engine: e, number: i, linkLocal: wire.LinkLocal(c.Interfaces[i].MAC)}
		n.offloads, _ = n.Port.(OffloadPort)
		n.neighbours, err = neighbour.New(neighbour.Config{Neighbours: c.Neighbours, Waiting: n.Waiting, FrameBytes: longest}, n)
		if err != nil {
			return nil, fmt.Errorf("engine: interface %s: %w", n.Name, err)
		}
	}
	for i := range e.ifaces {
		if n := &e.ifaces[i]; n.VLAN != 0 {
			parent := &e.ifaces[n.Parent]
			if parent.vlans == nil {
				parent.vlans = new([wire.MaxVLAN + 1]*iface)
			}
			parent.vlans[n.VLAN] = n
		}
	}
	return e, nil
}

// Input handles a frame that came in on the port of an interface; one with an
// 802.1Q tag goes on to the interface of its VLAN. See the package about who
// owns the frame. Precondition: iface is the number of an interface.
func (e *Engine) Input(iface int, frame []byte, nowNanos int64) {
	e.nowNanos = nowNanos
	n := &e.ifaces[iface]
	size := uint64(len(frame))
	fate := DropVLAN
	n, frame, ok := n.untag(frame)
	switch {
	case !ok:
	case len(frame) < wire.EthernetLen:
		fate = DropFrameShort
	case len(frame) > wire.EthernetLen+n.MTU:
		fate = DropFrameLong
	default:
		fate = e.ethernet(n, frame)
	}
	n.counters.RxFrames++
	n.counters.RxBytes += size
	n.settle(fate)
	if len(e.balancers) > 0 {
		e.release()
	}
}

// untag returns the interface that a frame is for, and the frame without its
// tag; not ok says that its VLAN is nobody's. Frames are left as they are where there
// are no VLANs.
func (n *iface) untag(frame []byte) (to *iface, _ []byte, ok bool) {
	if n.vlans == nil || len(frame) < wire.EthernetLen+wire.TagLen || wire.Ethernet(frame).Type() != wire.TypeVLAN {
		return n, frame, true
	}
	tagged := wire.Tagged(frame)
	if vlan := tagged.VLAN(); vlan != 0 {
		if vlan > wire.MaxVLAN || n.vlans[vlan] == nil {
			return n, frame, false
		}
		n = n.vlans[vlan]
	}
	return n, tagged.Strip(), true
}

// settle counts the fate of a frame that came in on n.
func (n *iface) settle(f Fate) {
	if f == held {
		n.counters.Held++
		return
	}
	n.counters.Fates[f]++
}

// settleAll is settle for several frames with one fate.
func (n *iface) settleAll(f Fate, frames uint64) {
	switch f {
	case settled:
	case held:
		n.counters.Held += frames
	default:
		n.counters.Fates[f] += frames
	}
}

// Tick does what is due by now. It should be called when Deadline has come,
// and may be called at any time.
func (e *Engine) Tick(nowNanos int64) {
	const some = 64
	e.nowNanos = nowNanos
	for i := range e.ifaces {
		e.ifaces[i].neighbours.Tick(nowNanos)
	}
	e.flows.Expire(nowNanos, some)
	e.tickBalancers()
}

// Deadline is when Tick has to be called next, or Never.
func (e *Engine) Deadline() int64 {
	deadline := Never
	for i := range e.ifaces {
		deadline = min(deadline, e.ifaces[i].neighbours.Deadline())
	}
	for _, b := range e.balancers {
		deadline = min(deadline, b.Deadline())
	}
	return deadline
}

// write sends a complete frame.
func (n *iface) write(frame []byte, sent *uint64) bool {
	if n.VLAN != 0 {
		frame = wire.AppendTagged(n.engine.tagged[:0], frame, n.VLAN)
	}
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
