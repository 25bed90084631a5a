// Package engine is an IPv4 router with a stateful filter, as a plain
// function: a frame goes in, and before the call returns the frames that follow
// from it have gone out through ports. It makes no system call, starts no
// goroutine, allocates nothing after New, and reads no clock: time comes in as
// nanoseconds of a clock that does not go back.
//
// # Frames
//
// A frame belongs to the caller. Input may change its bytes (addresses, TTL,
// checksums) and hands parts of it to Port.WriteFrame; when it returns, nothing
// refers to the frame any more. No frame grows on its way, so the buffer
// needs neither headroom nor tailroom. What the engine keeps (frames that wait
// for a neighbour) or makes (ICMP, ARP, fragments) is in memory of its own.
//
// # The way of a datagram
//
// Ethernet and IPv4 header checks; addresses that cannot be, and sources that
// the route back does not lead to; transport header; fragment rules;
// connection tracking, where Invalid is dropped; chain Prerouting of the
// interface it came in on. A datagram to an address of ours then goes through chain
// Input. All others: route, chain Forward, TTL, MTU, chain Postrouting of the
// interface it goes out on; its flow is recorded; it is sent, or held while
// the neighbour is asked for. ICMP errors come after Forward, so what the
// filter drops is dropped in silence; where there is no route Forward cannot
// be asked, and the sender is told. What the engine itself says goes through
// chains Output and Postrouting.
//
// # Fragments
//
// A first fragment must hold the whole transport header and is judged like a
// whole datagram. Later fragments do not meet the chains: they pass if their
// first was sent before and they leave its bytes alone, and are dropped
// otherwise (flow.Fragments). So a fragment is never a way around the filter;
// the price is that fragments which overtake their first are lost. Fragments to
// the engine's own addresses are dropped.
package engine
