package appliance

import (
	"bytes"
	"fmt"

	"tender/guest/net/balance"
)

// newBalancers makes the program's balancers.
func (a *Appliance) newBalancers() ([]*balance.Balancer, error) {
	p := a.program
	for i := range p.Balancers {
		c := &p.Balancers[i]
		if c.ClientIface < 0 || c.ClientIface >= len(p.Ifaces) || c.ServerIface < 0 || c.ServerIface >= len(p.Ifaces) {
			return nil, fmt.Errorf("balancer %s: its interfaces %d and %d are not among the %d there are", c.Name, c.ClientIface, c.ServerIface, len(p.Ifaces))
		}
		var servers []balance.Server
		for _, s := range c.Servers {
			servers = append(servers, balance.Server{Addr: s.Address, Port: s.Port})
		}
		b, err := balance.New(balance.Config{
			Iface: a.numbers[c.ClientIface], Port: c.Port, Servers: servers,
			SessionLimit: c.SessionLimit, WaitLimit: c.WaitQueueLimit,
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		a.balancers = append(a.balancers, b)
	}
	return a.balancers, nil
}

// checkServers finds servers that the routes lead to by another interface.
func (a *Appliance) checkServers() error {
	for i := range a.program.Balancers {
		c := &a.program.Balancers[i]
		f := &a.program.Ifaces[c.ServerIface]
		if f.Mode != Static {
			continue
		}
		for _, s := range c.Servers {
			if n, ok := a.engine.WayTo(s.Address); !ok || n != a.numbers[c.ServerIface] {
				return fmt.Errorf("balancer %s: no route leads to server %v through interface %s", c.Name, s.Address, f.Name)
			}
		}
	}
	return nil
}

// sessions prints what the balancers do.
func (a *Appliance) sessions(b *bytes.Buffer) {
	for i, l := range a.balancers {
		c, name := l.Counters(), a.program.Balancers[i].Name
		fmt.Fprintf(b, "lb: %s up %d waiting %d sessions %d waited %d refused %d expired %d\n",
			name, c.Up, c.Waiting, c.Sessions, c.Waited, c.Refused, c.Expired)
		for n := range l.Config().Servers {
			s, up := l.Server(n)
			state := "down"
			if up {
				state = "up"
			}
			fmt.Fprintf(b, "lb: %s server %v port %d %s sessions %d\n", name, s.Addr, s.Port, state, a.engine.Sessions(i, n))
		}
	}
}
