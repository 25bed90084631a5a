package appliance

import (
	"fmt"
	"io"

	"tender/guest/net/balance"
	"tender/guest/net/engine"
	"tender/guest/net/journal"
	"tender/guest/net/link"
	"tender/guest/net/packet"
	"tender/guest/net/route"
	"tender/guest/net/wire"
)

// Appliance is a program at work. It is for one goroutine.
type Appliance struct {
	program *Program
	devices []*link.Link
	poller  Poller
	engine  *engine.Engine
	journal *journal.Journal
	out     io.Writer
	// ports are the engine's interfaces of the devices, numbers the engine's
	// interfaces of Program.Ifaces.
	ports, numbers []int
	clock          clock
	timers         []timer
	sender         sender
	sampler        *sampler
	askers         []*asker
	balancers      []*balance.Balancer
	// leases are the addresses of interfaces that are not Static, by their
	// place in Program.Ifaces.
	leases map[int]lease
}

// New checks the program against its devices, which are those of Program.NICs
// in their order, and makes all that it needs. What it prints goes to out.
func New(p *Program, devices []link.Device, poller Poller, out io.Writer) (*Appliance, error) {
	if len(devices) != len(p.NICs) {
		return nil, fmt.Errorf("the program names %d network devices, and there are %d", len(p.NICs), len(devices))
	}
	a := &Appliance{program: p, poller: poller, journal: p.Journal, out: out, leases: map[int]lease{}}
	for _, d := range devices {
		a.devices = append(a.devices, link.New(d))
	}
	if a.journal == nil {
		a.journal = journal.New(journal.Config{Console: out})
	}
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	if c.Balancers, err = a.newBalancers(); err != nil {
		return nil, err
	}
	if a.engine, err = engine.New(c); err != nil {
		return nil, err
	}
	if err := a.checkServers(); err != nil {
		return nil, err
	}
	for d, l := range a.devices {
		l.Attach(a.engine, a.ports[d])
	}
	if err := a.prepare(); err != nil {
		return nil, err
	}
	return a, nil
}

// config makes the engine's configuration: an interface for each of the
// program's, and one without an address for a device that has only VLANs.
func (a *Appliance) config() (engine.Config, error) {
	p := a.program
	c := engine.Config{
		Flows: p.Conntrack.Limit, Timeouts: p.Conntrack.Timeouts, StatelessTCP: p.Conntrack.StatelessTCP,
		AnySource: p.Gateway == nil || !p.Gateway.StrictSource,
	}
	if c.Flows == 0 && p.Conntrack.Reserve > engine.DefaultFlows {
		c.Flows = p.Conntrack.Reserve
	}
	a.numbers, a.ports = make([]int, len(p.Ifaces)), make([]int, len(a.devices))
	for d := range a.devices {
		a.ports[d] = -1
	}
	for i := range p.Ifaces { // those with a port first
		f := &p.Ifaces[i]
		d, err := a.deviceOf(f)
		if err != nil {
			return c, err
		}
		if f.VLAN != 0 {
			continue
		}
		if a.ports[d] >= 0 {
			return c, fmt.Errorf("interface %s: its device is that of interface %s already", f.Name, c.Interfaces[a.ports[d]].Name)
		}
		a.ports[d], a.numbers[i] = len(c.Interfaces), len(c.Interfaces)
		c.Interfaces = append(c.Interfaces, a.ifaceOf(f, d))
		a.bootstrap(&c, i, d)
	}
	for d := range a.devices {
		if a.ports[d] < 0 {
			a.ports[d] = len(c.Interfaces)
			c.Interfaces = append(c.Interfaces, a.ifaceOf(&Iface{Name: p.NICs[d]}, d))
		}
	}
	for i := range p.Ifaces {
		if f := &p.Ifaces[i]; f.VLAN != 0 {
			d, _ := a.deviceOf(f)
			n := a.ifaceOf(f, d)
			n.Port, n.VLAN, n.Parent = nil, f.VLAN, a.ports[d]
			a.numbers[i] = len(c.Interfaces)
			c.Interfaces = append(c.Interfaces, n)
			a.bootstrap(&c, i, d)
		}
	}
	return c, a.forwarding(&c)
}

// bootstrap lets the last interface of c, which is interface i of the
// program, ask for its address if it has to.
func (a *Appliance) bootstrap(c *engine.Config, i, device int) {
	if a.program.Ifaces[i].Mode != Static {
		c.Interfaces[len(c.Interfaces)-1].Bootstrap = a.newAsker(i, device).receive
	}
}

// deviceOf is the place of an interface's device.
func (a *Appliance) deviceOf(f *Iface) (int, error) {
	if f.MAC != (wire.MAC{}) {
		for d := range a.devices {
			if wire.MAC(a.devices[d].MAC()) == f.MAC {
				return d, nil
			}
		}
		return 0, fmt.Errorf("interface %s: there is no network device with the address %v", f.Name, f.MAC)
	}
	if f.NIC < 0 || f.NIC >= len(a.devices) {
		return 0, fmt.Errorf("interface %s: there is no network device %d, only %d of them", f.Name, f.NIC, len(a.devices))
	}
	return f.NIC, nil
}

func (a *Appliance) ifaceOf(f *Iface, d int) engine.Interface {
	n := engine.Interface{
		Name: f.Name, Port: a.devices[d], MAC: a.devices[d].MAC(), MTU: a.devices[d].MTU(),
		Unnumbered: true, Masquerade: f.Masquerade, Waiting: f.SendQueueLimit,
		Prerouting: join(f.Prerouting), Input: join(f.Input), Output: join(f.Output), Postrouting: join(f.Postrouting),
	}
	if f.BufferLimit > 0 && (n.Waiting == 0 && f.BufferLimit < engine.DefaultWaiting || f.BufferLimit < n.Waiting) {
		n.Waiting = f.BufferLimit
	}
	if f.Address.Bits > 0 && f.Mode == Static {
		n.Addrs = []wire.Prefix4{f.Address}
	}
	if f.Address6.Bits > 0 {
		n.Addrs6 = []wire.Prefix{f.Address6}
	}
	return n
}

// join makes one chain of many; none is nil, which accepts all.
func join(chains []packet.Chain) packet.Chain {
	switch len(chains) {
	case 0:
		return nil
	case 1:
		return chains[0]
	}
	return func(p *packet.Packet) packet.Verdict {
		for _, f := range chains {
			if f(p) == packet.Drop {
				return packet.Drop
			}
		}
		return packet.Accept
	}
}

// forwarding adds the routes and the forward chain.
func (a *Appliance) forwarding(c *engine.Config) error {
	p := a.program
	c.Forward = func(*packet.Packet) packet.Verdict { return packet.Accept }
	if p.Gateway == nil {
		c.OnlyTranslated = true
	} else {
		c.SilentTTL = p.Gateway.SilentTTL
		if forward := join(p.Gateway.Forward); forward != nil {
			c.Forward = forward
		}
		for _, r := range p.Gateway.Routes {
			if r.Iface < 0 || r.Iface >= len(p.Ifaces) {
				return fmt.Errorf("a route leads to interface %d, and there are %d", r.Iface, len(p.Ifaces))
			}
			if r.IPv6 {
				c.Routes6 = append(c.Routes6, route.Route6{Prefix: r.Net6, NextHop: r.NextHop6, Iface: a.numbers[r.Iface], Cost: r.Cost})
			}
		}
	}
	kind := a.uplinkKind()
	for i := range p.Ifaces {
		if f := &p.Ifaces[i]; !f.Gateway6.IsZero() {
			c.Routes6 = append(c.Routes6, route.Route6{NextHop: f.Gateway6, Iface: a.numbers[i], Cost: uplinkCost, Kind: kind})
		}
	}
	c.Routes = a.routes(a.leases)
	return nil
}

// uplinkCost is that of routes to Iface.Gateway: any route of the program's
// is better.
const uplinkCost = 1 << 30

// uplinkKind is what the routes to Iface.Gateway are good for.
func (a *Appliance) uplinkKind() route.Kind {
	if a.program.Gateway != nil {
		return route.Own
	}
	return route.Forward
}

// routes are the IPv4 routes, with those of leases: where an interface has
// one, its gateway is that of the lease. Routes whose next hop is on no network
// yet are left out.
func (a *Appliance) routes(leases map[int]lease) []route.Route {
	p := a.program
	var all []route.Route
	if p.Gateway != nil {
		for _, r := range p.Gateway.Routes {
			if r.IPv6 || r.NextHop != 0 && p.Ifaces[r.Iface].Mode != Static && !leases[r.Iface].reaches(r.NextHop) {
				continue
			}
			all = append(all, route.Route{Prefix: r.Net, NextHop: r.NextHop, Iface: a.numbers[r.Iface], Cost: r.Cost})
		}
	}
	for i := range p.Ifaces {
		f := &p.Ifaces[i]
		gateway := f.Gateway
		if f.Mode != Static {
			gateway = leases[i].gateway
		}
		if gateway != 0 {
			all = append(all, route.Route{NextHop: gateway, Iface: a.numbers[i], Cost: uplinkCost, Kind: a.uplinkKind()})
		}
	}
	return all
}
