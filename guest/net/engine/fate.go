package engine

// Fate is what became of a frame that came in. Every frame has one fate, in
// the end; until then it is held.
type Fate uint8

// Fates. Those from FirstDrop on are reasons for dropping a frame.
const (
	// Forwarded was sent on.
	Forwarded Fate = iota
	// Fragmented was sent on in pieces.
	Fragmented
	// ARP was an ARP message that was understood.
	ARP
	// Discovery was IPv6 neighbour discovery that was understood or is not for
	// routers.
	Discovery
	// Echo was an echo request to us; it was answered.
	Echo
	// Delivered was taken by a service of ours.
	Delivered

	// DropFrameShort has no Ethernet header.
	DropFrameShort
	// DropFrameLong is longer than the interface's MTU allows.
	DropFrameLong
	// DropFrameSource has an Ethernet source that no station has, or ours.
	DropFrameSource
	// DropOffload came with something left to do that makes no sense.
	DropOffload
	// DropNotForUs has the Ethernet destination of somebody else.
	DropNotForUs
	// DropVLAN is tagged for a VLAN that is no interface.
	DropVLAN
	// DropEtherType is neither IPv4 nor ARP, nor IPv6 where we speak it.
	DropEtherType
	// DropARPMalformed is no ARP message for Ethernet and IPv4.
	DropARPMalformed
	// DropARPSpoofed says something about who is where that cannot be true.
	DropARPSpoofed
	// DropNeighbourMalformed and DropNeighbourSpoofed are the same of neighbour
	// discovery.
	DropNeighbourMalformed
	DropNeighbourSpoofed
	// DropIPHeader has no complete IPv4 or IPv6 header.
	DropIPHeader
	// DropIPLength has a length that does not fit the frame.
	DropIPLength
	// DropIPChecksum has a wrong header checksum.
	DropIPChecksum
	// DropIPOptions has malformed options or a source route.
	DropIPOptions
	// DropBroadcast is to a broadcast or multicast address.
	DropBroadcast
	// DropMartian has an address that cannot be on a wire.
	DropMartian
	// DropScope has an address that is good on its link only.
	DropScope
	// DropSpoofed has a source that the interface does not lead to.
	DropSpoofed
	// DropTransport has a malformed TCP, UDP or ICMP header.
	DropTransport
	// DropTransportChecksum has a wrong TCP or ICMP checksum.
	DropTransportChecksum
	// DropFragment is a malformed fragment.
	DropFragment
	// DropFragmentOrphan is a fragment whose first was not accepted before, or
	// which overlaps it.
	DropFragmentOrphan
	// DropInvalid belongs to no flow and cannot begin one.
	DropInvalid
	// DropPrerouting, DropInput, DropForward, DropOutput and DropPostrouting
	// are verdicts of the chains.
	DropPrerouting
	DropInput
	DropForward
	DropOutput
	DropPostrouting
	// DropNoService is to us, but nothing here takes it.
	DropNoService
	// DropNoRoute has a destination that no route leads to.
	DropNoRoute
	// DropTTL has come to the end of its time to live.
	DropTTL
	// DropTooBig does not fit the next MTU and may not be fragmented.
	DropTooBig
	// DropFlowsFull would begin a flow, and the table is full or a translation
	// found no port.
	DropFlowsFull
	// DropBalancerWaits is a connection to a balancer that waits already, and
	// is asked for again; DropBalancerFull found no place to wait, or waited
	// in vain; DropBalancerRefused is a server's refusal, after which the client
	// gets another server.
	DropBalancerWaits
	DropBalancerFull
	DropBalancerRefused
	// DropNeighbour has a next hop that does not answer.
	DropNeighbour
	// DropNeighbourQueue found no place to wait for its next hop.
	DropNeighbourQueue
	// DropPort could not be written to its port.
	DropPort

	// Fates is their number.
	Fates

	// held is not a fate yet.
	held
	// settled stands for the fates of segments, which are counted already.
	settled
)

// FirstDrop is the first fate that means a frame was dropped.
const FirstDrop = DropFrameShort

var fateNames = [Fates]string{
	Forwarded: "forwarded", Fragmented: "fragmented", ARP: "arp", Discovery: "discovery",
	Echo: "echo", Delivered: "delivered",
	DropFrameShort: "frame_short", DropFrameLong: "frame_long", DropFrameSource: "frame_source",
	DropOffload: "offload", DropNotForUs: "not_for_us", DropVLAN: "vlan", DropEtherType: "ether_type",
	DropARPMalformed: "arp_malformed", DropARPSpoofed: "arp_spoofed",
	DropNeighbourMalformed: "neighbour_malformed", DropNeighbourSpoofed: "neighbour_spoofed",
	DropIPHeader: "ip_header", DropIPLength: "ip_length", DropIPChecksum: "ip_checksum", DropIPOptions: "ip_options",
	DropBroadcast: "broadcast", DropMartian: "martian", DropScope: "scope", DropSpoofed: "spoofed",
	DropTransport: "transport", DropTransportChecksum: "transport_checksum",
	DropFragment: "fragment", DropFragmentOrphan: "fragment_orphan", DropInvalid: "invalid",
	DropPrerouting: "prerouting", DropInput: "input", DropForward: "policy", DropOutput: "output", DropPostrouting: "postrouting",
	DropNoService: "no_service", DropNoRoute: "no_route", DropTTL: "ttl", DropTooBig: "too_big",
	DropFlowsFull:     "flows_full",
	DropBalancerWaits: "balancer_waits", DropBalancerFull: "balancer_full", DropBalancerRefused: "balancer_refused",
	DropNeighbour: "neighbour", DropNeighbourQueue: "neighbour_queue", DropPort: "port",
}

// String is a stable name of lower-case letters and underscores.
func (f Fate) String() string { return fateNames[f] }
