package engine

import (
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// maxSegments bounds the frames that one frame becomes.
const maxSegments = 1024

// InputOffload is Input for a frame with something left to do for its
// receiver. The slice frame holds all headers. Both it and Offload.Rest are the
// caller's, as with Input; the engine leaves Rest as it is.
func (e *Engine) InputOffload(iface int, frame []byte, o packet.Offload, nowNanos int64) {
	if o.IsZero() {
		e.Input(iface, frame, nowNanos)
		return
	}
	e.nowNanos = nowNanos
	rest := o.RestBytes()
	n, inner, ok := e.ifaces[iface].untag(frame)
	tag := len(frame) - len(inner)
	fate, frames, headers := DropVLAN, 1, 0
	if ok {
		if o.ChecksumStart != 0 {
			// No start is within the tag; what was there is nonsense now.
			o.ChecksumStart = max(o.ChecksumStart-tag, 1)
		}
		fate, frames, headers = e.offloaded(n, inner, o, len(inner)+rest)
		e.packet.SetOffload(packet.Offload{})
	}
	n.counters.RxFrames += uint64(frames)
	n.counters.RxBytes += uint64(len(frame) + rest + (frames-1)*(headers+tag))
	n.settleAll(fate, uint64(frames))
	if len(e.balancers) > 0 {
		e.release()
	}
}

// offloaded checks what is left to do for an untagged frame of so many bytes,
// does what has to be done here, and goes on as ever. It returns the fate of
// the frames that it stands for, and the length of the headers they share.
func (e *Engine) offloaded(n *iface, frame []byte, o packet.Offload, size int) (fate Fate, frames, headers int) {
	if len(frame) < wire.EthernetLen {
		return DropFrameShort, 1, 0
	}
	if o.Segment != 0 {
		if o.Segment < 0 || o.Missing(frame) != packet.MissingTransport {
			return DropOffload, 1, 0
		}
		if headers = o.Headers(frame, size); headers == 0 {
			return DropOffload, 1, 0
		}
		if data := size - headers; data <= o.Segment {
			o.Segment = 0
		} else if frames = (data + o.Segment - 1) / o.Segment; frames > maxSegments {
			return DropOffload, 1, 0
		} else if headers+o.Segment > wire.EthernetLen+n.MTU {
			return DropFrameLong, frames, headers
		}
	}
	if o.Segment == 0 {
		frames, headers = 1, 0
		if size > wire.EthernetLen+n.MTU {
			return DropFrameLong, 1, 0
		}
		if len(o.Rest) > 0 {
			frame, o.Rest = e.gather(frame, o.Rest), nil
		}
		switch o.Missing(frame) {
		case packet.MissingNonsense:
			return DropOffload, 1, 0
		case packet.MissingElsewhere:
			o.Complete(frame)
			o = packet.Offload{}
		}
	}
	e.packet.SetOffload(o)
	return e.ethernet(n, frame), frames, headers
}

// gather copies a frame in pieces into memory of the engine's own, where it
// stays until the next is gathered or cut.
func (e *Engine) gather(frame []byte, rest [][]byte) []byte {
	at := copy(e.large, frame)
	for _, b := range rest {
		at += copy(e.large[at:], b)
	}
	return e.large[:at]
}

// complete does for p all that is left to do, as one datagram.
func (e *Engine) complete(p *packet.Packet) {
	if p.Offload.IsZero() {
		return
	}
	frame := p.Frame
	if len(p.Offload.Rest) > 0 {
		frame = e.gather(frame, p.Offload.Rest)
	}
	p.Offload.Complete(frame)
	p.Finished(frame)
}

// completeFirst makes p the first of the frames that it becomes.
func (e *Engine) completeFirst(p *packet.Packet) {
	if p.Offload.Segment == 0 {
		e.complete(p)
		return
	}
	s := e.cut(p)
	p.Finished(s.next())
}

// sendOffload is send for a datagram with something left to do. What cannot go
// out, or wait, as it is, does so in the form of plain frames.
func (e *Engine) sendOffload(tag int, p *packet.Packet, out *iface, hop wire.Addr) Fate {
	mac, known := out.neighbours.Lookup(hop)
	if known && out.takes(p) {
		return out.transmitOffload(p, mac)
	}
	if p.Offload.Segment == 0 {
		e.complete(p)
		return e.send(tag, p, out, hop)
	}
	in := &e.ifaces[tag]
	s := e.cut(p)
	for frame := s.next(); frame != nil; frame = s.next() {
		switch {
		case known:
			in.settle(out.transmit(tag, frame, mac))
		case s.frames <= neighbourWaits && out.neighbours.Hold(hop, frame, tag, e.nowNanos):
			in.settle(held)
		default:
			in.settle(DropNeighbourQueue)
		}
	}
	return settled
}

// takes reports whether p can go out on n with something left to do. Segments
// of which only the first says that the congestion window was reduced are not
// for a port to cut (virtio 1.2 §5.1.6.2).
func (n *iface) takes(p *packet.Packet) bool {
	return n.offloads != nil && p.Longest() <= n.MTU &&
		(p.Offload.Segment == 0 || p.TCP.Flags()&wire.TCPCwr == 0) && n.offloads.Offloads()
}

// transmitOffload is transmit for a datagram that the port takes as it is.
func (n *iface) transmitOffload(p *packet.Packet, mac wire.MAC) Fate {
	frame, o := p.Frame, p.Offload
	if p.IP6 != nil {
		p.IP6.DecrementHopLimit()
		wire.Ethernet(frame).SetHeader(mac, n.MAC, wire.TypeIPv6)
	} else {
		p.IP.DecrementTTL()
		wire.Ethernet(frame).SetHeader(mac, n.MAC, wire.TypeIPv4)
	}
	frames, headers := p.Segments()
	if n.VLAN != 0 {
		frame = wire.AppendTagged(n.engine.tagged[:0], frame, n.VLAN)
		o.ChecksumStart += wire.TagLen
		headers += wire.TagLen
	}
	size := len(frame) + p.RestBytes() + (frames-1)*headers
	if n.offloads.WriteOffload(frame, o) != nil {
		n.counters.TxFailed += uint64(frames)
		return DropPort
	}
	n.counters.TxForwarded += uint64(frames)
	n.counters.TxFrames += uint64(frames)
	n.counters.TxBytes += uint64(size)
	return Forwarded
}
