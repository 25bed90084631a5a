package check

import (
	"math"
	"net/netip"

	"tender/nacl/diag"
	"tender/nacl/program"
	"tender/nacl/syntax"
)

// Bounds of a Load_balancer.
const (
	maxPool     = 1024
	maxSessions = 1 << 20
)

// balancer checks a Load_balancer. There is one for each layer.
func (c *checker) balancer(e *element) {
	b := &program.Balancer{
		Name: e.name.Text, At: e.place(),
		WaitQueueLimit: program.DefaultWaitQueueLimit, SessionLimit: program.DefaultSessionLimit,
	}
	m, ok := c.open(e.root, "Load_balancer "+b.Name, b.At, e.broken, "layer", "clients", "servers")
	if !ok || !m.require("layer", "clients", "servers") {
		return
	}
	layer, ok := m.word("layer", "tcp", "tcp6")
	if !ok {
		return
	}
	b.IPv6 = layer == "tcp6"
	for _, o := range c.out.Balancers {
		if o.IPv6 == b.IPv6 {
			c.errorf(b.At, "a second Load_balancer for layer %s: there is one already, %s on line %d", layer, o.Name, c.line(o.At))
			return
		}
	}
	c.out.Balancers = append(c.out.Balancers, b)
	if n, at, ok := m.object("clients"); ok {
		c.clients(b, n, at, e.broken)
	}
	if n, at, ok := m.object("servers"); ok {
		c.servers(b, n, at, e.broken)
	}
}

func (c *checker) clients(b *program.Balancer, n *node, at diag.Span, silent bool) {
	m, ok := c.open(n, "clients", at, silent, "iface", "port", "wait_queue_limit", "session_limit")
	if !ok || !m.require("iface", "port") {
		return
	}
	b.Clients, _ = m.ifaceOf("iface")
	if i := b.Clients; i != nil && b.IPv6 && !i.Addr6.IsValid() {
		m.errorf(m.place("iface"), "Iface %s has no address6 for a Load_balancer of layer tcp6", i.Name)
	}
	port, _ := m.int("port", 1, math.MaxUint16)
	b.Port = uint16(port)
	if n, ok := m.int("wait_queue_limit", 1, maxSessions); ok {
		b.WaitQueueLimit = n
	}
	if n, ok := m.int("session_limit", 1, maxSessions); ok {
		b.SessionLimit = n
	}
}

func (c *checker) servers(b *program.Balancer, n *node, at diag.Span, silent bool) {
	m, ok := c.open(n, "servers", at, silent, "iface", "algorithm", "pool")
	if !ok || !m.require("iface", "algorithm", "pool") {
		return
	}
	b.Servers, _ = m.ifaceOf("iface")
	m.word("algorithm", "round_robin")
	v, ok := m.meaning("pool")
	if !ok {
		return
	}
	l, ok := v.literal.(*syntax.List)
	if !ok {
		m.wrong("pool", "a list of servers")
		return
	}
	if len(l.Items) > maxPool {
		m.errorf(v.at, "the pool has more than %d servers", maxPool)
		return
	}
	for _, item := range l.Items {
		c.server(b, item, silent)
	}
}

func (c *checker) server(b *program.Balancer, item syntax.Value, silent bool) {
	v, ok := c.meaning(item)
	if !ok {
		return
	}
	n := v.node
	if o, ok := v.literal.(*syntax.Object); ok {
		n = c.tree(syntax.Word{Span: v.at, Text: "server"}, o, false)
	}
	m, ok := c.open(n, "a server of the pool", item.Place(), silent, "address", "port")
	if !ok || !m.require("address", "port") {
		return
	}
	address := m.addr4
	if b.IPv6 {
		address = m.addr6
	}
	a, ok1 := address("address")
	port, ok2 := m.int("port", 1, math.MaxUint16)
	if !ok1 || !ok2 {
		return
	}
	s := netip.AddrPortFrom(a, uint16(port))
	for _, o := range b.Pool {
		if o == s {
			m.errorf(item.Place(), "the pool has %s twice", s)
			return
		}
	}
	b.Pool = append(b.Pool, s)
}
