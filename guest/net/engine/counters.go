package engine

import "tender/guest/net/flow"

// Counters are those of one interface. At every moment
//
//	RxFrames = Fates[0] + … + Fates[Fates-1] + Held
//	TxFrames = TxForwarded + TxFragments + TxARP + TxICMP + TxOwn
//
// and over all interfaces the sum of Fates[Forwarded] is that of TxForwarded.
//
// A frame that is to be cut into segments counts as these, with the bytes that
// they have on the wire, whoever cuts it.
type Counters struct {
	RxFrames, RxBytes uint64
	// Fates are those of the frames that came in here.
	Fates [Fates]uint64
	// Held is how many frames that came in here wait for a neighbour.
	Held uint64

	TxFrames, TxBytes uint64
	// TxForwarded are forwarded frames, TxFragments pieces of such, TxARP
	// (neighbour discovery included) and TxICMP what the engine itself has to
	// say, TxOwn what the program has given to Send and Broadcast.
	TxForwarded, TxFragments, TxARP, TxICMP, TxOwn uint64
	// TxFailed frames were refused by the port; they are in no other number
	// of this group.
	TxFailed uint64

	// ARPConflicts are ARP and neighbour discovery messages of somebody who
	// uses an address of ours.
	ARPConflicts uint64
	// Neighbours is the number of known neighbours.
	Neighbours uint64
}

// Dropped is the number of frames that came in here and were dropped.
func (c *Counters) Dropped() uint64 {
	var n uint64
	for _, v := range c.Fates[FirstDrop:] {
		n += v
	}
	return n
}

// Counters returns those of an interface.
func (e *Engine) Counters(iface int) Counters {
	n := &e.ifaces[iface]
	c := n.counters
	c.Neighbours = uint64(n.neighbours.Neighbours())
	return c
}

// FlowCounters returns those of the flow table, with all flows whose time is
// over counted as expired. Its time grows with their number.
func (e *Engine) FlowCounters(nowNanos int64) flow.Counters {
	e.flows.Expire(nowNanos, flow.MaxCapacity)
	return e.flows.Counters()
}

// ICMPErrorsSuppressed is how many ICMP errors the rate limit kept back.
func (e *Engine) ICMPErrorsSuppressed() uint64 { return e.errors.suppressed }
