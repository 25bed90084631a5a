package flow

import (
	"math/rand/v2"

	"tender/guest/net/bounded"
	"tender/guest/net/packet"
)

// Ports is a range of port numbers, both ends included.
type Ports struct{ First, Last uint16 }

// DefaultPorts are those that translations choose from if nobody says
// otherwise: what unprivileged programs use.
var DefaultPorts = Ports{1024, 65535}

// anyID are the identifiers of ICMP queries.
var anyID = Ports{0, 65535}

// maxTries bounds the search for a free port.
const maxTries = 256

// newRand makes the first port that is tried hard to guess.
func newRand() *rand.PCG { return rand.NewPCG(rand.Uint64(), rand.Uint64()) }

// distinguish makes sure that the answers to a datagram which begins a flow
// can be told from those to all other flows, by another source port if need
// be, and reports false if no port was found.
//
// The source port stays if it can. Up to 256 ports are tried, in order from a
// random one.
func (t *Table) distinguish(p *packet.Packet, nowNanos int64) bool {
	answers := p.Tuple.Invert()
	if t.unused(p, &answers, nowNanos) {
		return true
	}
	if !p.Tuple.HasPorts() {
		return false
	}
	r := t.ports
	if p.Tuple.HasID() {
		r = anyID
	}
	size := uint64(r.Last) - uint64(r.First) + 1
	next := t.rand.Uint64() % size
	for range min(size, maxTries) {
		answers.DstPort = r.First + uint16(next)
		if p.Tuple.HasID() {
			answers.SrcPort = answers.DstPort
		}
		if t.unused(p, &answers, nowNanos) {
			p.SetSrc(p.Tuple.Src, answers.DstPort)
			return true
		}
		if next++; next == size {
			next = 0
		}
	}
	return false
}

// unused reports that no flow has a datagram with this tuple, nor would the
// one that p begins.
func (t *Table) unused(p *packet.Packet, tuple *packet.Tuple, nowNanos int64) bool {
	if *tuple == p.Original {
		return false
	}
	slot, _ := t.find(tuple, nowNanos)
	return slot == bounded.None
}
