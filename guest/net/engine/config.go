package engine

import (
	"fmt"

	"tender/guest/net/flow"
	"tender/guest/net/packet"
	"tender/guest/net/route"
	"tender/guest/net/wire"
)

// Port is where an interface's frames go out. The frame is the engine's again
// when WriteFrame returns. An error means that the frame was not sent; it is
// counted, and nothing else happens.
type Port interface {
	WriteFrame(frame []byte) error
}

// Interface is one Ethernet interface.
type Interface struct {
	// Name is for messages and counters.
	Name string
	Port Port
	MAC  wire.MAC
	// MTU is the longest datagram in bytes, MinMTU to MaxMTU.
	MTU int
	// Addrs are the interface's own addresses, each with its network. The
	// first is the source of ICMP errors.
	Addrs []wire.Prefix4
	// Chains; nil accepts all.
	Prerouting, Input, Output, Postrouting packet.Chain
}

// Bounds of Interface.MTU.
const (
	MinMTU = 68
	MaxMTU = 0xffff - wire.EthernetLen
)

// MaxInterfaces is the number of interfaces an engine can have.
const MaxInterfaces = 63

// Config is what an engine is made from. Zero values of the numbers stand for
// the defaults.
type Config struct {
	Interfaces []Interface
	// Routes are those beside the interfaces' own networks. A NextHop must be
	// in a network of its interface.
	Routes []route.Route
	// Forward is the chain of everything that is not to or from the engine
	// itself; nil drops all.
	Forward packet.Chain
	// Flows is the size of the flow table.
	Flows    int
	Timeouts flow.Timeouts
	// Fragments is how many fragmented datagrams can be on their way.
	Fragments int
	// Neighbours and Waiting are the bounds of each interface's ARP cache.
	Neighbours, Waiting int
	// ICMPErrorsPerSecond bounds the ICMP errors sent (RFC 1812 §4.3.2.8).
	ICMPErrorsPerSecond int
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
}

// check says what in the configuration cannot work.
func (c *Config) check() error {
	if n := len(c.Interfaces); n == 0 || n > MaxInterfaces {
		return fmt.Errorf("%d interfaces: an engine has 1 to %d", n, MaxInterfaces)
	}
	if c.Fragments < 0 || c.Fragments > flow.MaxCapacity || c.ICMPErrorsPerSecond < 0 || c.ICMPErrorsPerSecond > 1e9 {
		return fmt.Errorf("%d fragmented datagrams and %d ICMP errors per second: out of bounds", c.Fragments, c.ICMPErrorsPerSecond)
	}
	type owned struct {
		name string
		net  wire.Prefix4
	}
	var all []owned
	for i := range c.Interfaces {
		n := &c.Interfaces[i]
		if err := n.check(); err != nil {
			return fmt.Errorf("interface %s: %w", n.Name, err)
		}
		for _, a := range n.Addrs {
			for _, o := range all {
				if o.net.Addr == a.Addr || o.net.Network() == a.Network() && o.net.Bits == a.Bits && o.name != n.Name {
					return fmt.Errorf("interface %s: address %v collides with %v of interface %s", n.Name, a, o.net, o.name)
				}
			}
			all = append(all, owned{n.Name, a})
		}
	}
	for _, r := range c.Routes {
		if err := c.checkRoute(r); err != nil {
			return fmt.Errorf("route to %v: %w", r.Prefix, err)
		}
	}
	return nil
}

func (n *Interface) check() error {
	switch {
	case n.Port == nil:
		return fmt.Errorf("has no port")
	case !n.MAC.IsStation():
		return fmt.Errorf("%v cannot be a station's Ethernet address", n.MAC)
	case n.MTU < MinMTU || n.MTU > MaxMTU:
		return fmt.Errorf("MTU %d is not in %d to %d", n.MTU, MinMTU, MaxMTU)
	case len(n.Addrs) == 0:
		return fmt.Errorf("has no address")
	}
	for _, a := range n.Addrs {
		switch {
		case a.Bits == 0 || a.Bits > 32:
			return fmt.Errorf("address %v: the network must have 1 to 32 bits", a)
		case a.Addr.IsMartian() || a.Addr.IsMulticast():
			return fmt.Errorf("address %v cannot be a host's", a)
		case a.Bits < 31 && (a.Addr == a.Network() || a.Addr == a.Last()):
			return fmt.Errorf("address %v is the network's own or its broadcast address", a)
		}
	}
	return nil
}

func (c *Config) checkRoute(r route.Route) error {
	if r.Kind != route.Forward {
		return fmt.Errorf("local and broadcast routes come from the interfaces' addresses")
	}
	if r.Iface < 0 || r.Iface >= len(c.Interfaces) {
		return fmt.Errorf("there is no interface %d", r.Iface)
	}
	if r.NextHop == 0 {
		return nil
	}
	n := &c.Interfaces[r.Iface]
	for i := range c.Interfaces {
		for _, a := range c.Interfaces[i].Addrs {
			if a.Addr == r.NextHop {
				return fmt.Errorf("next hop %v is our own address", r.NextHop)
			}
		}
	}
	if !n.onLink(r.NextHop) {
		return fmt.Errorf("next hop %v is in no network of interface %s", r.NextHop, n.Name)
	}
	return nil
}

// onLink reports whether a can be a neighbour's address: in a network of the
// interface, and no broadcast address of it.
func (n *Interface) onLink(a wire.Addr4) bool {
	for _, p := range n.Addrs {
		if p.Contains(a) && (p.Bits >= 31 || a != p.Network() && a != p.Last()) {
			return true
		}
	}
	return false
}

// owns reports whether a is an address of the interface.
func (n *Interface) owns(a wire.Addr4) bool {
	for _, p := range n.Addrs {
		if p.Addr == a {
			return true
		}
	}
	return false
}

// routes returns the interfaces' own routes and those configured. Own networks
// win over configured routes to the same prefix.
func (c *Config) routes() []route.Route {
	var all []route.Route
	for i := range c.Interfaces {
		for _, a := range c.Interfaces[i].Addrs {
			host := func(addr wire.Addr4, kind route.Kind, cost int) route.Route {
				return route.Route{Prefix: wire.Prefix4{Addr: addr, Bits: 32}, Iface: i, Kind: kind, Cost: cost}
			}
			all = append(all, host(a.Addr, route.Local, -3))
			if a.Bits < 32 {
				all = append(all, route.Route{Prefix: a, Iface: i, Cost: -1})
			}
			if a.Bits < 31 {
				all = append(all, host(a.Network(), route.Broadcast, -2), host(a.Last(), route.Broadcast, -2))
			}
		}
	}
	for _, r := range c.Routes {
		r.Cost = max(r.Cost, 0)
		all = append(all, r)
	}
	return all
}
