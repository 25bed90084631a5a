package check

import (
	"net/netip"

	"tender/nacl/program"
	"tender/nacl/syntax"
)

// maxCost bounds the cost of a route.
const maxCost = 1 << 30

// gateway checks the Gateway, an object of named routes or a list of them.
func (c *checker) gateway(e *element) {
	g := &program.Gateway{Name: e.name.Text, At: e.place(), SendTimeExceeded: true}
	c.out.Gateway = g
	n := e.root
	if n.kind != object {
		c.errorf(n.value.Place(), "Gateway %s is an object of named routes or a list of routes", g.Name)
		return
	}
	m := &members{c, "Gateway " + g.Name, g.At, n, e.broken}
	g.Forward = m.chain("forward", false)
	if send, ok := m.bool("send_time_exceeded"); ok {
		g.SendTimeExceeded = send
	}
	for _, r := range n.members {
		switch n.canonical(r.key.Text) {
		case "forward", "send_time_exceeded":
			continue
		}
		c.route(g, r, e.broken)
	}
	c.ofOneKind(g)
}

// route checks a route of the Gateway.
func (c *checker) route(g *program.Gateway, n *node, silent bool) {
	what := "a route of Gateway " + g.Name
	if n.key.Text != "" {
		what = "route " + n.key.Text
	}
	if name, ok := n.value.(*syntax.Name); ok {
		v, ok := c.meaning(name)
		if !ok {
			return
		}
		if v.node != nil {
			folded := c.object(n.key, true)
			for _, m := range v.node.members {
				folded.add(m)
			}
			n = folded
		}
	}
	m, ok := c.open(n, what, n.key.Span, silent,
		"net", "host", "netmask", "iface", "nexthop", "cost", "net6", "host6", "prefix6", "nexthop6")
	if !ok {
		return
	}
	r := &program.Route{Name: n.key.Text, At: n.key.Span, Cost: 1}
	good := m.destination(r)
	if m.require("iface") {
		r.Iface, ok = m.ifaceOf("iface")
		good = good && ok
	}
	if m.has("cost") {
		r.Cost, _ = m.int("cost", 0, maxCost)
	}
	if good && r.Iface != nil {
		g.Routes = append(g.Routes, r)
	}
}

// destination reads where a route leads, and its next hop.
func (m *members) destination(r *program.Route) bool {
	var given []string
	for _, k := range []string{"net", "host", "net6", "host6"} {
		if m.has(k) {
			given = append(given, k)
		}
	}
	switch {
	case len(given) == 0:
		if !m.silent {
			m.errorf(m.at, "%s needs the member net or host", m.what)
		}
		m.require("netmask")
		return false
	case len(given) > 1:
		m.errorf(m.node.member(given[1]).key.Span, "%s has %s and %s: only one of them", m.what, given[0], given[1])
		return false
	}
	switch key := given[0]; key {
	case "net", "host":
		m.refuse(r, "an IPv4 route", "prefix6", "nexthop6")
		a, ok1 := m.addr4(key)
		if !m.require("netmask") {
			return false
		}
		bits, ok2 := m.netmask("netmask")
		if ok1 && ok2 {
			r.Prefix = netip.PrefixFrom(a, bits).Masked()
		}
		r.NextHop, _ = m.addr4("nexthop")
		if r.NextHop.IsValid() && r.NextHop.IsUnspecified() {
			r.NextHop = netip.Addr{} // 0.0.0.0 is none
		}
		return ok1 && ok2
	case "host6":
		m.refuse(r, "an IPv6 route to a host", "netmask", "nexthop", "prefix6")
		a, ok := m.addr6(key)
		r.Prefix = netip.PrefixFrom(a, 128)
		r.NextHop, _ = m.addr6("nexthop6")
		return ok
	}
	m.refuse(r, "an IPv6 route", "netmask", "nexthop")
	p, ok := m.prefix6("net6")
	r.Prefix = p.Masked()
	r.NextHop, _ = m.addr6("nexthop6")
	return ok
}

// refuse reports members that a kind of route does not have.
func (m *members) refuse(r *program.Route, kind string, keys ...string) {
	for _, k := range keys {
		if m.has(k) {
			m.errorf(m.node.member(k).key.Span, "%s is %s: it has no %s", m.what, kind, k)
		}
	}
}

// ofOneKind refuses routes over VLANs beside routes over plain interfaces.
func (c *checker) ofOneKind(g *program.Gateway) {
	for _, r := range g.Routes {
		if first := g.Routes[0]; (r.Iface.VLAN != 0) != (first.Iface.VLAN != 0) {
			plain, vlan := first.Iface, r.Iface
			if plain.VLAN != 0 {
				plain, vlan = vlan, plain
			}
			c.errorf(r.At, "the routes of Gateway %s must all be over vlans or none: %s is a vlan, %s is none", g.Name, vlan.Name, plain.Name)
			return
		}
	}
}
