// Package engine is a router for IPv4 and IPv6 with a stateful filter, address
// translation, VLANs and a load balancer, as a plain function: a frame goes in,
// and before the call returns the frames that follow from it have gone out
// through ports. It makes no system call, starts no goroutine, allocates nothing
// after New, and reads no clock: time comes in as nanoseconds of a clock that
// does not go back.
//
// # Frames
//
// A frame belongs to the caller. Input may change its bytes (addresses, ports,
// TTL, checksums) and hands parts of it to Port.WriteFrame; when it returns,
// nothing refers to the frame any more. No frame grows on its way, so the buffer
// needs neither headroom nor tailroom. What the engine keeps (frames that wait
// for a neighbour) or makes (ICMP, ARP, fragments, frames with an 802.1Q tag)
// is in memory of its own.
//
// # Offloads
//
// InputOffload takes frames of which something is left to do: a TCP or UDP checksum,
// and the cutting of a large TCP segment into those that are sent. Such a frame
// meets chains and connection tracking once, as what it is, and goes on
// as one to an OffloadPort that can have it. To any other port, and before it waits for
// a neighbour, it becomes the frames that it stands for. What else was left to do,
// checksums inside tunnels for instance, is done on the way in. MTUs are compared
// with the segments, and an ICMP error quotes the first of them. A Service gets a
// large segment whole, with its checksum.
//
// # The way of a datagram
//
// Ethernet, tag and IP header checks; addresses that cannot be, and sources
// that the route back does not lead to; transport header; fragment rules;
// connection tracking, where Invalid is dropped; chain Prerouting of the
// interface it came in on, and translation of its destination. A datagram to an
// address of ours then goes through chain Input. All others: route, chain
// Forward, TTL, MTU, chain Postrouting of the interface it goes out on, and
// translation of its source; its flow is recorded; it is sent, or held while
// the neighbour is asked for. ICMP errors come after Forward, so what the
// filter drops is dropped in silence; where there is no route Forward cannot
// be asked, and the sender is told. What the engine itself says goes through
// chains Output and Postrouting.
//
// # Translation
//
// A rule decides with packet.Packet's DNAT and SNAT about the first datagram
// of a flow, and Interface.Masquerade does so without a rule. All others of the
// flow, answers and ICMP errors about it follow by themselves, the latter with
// what they quote. Chains see a datagram as it is at their point of its way:
// Prerouting before its destination is translated, Forward and Input after, and
// Postrouting before its source is. What the engine itself says about a
// datagram, it says about the form in which its sender knows it.
//
// # Fragments
//
// A first fragment must hold the whole transport header and is judged like a
// whole datagram. Later fragments do not meet the chains: they pass, with the
// same translation, if their first was sent before and they leave its bytes
// alone, and are dropped otherwise (flow.Fragments). So a fragment is never a
// way around the filter; the price is that fragments which overtake their first
// are lost. Fragments to the engine's own addresses are dropped.
//
// # IPv6
//
// An interface with an IPv6 address answers and asks by neighbour discovery,
// and has a link-local address made from its Ethernet address. The engine does
// not look whether its addresses are free, sends no router advertisements, and
// does not report the groups it listens in. Nothing is fragmented on its way,
// as IPv6 demands, and link-local addresses are not forwarded.
package engine
