package engine

import (
	"fmt"

	"tender/guest/net/route"
	"tender/guest/net/wire"
)

// way is a route of either family; without ok there is none.
type way struct {
	// hop is the neighbour to send to, zero for the destination itself.
	hop   wire.Addr
	iface int
	kind  route.Kind
	ok    bool
}

// way finds the way to an address.
func (e *Engine) way(a wire.Addr) way {
	if a.Is4() {
		return e.way4(a.As4())
	}
	r := e.routes6.Lookup(a)
	if r == nil {
		return way{}
	}
	return way{r.NextHop, r.Iface, r.Kind, true}
}

func (e *Engine) way4(a wire.Addr4) way {
	r := e.routes.Lookup(a)
	if r == nil {
		return way{}
	}
	w := way{iface: r.Iface, kind: r.Kind, ok: true}
	if r.NextHop != 0 {
		w.hop = wire.From4(r.NextHop)
	}
	return w
}

// leads reports a way to others.
func (w *way) leads() bool { return w.ok && (w.kind == route.Forward || w.kind == route.Own) }

// buildRoutes makes the routing tables.
func (e *Engine) buildRoutes(c *Config) error {
	routes, err := route.New(c.routes())
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	routes6, err := route.New6(c.routes6())
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	e.routes, e.routes6 = routes, routes6
	return nil
}

// Costs of the interfaces' own routes: they win over configured routes to the
// same prefix.
const (
	costLocal     = -3
	costBroadcast = -2
	costOnLink    = -1
)

// routes returns the interfaces' own routes and those configured.
func (c *Config) routes() []route.Route {
	var all []route.Route
	for i := range c.Interfaces {
		for _, a := range c.Interfaces[i].Addrs {
			host := func(addr wire.Addr4, kind route.Kind, cost int) route.Route {
				return route.Route{Prefix: wire.Prefix4{Addr: addr, Bits: 32}, Iface: i, Kind: kind, Cost: cost}
			}
			all = append(all, host(a.Addr, route.Local, costLocal))
			if a.Bits < 32 {
				all = append(all, route.Route{Prefix: a, Iface: i, Cost: costOnLink})
			}
			if a.Bits < 31 {
				all = append(all, host(a.Network(), route.Broadcast, costBroadcast), host(a.Last(), route.Broadcast, costBroadcast))
			}
		}
	}
	for _, r := range c.Routes {
		r.Cost = max(r.Cost, 0)
		all = append(all, r)
	}
	return all
}

func (c *Config) routes6() []route.Route6 {
	var all []route.Route6
	for i := range c.Interfaces {
		for _, a := range c.Interfaces[i].Addrs6 {
			all = append(all, route.Route6{Prefix: wire.Prefix{Addr: a.Addr, Bits: 128}, Iface: i, Kind: route.Local, Cost: costLocal})
			if a.Bits < 128 {
				all = append(all, route.Route6{Prefix: a, Iface: i, Cost: costOnLink})
			}
		}
	}
	for _, r := range c.Routes6 {
		r.Cost = max(r.Cost, 0)
		all = append(all, r)
	}
	return all
}

// Readdress gives an interface other IPv4 addresses, and the engine other
// routes in the place of Config.Routes. On an error all stays as it was. It
// allocates. What is under way with the old address ends by its timeouts.
func (e *Engine) Readdress(iface int, addrs []wire.Prefix4, routes []route.Route) error {
	c := e.config
	c.Interfaces = append([]Interface(nil), c.Interfaces...)
	c.Interfaces[iface].Addrs = addrs
	c.Routes = routes
	if err := c.check(); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	if err := e.buildRoutes(&c); err != nil {
		return err
	}
	e.config = c
	e.ifaces[iface].Addrs = addrs
	return nil
}
