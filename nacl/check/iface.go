package check

import (
	"net"
	"net/netip"

	"tender/nacl/program"
	"tender/nacl/syntax"
)

// Bounds of an Iface's members.
const (
	maxIndex = 62
	maxVLAN  = 4094
	maxLimit = 1 << 20
)

// iface checks an Iface.
func (c *checker) iface(e *element) {
	i := &program.Iface{Name: e.name.Text, At: e.place(), Index: program.NoDevice}
	c.ifaces[e] = i
	c.out.Ifaces = append(c.out.Ifaces, i)
	m, ok := c.open(e.root, "Iface "+i.Name, i.At, e.broken, "index", "address", "netmask", "gateway", "dns", "config", "vlan",
		"masquerade", "send_queue_limit", "buffer_limit", "prerouting", "input", "output", "postrouting",
		"address6", "prefix6", "gateway6")
	if !ok {
		return
	}
	m.device(i)
	m.addresses(i)
	if m.has("vlan") {
		i.VLAN, _ = m.int("vlan", 1, maxVLAN)
		m.vlan(i)
	}
	i.Masquerade, _ = m.bool("masquerade")
	i.SendQueueLimit, _ = m.int("send_queue_limit", 1, maxLimit)
	i.BufferLimit, _ = m.int("buffer_limit", 1, maxLimit)
	for k, chain := range map[string]*[]*program.Function{
		"prerouting": &i.Prerouting, "input": &i.Input, "output": &i.Output, "postrouting": &i.Postrouting,
	} {
		*chain = m.chain(k, true)
	}
}

// device reads the number or the Ethernet address of the network device.
func (m *members) device(i *program.Iface) {
	v, ok := m.meaning("index")
	if !ok {
		m.require("index")
		return
	}
	text, ok := v.literal.(*syntax.String)
	if !ok {
		if n, ok := m.int("index", 0, maxIndex); ok {
			i.Index = n
		}
		return
	}
	mac, err := net.ParseMAC(text.Value)
	if err != nil || len(mac) != 6 {
		m.errorf(v.at, "index is the number of a network device or an Ethernet address such as \"02:00:00:00:00:01\"")
		return
	}
	i.MAC = mac.String()
}

// addresses reads address, netmask and the like, of both families.
func (m *members) addresses(i *program.Iface) {
	if config, ok := m.word("config", "static", "dhcp", "dhcp-with-fallback"); ok {
		i.Config = map[string]program.Config{
			"static": program.Static, "dhcp": program.DHCP, "dhcp-with-fallback": program.DHCPWithFallback,
		}[config]
	}
	switch {
	case m.has("address") && !m.has("netmask"):
		m.errorf(m.node.member("address").key.Span, "%s has an address and no netmask", m.what)
	case m.has("address"):
		a, ok1 := m.addr4("address")
		bits, ok2 := m.netmask("netmask")
		if ok1 && ok2 {
			i.Addr = netip.PrefixFrom(a, bits)
		}
	case m.has("netmask"):
		m.netmask("netmask")
	}
	i.Gateway, _ = m.addr4("gateway")
	m.addr4("dns") // rules may read it; nothing else asks for names
	i.Addr6, _ = m.prefix6("address6")
	i.Gateway6, _ = m.addr6("gateway6")
	if m.has("prefix6") && !m.has("address6") {
		m.errorf(m.node.member("prefix6").key.Span, "%s has a prefix6 and no address6", m.what)
	}
	if i.Config == program.DHCPWithFallback && !i.Addr.IsValid() && !m.has("address") && !m.silent {
		m.errs.Warnf(m.place("config"), "%s has no address to fall back to", m.what)
	}
}

// vlan checks what is different for VLANs.
func (m *members) vlan(i *program.Iface) {
	if i.Config == program.DHCP {
		for _, k := range []string{"address", "netmask", "gateway", "dns"} {
			if m.has(k) {
				m.errorf(m.node.member(k).key.Span, "%s is a vlan whose configuration is dhcp: it cannot have a member %s", m.what, k)
			}
		}
	} else if !m.has("address") && !m.has("address6") && !m.silent {
		m.errorf(m.at, "%s is a vlan: it needs address and netmask, or config: dhcp", m.what)
	}
	for _, k := range []string{"send_queue_limit", "buffer_limit"} {
		if m.has(k) {
			m.errorf(m.node.member(k).key.Span, "%s is a vlan: %s is a member of the Iface it is on", m.what, k)
		}
	}
}

// chain reads the functions of a chain: Filters of whole IP that end in a
// verdict, and where nats says so, Nats.
func (m *members) chain(key string, nats bool) []*program.Function {
	var all []*program.Function
	for _, v := range m.values(key) {
		v, ok := m.checker.meaning(v)
		if !ok {
			continue
		}
		items := []meaning{v}
		if l, ok := v.literal.(*syntax.List); ok {
			items = nil
			for _, item := range l.Items {
				if v, ok := m.checker.meaning(item); ok {
					items = append(items, v)
				}
			}
		}
		for _, v := range items {
			if f := m.onChain(v, key, nats); f != nil {
				for _, other := range all {
					if other == f {
						m.errorf(v.at, "%s has the function %s twice", key, f.Name)
					}
				}
				all = append(all, f)
			}
		}
	}
	if m.has(key) && m.node.member(key).kind == object {
		m.wrong(key, "a function or a list of functions")
	}
	return all
}

func (m *members) onChain(v meaning, key string, nats bool) *program.Function {
	if v.element == nil || v.element.function == nil {
		m.errorf(v.at, "%s is no function, and %s has nothing else", m.source(v.at), key)
		return nil
	}
	e, d := v.element, v.element.function
	f := e.checked
	switch {
	case d.Action == syntax.Rewrite: // it was reported
		return nil
	case f.Nat && !nats:
		m.errorf(v.at, "%s is a Nat: those are on chains of an Iface, not on %s", f.Name, key)
	case f.Nat:
		return f
	case d.Protocol != syntax.IP && d.Protocol != syntax.IP6:
		m.errorf(v.at, "%s is a %s: only Filter::IP and Filter::IP6 can be on a chain", f.Name, head(d))
	case !d.Broken && !endsInVerdict(d.Body):
		m.errorf(v.at, "%s does not end in accept or drop: a function on a chain must come to a verdict", f.Name)
	default:
		return f
	}
	return nil
}

// endsInVerdict reports that the last statement is accept or drop, without
// parentheses.
func endsInVerdict(body []syntax.Stmt) bool {
	if len(body) == 0 {
		return false
	}
	c, ok := body[len(body)-1].(*syntax.Call)
	if !ok || c.Parens {
		return false
	}
	_, verdict := oneOf(&syntax.Name{Words: []syntax.Word{c.Name}}, []string{"accept", "drop"})
	return verdict
}
