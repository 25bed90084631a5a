package engine

import (
	"tender/guest/net/balance"
	"tender/guest/net/flow"
	"tender/guest/net/packet"
	"tender/guest/net/route"
	"tender/guest/net/wire"
)

// Port is where an interface's frames go out. The frame that Input was given is
// the port's from then on, any other the engine's again when WriteFrame returns.
// An error means that the frame was not sent; it is counted, and nothing else
// happens.
type Port interface {
	WriteFrame(frame []byte) error
}

// OffloadPort is a Port that takes frames with something left to do.
type OffloadPort interface {
	Port
	// WriteOffload is WriteFrame for a frame with something left to do. The
	// slice frame has all headers; Offload.Rest is that of InputOffload,
	// untouched. A large frame has no more headers and data in each segment than
	// the interface's MTU.
	WriteOffload(frame []byte, o packet.Offload) error
	// Offloads says whether the port can have them now: a missing checksum,
	// and the cutting of TCP over IPv4 and IPv6, all or none.
	Offloads() bool
}

// Interface is one Ethernet interface, or a VLAN on one.
type Interface struct {
	// Name is for messages and counters.
	Name string
	// VLAN is 0 for an interface with a port. Otherwise the interface is this
	// 802.1Q VLAN on interface Parent, which has the port: Port and MAC are
	// taken from there.
	VLAN   uint16
	Parent int
	Port   Port
	MAC    wire.MAC
	// MTU is the longest datagram in bytes, MinMTU to MaxMTU, and MinMTU6 at
	// least with IPv6. 0 stands for that of the parent.
	MTU int
	// Addrs and Addrs6 are the interface's own addresses, each with its
	// network. The first is the source of ICMP errors and of what Masquerade
	// translates. IPv6 is ignored where there is no address of it; where there
	// is, the link-local address made from MAC is there too.
	Addrs  []wire.Prefix4
	Addrs6 []wire.Prefix
	// Unnumbered says that there need be no address: the interface is only
	// the parent of others, or will be told its address by Readdress.
	Unnumbered bool
	// Masquerade gives IPv4 flows that begin through this interface its own
	// address as their source.
	Masquerade bool
	// Chains; nil accepts all.
	Prerouting, Input, Output, Postrouting packet.Chain
	// Waiting is how many frames may wait for neighbours of the interface; 0
	// stands for Config.Waiting.
	Waiting int
	// Bootstrap takes the data of UDP datagrams to port 68, whoever they are
	// addressed to: a DHCP client listens here before it has an address. May
	// be nil.
	Bootstrap func(data []byte, nowNanos int64)
}

// Bounds of Interface.MTU.
const (
	MinMTU  = 68
	MinMTU6 = 1280
	MaxMTU  = 0xffff - wire.EthernetLen
)

// MaxInterfaces is the number of interfaces an engine can have.
const MaxInterfaces = 63

// Config is what an engine is made from. Zero values of the numbers stand for
// the defaults.
type Config struct {
	Interfaces []Interface
	// Routes and Routes6 are those beside the interfaces' own networks. A
	// NextHop must be in a network of its interface.
	Routes  []route.Route
	Routes6 []route.Route6
	// Forward is the chain of everything that is not to or from the engine
	// itself; nil drops all.
	Forward packet.Chain
	// Services take datagrams to the engine's own addresses, in this order.
	Services []Service
	// Balancers share TCP connections to our addresses between servers.
	Balancers []*balance.Balancer
	// Flows is the size of the flow table, Timeouts, StatelessTCP and Ports
	// are those of flow.Config.
	Flows        int
	Timeouts     flow.Timeouts
	StatelessTCP bool
	Ports        flow.Ports
	// Fragments is how many fragmented datagrams can be on their way.
	Fragments int
	// Neighbours and Waiting are the bounds of each interface's neighbour
	// cache.
	Neighbours, Waiting int
	// ICMPErrorsPerSecond bounds the ICMP errors sent (RFC 1812 §4.3.2.8).
	ICMPErrorsPerSecond int
	// SilentTTL says nothing to the sender of a datagram whose time to live
	// ends here.
	SilentTTL bool
	// AnySource takes datagrams from an interface that the route back to
	// their source does not lead to. Without it they are dropped (RFC 3704).
	AnySource bool
	// OnlyTranslated drops, after all chains, what would be forwarded with the
	// addresses and ports it came with.
	OnlyTranslated bool
}

// Service takes datagrams addressed to the engine itself. Its methods are
// called on the engine's goroutine.
type Service interface {
	// Deliver reports whether p was for the service, which has then dealt
	// with it. It must not keep p.
	Deliver(p *packet.Packet, nowNanos int64) bool
}

// Defaults of Config.
const (
	DefaultFlows               = 16384
	DefaultFragments           = 256
	DefaultNeighbours          = 512
	DefaultWaiting             = 64
	DefaultICMPErrorsPerSecond = 100
)

func (c *Config) setDefaults() {
	for _, d := range []struct {
		field *int
		value int
	}{
		{&c.Flows, DefaultFlows}, {&c.Fragments, DefaultFragments}, {&c.Neighbours, DefaultNeighbours},
		{&c.Waiting, DefaultWaiting}, {&c.ICMPErrorsPerSecond, DefaultICMPErrorsPerSecond},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if c.Forward == nil {
		c.Forward = func(*packet.Packet) packet.Verdict { return packet.Drop }
	}
	for i := range c.Interfaces {
		n := &c.Interfaces[i]
		if n.VLAN != 0 && n.Parent >= 0 && n.Parent < len(c.Interfaces) {
			parent := &c.Interfaces[n.Parent]
			n.Port, n.MAC = parent.Port, parent.MAC
			if n.MTU == 0 {
				n.MTU = parent.MTU
			}
		}
		if n.Waiting == 0 {
			n.Waiting = c.Waiting
		}
	}
}
