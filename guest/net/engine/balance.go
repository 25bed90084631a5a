package engine

import (
	"fmt"
	"math/rand/v2"

	"tender/guest/net/balance"
	"tender/guest/net/flow"
	"tender/guest/net/packet"
	"tender/guest/net/route"
	"tender/guest/net/wire"
)

// balancer is a balance.Balancer at work. Its sessions are flows that it owns:
// those of server i belong to firstOwner+i. They go to the server from an
// address of ours, so the answers come back here whatever the server's routes
// say.
//
// A session is local at both ends, as if a program of ours read from one
// connection and wrote to another: its datagrams meet Prerouting and Input
// where they come in, Output and Postrouting where they go out, and not
// Forward.
type balancer struct {
	*balance.Balancer
	firstOwner uint8
	servers    int
	probe      [wire.EthernetLen + wire.IPv6Len + wire.TCPMinLen]byte
}

// addBalancers checks the balancers and numbers their servers.
func (e *Engine) addBalancers(all []*balance.Balancer) error {
	next := 1
	for _, b := range all {
		c := b.Config()
		if c.Iface < 0 || c.Iface >= len(e.ifaces) {
			return fmt.Errorf("engine: balancer for port %d: there is no interface %d", c.Port, c.Iface)
		}
		if next+len(c.Servers) > flow.Owners {
			return fmt.Errorf("engine: the balancers have more than %d servers together", flow.Owners-1)
		}
		e.balancers = append(e.balancers, &balancer{Balancer: b, firstOwner: uint8(next), servers: len(c.Servers)})
		next += len(c.Servers)
	}
	return nil
}

// sessions is how many flows a balancer owns.
func (e *Engine) sessions(b *balancer) int {
	n := 0
	for i := range b.servers {
		n += e.flows.Owned(b.firstOwner + uint8(i))
	}
	return n
}

// Sessions is the number of connections that server i of Config.Balancers[b]
// has now.
func (e *Engine) Sessions(b, i int) int {
	return e.flows.Owned(e.balancers[b].firstOwner + uint8(i))
}

// owning returns the balancer and the number of the server that own a flow.
func (e *Engine) owning(owner uint8) (*balancer, int) {
	for _, b := range e.balancers {
		if i := int(owner) - int(b.firstOwner); i >= 0 && i < b.servers {
			return b, i
		}
	}
	return nil, 0
}

// balance takes a datagram that belongs to a balancer's session, or that is
// addressed to us and would begin one. It reports false for all others.
func (e *Engine) balance(n *iface, p *packet.Packet, to way, match flow.Match) (Fate, bool) {
	if owner := e.flows.Owner(match); owner != 0 {
		if fate, again := e.session(n, p, match, owner); !again {
			return fate, true
		}
		match = e.flows.Classify(p, e.nowNanos)
	}
	if p.TCP == nil || p.Known || p.State != packet.New || !to.ok || to.kind != route.Local || p.Fragment != packet.Whole {
		return 0, false
	}
	for _, b := range e.balancers {
		if b.Takes(n.number, p.Tuple.DstPort, p.IP != nil) {
			if n.Input != nil && n.Input(p) == packet.Drop {
				return DropInput, true
			}
			return e.assign(n, p, match, b), true
		}
	}
	return 0, false
}

// assign gives a new connection to a server, or lets it wait.
func (e *Engine) assign(n *iface, p *packet.Packet, match flow.Match, b *balancer) Fate {
	if b.Waits(p.Tuple) {
		return DropBalancerWaits
	}
	if !b.HasRoom(e.sessions(b)) {
		e.complete(p) // nothing of p is left to do while it waits
		if b.Hold(p.Tuple, p.Frame, e.nowNanos) {
			return held
		}
		return DropBalancerFull
	}
	i := b.Next()
	server, _ := b.Server(i)
	to := e.way(server.Addr)
	if !to.leads() {
		b.Failed(i, e.nowNanos)
		return DropNoRoute
	}
	out := &e.ifaces[to.iface]
	hop := to.hop
	if hop.IsZero() {
		hop = server.Addr
	}
	src, ok := out.sourceFor(hop)
	if !ok {
		return DropNoRoute
	}
	p.SetDst(server.Addr, server.Port)
	p.SetSrc(src, p.Tuple.SrcPort)
	fate := e.leave(n, p, to, match, b.firstOwner+uint8(i))
	if fate == Forwarded || fate == held {
		b.Began()
	}
	return fate
}

// session passes on a datagram of a session. again says that the session was
// forgotten, because its server never answered, and the datagram may begin
// another.
func (e *Engine) session(n *iface, p *packet.Packet, match flow.Match, owner uint8) (fate Fate, again bool) {
	b, i := e.owning(owner)
	if p.TCP != nil && !e.flows.Answered(match) {
		_, up := b.Server(i)
		switch {
		case p.State == packet.Established && p.TCP.Flags()&wire.TCPRst != 0:
			// The server refuses. The client hears nothing of it, asks again,
			// and gets another server.
			b.Failed(i, e.nowNanos)
			e.flows.Forget(match)
			return DropBalancerRefused, false
		case p.State == packet.New && !up && p.TCP.Flags()&wire.TCPSyn != 0:
			e.flows.Forget(match)
			p.Known, p.Translated = false, false
			return 0, true
		}
	}
	if n.Input != nil && n.Input(p) == packet.Drop {
		return DropInput, false
	}
	p.TranslateDst()
	p.TranslateSrc()
	if p.State == packet.Related {
		e.flows.TranslateQuote(p, match)
	}
	to := e.way(p.Tuple.Dst)
	if !to.leads() {
		return DropNoRoute, false
	}
	return e.leave(n, p, to, match, owner), false
}

// leave is the second half of a session datagram's way.
func (e *Engine) leave(n *iface, p *packet.Packet, to way, match flow.Match, owner uint8) Fate {
	out := &e.ifaces[to.iface]
	p.Out = out.number
	if out.Output != nil && out.Output(p) == packet.Drop {
		return DropOutput
	}
	if fate := e.checkHop(n, p, out); fate != Forwarded {
		return fate
	}
	if out.Postrouting != nil && out.Postrouting(p) == packet.Drop {
		return DropPostrouting
	}
	if !e.flows.Commit(p, match, owner, e.nowNanos) {
		return DropFlowsFull
	}
	return e.send(n.number, p, out, to.hop)
}

// release lets connections go that wait, as far as there are places.
func (e *Engine) release() {
	for _, b := range e.balancers {
		for b.Waiting() > 0 && b.HasRoom(e.sessions(b)) {
			e.resume(b, b.Release())
		}
	}
}

// resume goes on with a connection that has waited.
func (e *Engine) resume(b *balancer, frame []byte) {
	n := &e.ifaces[b.Config().Iface]
	n.counters.Held--
	p := &e.packet
	if !e.parse(p, frame) {
		n.settle(DropTransport)
		return
	}
	p.In = n.number
	match := e.flows.Classify(p, e.nowNanos)
	if p.State != packet.New || p.Known {
		n.settle(DropInvalid)
		return
	}
	n.settle(e.assign(n, p, match, b))
}

// tickBalancers checks servers and ends waiting in vain.
func (e *Engine) tickBalancers() {
	for _, b := range e.balancers {
		for {
			i, ok := b.Due(e.nowNanos)
			if !ok {
				break
			}
			e.check(b, i)
		}
		for frame := b.Expire(e.nowNanos); frame != nil; frame = b.Expire(e.nowNanos) {
			n := &e.ifaces[b.Config().Iface]
			n.counters.Held--
			n.settle(DropBalancerFull)
		}
	}
	e.release()
}

// Source ports of checks.
const (
	firstCheckPort = 61000
	checkPorts     = 4000
)

// check sends the first segment of a handshake to a server.
func (e *Engine) check(b *balancer, i int) {
	server, _ := b.Server(i)
	src, ok := e.SourceTo(server.Addr)
	if !ok {
		b.Failed(i, e.nowNanos)
		return
	}
	seq := rand.Uint32()
	port := uint16(firstCheckPort + rand.IntN(checkPorts))
	s, ok := e.sendSegment(b, src, server, wire.TCPFields{SrcPort: port, Seq: seq, Flags: wire.TCPSyn, Window: 1024})
	if !ok {
		b.Failed(i, e.nowNanos)
		return
	}
	b.Sent(i, s.SrcPort(), seq, e.nowNanos) // tracking may have chosen another port
}

// sendSegment sends a segment without data to a server, and returns it as it
// was sent.
func (e *Engine) sendSegment(b *balancer, src wire.Addr, server balance.Server, f wire.TCPFields) (wire.TCP, bool) {
	frame := b.probe[:wire.EthernetLen+server.Addr.HeaderLen()+wire.TCPMinLen]
	e.ipID++
	payload, pseudo := wire.SetIP(frame[wire.EthernetLen:], src, server.Addr, wire.ProtoTCP, ownTTL, e.ipID)
	f.DstPort = server.Port
	s := wire.TCP(payload)
	s.SetHeader(f, pseudo)
	return s, e.Send(frame, e.nowNanos)
}

// checked takes a segment to us that is the answer to a check.
func (e *Engine) checked(p *packet.Packet) bool {
	if p.TCP == nil {
		return false
	}
	for _, b := range e.balancers {
		taken, reset := b.Answered(p.Tuple.Src, p.Tuple.SrcPort, p.Tuple.DstPort, p.TCP, e.nowNanos)
		if !taken {
			continue
		}
		if reset {
			server := balance.Server{Addr: p.Tuple.Src, Port: p.Tuple.SrcPort}
			e.sendSegment(b, p.Tuple.Dst, server, wire.TCPFields{SrcPort: p.Tuple.DstPort, Seq: p.TCP.Ack(), Flags: wire.TCPRst})
		}
		return true
	}
	return false
}
