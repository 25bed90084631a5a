package flow

import (
	"tender/guest/net/bounded"
	"tender/guest/net/packet"
)

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

// Classify says what p is to the flows of the table, and sets State, Known
// and Target of p. A LaterFragment is for Fragments, not for here.
func (t *Table) Classify(p *packet.Packet, nowNanos int64) Match {
	m := t.classify(p, nowNanos)
	p.State = m.State
	return m
}

func (t *Table) classify(p *packet.Packet, nowNanos int64) Match {
	if p.IsError() {
		return t.classifyError(p, nowNanos)
	}
	m := Match{slot: bounded.None}
	stateful := p.TCP != nil && !t.stateless
	if stateful {
		m.segment = segmentOf(p)
	}
	slot, answer := t.find(&p.Tuple, nowNanos)
	if slot == bounded.None {
		m.State = t.beginning(p)
		return m
	}
	f := &t.flows[slot]
	m.slot, m.answer = slot, answer
	if stateful {
		switch f.conn.check(answer, &m.segment) {
		case segmentReopens:
			m.State, m.reuse = packet.New, true
			return m
		case segmentInvalid:
			m.State = packet.Invalid
			return m
		}
	}
	t.target(p, slot, answer)
	m.State = packet.New
	if answer || f.answered {
		m.State = packet.Established
	}
	return m
}

// target tells p where the datagrams of its flow and direction go.
func (t *Table) target(p *packet.Packet, slot int32, answer bool) {
	p.Known = true
	if t.flows[slot].translated {
		p.Translated, p.Target = true, t.leaves(slot, answer)
	}
}

// leaves is the tuple with which the datagrams of one direction leave: the
// inverse of what those of the other come in with.
func (t *Table) leaves(slot int32, answer bool) packet.Tuple {
	other := 2*slot + 1
	if answer {
		other = 2 * slot
	}
	tuple, _ := t.index.Key(other)
	return tuple.Invert()
}

// beginning is the state of a datagram that belongs to no flow.
func (t *Table) beginning(p *packet.Packet) packet.State {
	switch {
	case p.Tuple == p.Tuple.Invert(), !p.Tuple.BeginsFlow():
		return packet.Invalid
	case p.TCP != nil && !t.stateless && !opens(p.TCP.Flags()):
		return packet.Invalid
	}
	return packet.New
}

// classifyError accepts an ICMP error that goes back to the sender of a
// datagram which could have been sent on a flow. An error travels like an
// answer to what it quotes.
func (t *Table) classifyError(p *packet.Packet, nowNanos int64) Match {
	m := Match{State: packet.Invalid, slot: bounded.None}
	if p.Tuple.Dst != p.Quoted.Src {
		return m
	}
	inverse := p.Quoted.Invert()
	slot, answer := t.find(&inverse, nowNanos)
	if slot == bounded.None {
		return m
	}
	f := &t.flows[slot]
	if f.conn.tracked && !f.conn.mayQuote(!answer, p.QuotedSeq) {
		return m
	}
	if f.translated {
		// Like an answer, the error leaves for who sent what it quotes, from
		// whom that was sent to.
		leaves := t.leaves(slot, answer)
		p.Known, p.Translated, p.Target = true, true, p.Tuple
		p.Target.Dst = leaves.Dst
		if leaves.Src != p.Quoted.Dst {
			p.Target.Src = leaves.Src
		}
	}
	m.slot, m.answer = slot, answer
	m.State = packet.Related
	return m
}

// TranslateQuote gives what a Related error quotes the form in which its
// receiver has sent it.
func (t *Table) TranslateQuote(p *packet.Packet, m Match) {
	if p.Translated {
		p.SetQuoted(t.leaves(m.slot, m.answer).Invert())
	}
}

// Restore gives a datagram that was translated, or is being translated, the
// form in which it came in, if its flow is known.
func (t *Table) Restore(p *packet.Packet) {
	inverse := p.Tuple.Invert()
	key := t.index.Find(&inverse)
	if key == bounded.None || !t.flows[key>>1].translated {
		return
	}
	came, _ := t.index.Key(key ^ 1)
	p.SetSrc(came.Src, came.SrcPort)
	p.SetDst(came.Dst, came.DstPort)
}
