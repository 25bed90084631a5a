package engine

import (
	"fmt"

	"tender/guest/net/flow"
	"tender/guest/net/route"
	"tender/guest/net/wire"
)

// check says what in the configuration cannot work.
func (c *Config) check() error {
	if n := len(c.Interfaces); n == 0 || n > MaxInterfaces {
		return fmt.Errorf("%d interfaces: an engine has 1 to %d", n, MaxInterfaces)
	}
	if c.Fragments < 0 || c.Fragments > flow.MaxCapacity || c.ICMPErrorsPerSecond < 0 || c.ICMPErrorsPerSecond > 1e9 {
		return fmt.Errorf("%d fragmented datagrams and %d ICMP errors per second: out of bounds", c.Fragments, c.ICMPErrorsPerSecond)
	}
	for i := range c.Interfaces {
		n := &c.Interfaces[i]
		if err := n.check(); err != nil {
			return fmt.Errorf("interface %s: %w", n.Name, err)
		}
		if err := c.checkVLAN(i); err != nil {
			return fmt.Errorf("interface %s: %w", n.Name, err)
		}
	}
	if err := c.checkAddrs(); err != nil {
		return err
	}
	for _, r := range c.Routes {
		if err := c.checkRoute(r.Kind, r.Iface, wire.From4(r.NextHop), r.NextHop == 0); err != nil {
			return fmt.Errorf("route to %v: %w", r.Prefix, err)
		}
	}
	for _, r := range c.Routes6 {
		if err := c.checkRoute(r.Kind, r.Iface, r.NextHop, r.NextHop.IsZero()); err != nil {
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
	case len(n.Addrs6) > 0 && n.MTU < MinMTU6:
		return fmt.Errorf("MTU %d is less than the %d that IPv6 needs", n.MTU, MinMTU6)
	case len(n.Addrs) == 0 && len(n.Addrs6) == 0 && !n.Unnumbered:
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
	for _, a := range n.Addrs6 {
		switch {
		case a.Bits == 0 || a.Bits > 128:
			return fmt.Errorf("address %v: the network must have 1 to 128 bits", a)
		case a.Addr.IsMartian() || a.Addr.IsMulticast() || a.Addr.IsLinkLocal():
			return fmt.Errorf("address %v cannot be a router's", a)
		}
	}
	return nil
}

func (c *Config) checkVLAN(i int) error {
	n := &c.Interfaces[i]
	if n.VLAN == 0 {
		return nil
	}
	if n.VLAN > wire.MaxVLAN {
		return fmt.Errorf("VLAN %d: the numbers are 1 to %d", n.VLAN, wire.MaxVLAN)
	}
	if n.Parent < 0 || n.Parent >= len(c.Interfaces) {
		return fmt.Errorf("there is no interface %d for its VLAN %d", n.Parent, n.VLAN)
	}
	parent := &c.Interfaces[n.Parent]
	if parent.VLAN != 0 || n.MTU > parent.MTU {
		return fmt.Errorf("cannot be a VLAN with MTU %d on %s: that must be no VLAN, and its MTU is %d", n.MTU, parent.Name, parent.MTU)
	}
	for j := range c.Interfaces[:i] {
		if o := &c.Interfaces[j]; o.VLAN == n.VLAN && o.Parent == n.Parent {
			return fmt.Errorf("VLAN %d is interface %s already", n.VLAN, o.Name)
		}
	}
	return nil
}

// checkAddrs finds addresses and networks that are on two interfaces.
func (c *Config) checkAddrs() error {
	type owned struct {
		name    string
		addr    wire.Addr
		network wire.Addr
		bits    uint8
	}
	var all []owned
	for i := range c.Interfaces {
		n := &c.Interfaces[i]
		var own []owned
		for _, a := range n.Addrs {
			own = append(own, owned{n.Name, wire.From4(a.Addr), wire.From4(a.Network()), a.Bits + 96})
		}
		for _, a := range n.Addrs6 {
			own = append(own, owned{n.Name, a.Addr, a.Network(), a.Bits})
		}
		for _, a := range own {
			for _, o := range all {
				if o.addr == a.addr || o.network == a.network && o.bits == a.bits && o.name != a.name {
					return fmt.Errorf("interface %s: address %v collides with %v of interface %s", a.name, a.addr, o.addr, o.name)
				}
			}
			all = append(all, a)
		}
	}
	return nil
}

func (c *Config) checkRoute(kind route.Kind, iface int, hop wire.Addr, direct bool) error {
	if kind != route.Forward && kind != route.Own {
		return fmt.Errorf("local and broadcast routes come from the interfaces' addresses")
	}
	if iface < 0 || iface >= len(c.Interfaces) {
		return fmt.Errorf("there is no interface %d", iface)
	}
	if direct {
		return nil
	}
	for i := range c.Interfaces {
		if c.Interfaces[i].owns(hop) {
			return fmt.Errorf("next hop %v is our own address", hop)
		}
	}
	if n := &c.Interfaces[iface]; !n.onLink(hop) {
		return fmt.Errorf("next hop %v is in no network of interface %s", hop, n.Name)
	}
	return nil
}

// onLink reports whether a can be a neighbour's address: in a network of the
// interface, and no broadcast address of it, or link-local.
func (n *Interface) onLink(a wire.Addr) bool {
	if a.Is4() {
		for _, p := range n.Addrs {
			if b := a.As4(); p.Contains(b) && (p.Bits >= 31 || b != p.Network() && b != p.Last()) {
				return true
			}
		}
		return false
	}
	for _, p := range n.Addrs6 {
		if p.Contains(a) {
			return true
		}
	}
	return len(n.Addrs6) > 0 && a.IsLinkLocal()
}

// owns reports whether a is an address of the interface.
func (n *Interface) owns(a wire.Addr) bool {
	if a.Is4() {
		for _, p := range n.Addrs {
			if p.Addr == a.As4() {
				return true
			}
		}
		return false
	}
	for _, p := range n.Addrs6 {
		if p.Addr == a {
			return true
		}
	}
	return len(n.Addrs6) > 0 && a == wire.LinkLocal(n.MAC)
}
