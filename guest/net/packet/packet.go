// Package packet is what the parts of the engine say to each other about one
// datagram: its parsed headers, the flow it belongs to, where it goes, and
// how its addresses are translated.
package packet

import "tender/guest/net/wire"

// None is the interface number of no interface.
const None = -1

// Packet is one IPv4 or IPv6 datagram in a frame. Slices share the frame's
// memory and are valid only while the frame is being handled; whoever keeps
// anything copies it.
type Packet struct {
	// Frame is from the Ethernet header to the end of the datagram, or to the
	// beginning of Offload.Rest.
	Frame []byte
	// One of IP and IP6 is the datagram, the other nil.
	IP  wire.IPv4
	IP6 wire.IPv6
	// Tuple names the datagram's flow and direction as its headers do now;
	// Original, as they did when it came in.
	Tuple, Original Tuple

	// One of these is the transport header with its data; all are nil for
	// other protocols and for a LaterFragment.
	TCP   wire.TCP
	UDP   wire.UDP
	ICMP  wire.ICMP
	ICMP6 wire.ICMP6

	// Quoted is the tuple of the datagram that an ICMP error is about, and
	// QuotedSeq its sequence number if it is TCP. Quoted is zero for all
	// else.
	Quoted    Tuple
	QuotedSeq uint32

	// In and Out are interface numbers. In is None for what the engine sends
	// itself; Out is None where it is not known yet, and for local delivery.
	In, Out int

	Fragment Fragment
	State    State
	// Known says that the flow is in the table, and Translated that its
	// datagrams leave with other tuples than they come with: this one with
	// Target.
	Known, Translated bool
	Target            Tuple

	// transport is the transport header and what follows it, and quoted the
	// datagram in an ICMP error.
	transport []byte
	quoted    headers

	// Offload is what is left to do for the datagram. It is not Parse that sets
	// it.
	Offload   Offload
	restBytes int
}

// Fragment is the position of a fragment in its datagram.
type Fragment uint8

// Positions.
const (
	Whole Fragment = iota
	// FirstFragment has offset 0 and the whole transport header.
	FirstFragment
	// LaterFragment has no transport header; the ports in its tuple are 0.
	LaterFragment
)

// State is what connection tracking knows about a datagram.
type State uint8

// States.
const (
	// Invalid belongs to no flow and cannot begin one.
	Invalid State = iota
	// New begins a flow, or belongs to one that has seen no answer.
	New
	// Established belongs to a flow that has seen datagrams both ways.
	Established
	// Related is an ICMP error about a datagram of a flow.
	Related
)

var stateNames = [...]string{"invalid", "new", "established", "related"}

// String is the lower-case name.
func (s State) String() string { return stateNames[s] }

// Verdict is what a filter says about a datagram.
type Verdict uint8

// Verdicts.
const (
	Drop Verdict = iota
	Accept
)

// String is the lower-case name.
func (v Verdict) String() string {
	if v == Accept {
		return "accept"
	}
	return "drop"
}

// A Chain decides about a datagram. It is called once per datagram at its
// hook, must not keep p, and must not allocate. It may translate the datagram
// with DNAT and SNAT, and change nothing else.
//
// A LaterFragment is never shown to a chain.
type Chain func(p *Packet) Verdict
