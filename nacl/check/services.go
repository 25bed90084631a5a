package check

import (
	"math"
	"net/netip"

	"tender/nacl/program"
	"tender/nacl/syntax"
)

// maxFlows bounds the connections that can be tracked.
const maxFlows = 1 << 22

func (c *checker) conntrack(e *element) {
	t := &program.Conntrack{Name: e.name.Text, At: e.place(), StatefulTCP: true}
	c.out.Conntrack = t
	m, ok := c.open(e.root, "Conntrack "+t.Name, t.At, e.broken, "limit", "reserve", "stateful_tcp", "timeout")
	if !ok {
		return
	}
	t.Limit, _ = m.int("limit", 1, maxFlows)
	t.Reserve, _ = m.int("reserve", 0, maxFlows)
	if stateful, ok := m.bool("stateful_tcp"); ok {
		t.StatefulTCP = stateful
	}
	n, at, ok := m.object("timeout")
	if !ok {
		return
	}
	if m, ok = c.open(n, "timeout", at, e.broken, "established", "unconfirmed", "confirmed"); !ok {
		return
	}
	for key, timeouts := range map[string]*program.Timeouts{
		"established": &t.Established, "unconfirmed": &t.Unconfirmed, "confirmed": &t.Confirmed,
	} {
		n, at, ok := m.object(key)
		if !ok {
			continue
		}
		if m, ok := c.open(n, key, at, e.broken, "tcp", "udp", "icmp"); ok {
			timeouts.TCP, _ = m.int("tcp", 1, math.MaxInt32)
			timeouts.UDP, _ = m.int("udp", 1, math.MaxInt32)
			timeouts.ICMP, _ = m.int("icmp", 1, math.MaxInt32)
		}
	}
}

func (c *checker) syslog(e *element) {
	s := &program.Syslog{Name: e.name.Text, At: e.place()}
	c.out.Syslog = s
	m, ok := c.open(e.root, "Syslog "+s.Name, s.At, e.broken, "address", "port")
	if !ok || !m.require("address", "port") {
		return
	}
	v, ok := m.meaning("address")
	if !ok {
		return
	}
	a, ok := v.literal.(*syntax.Addr)
	if !ok {
		m.wrong("address", "an address")
		return
	}
	if port, ok := m.int("port", 1, math.MaxUint16); ok {
		s.Address = netip.AddrPortFrom(a.Value, uint16(port))
	}
}

// maxInterval is a year.
const maxInterval = 366 * 24 * 3600

func (c *checker) timer(e *element) {
	t := &program.Timer{Name: e.name.Text, At: e.place()}
	c.out.Timers = append(c.out.Timers, t)
	m, ok := c.open(e.root, "Timer "+t.Name, t.At, e.broken, "interval", "data")
	if !ok || !m.require("interval", "data") {
		return
	}
	if v, ok := m.meaning("interval"); ok {
		n, whole := c.number(v)
		if !whole || n < 1 || n > maxInterval {
			m.errorf(m.place("interval"), "interval is a whole number of seconds from 1 to %d, and not %s", maxInterval, m.source(m.place("interval")))
		} else {
			t.IntervalSeconds = int(n)
		}
	}
	words := []string{
		string(program.Timestamp), string(program.Stats), string(program.Memory), string(program.CPU),
		string(program.LB), string(program.StackSampling), string(program.TimerTable),
	}
	for _, v := range m.values("data") {
		word, ok := oneOf(v, words)
		if !ok {
			m.errorf(v.Place(), "%s is no kind of data: %s", m.source(v.Place()), alternatives(words, "or"))
			continue
		}
		for _, d := range t.Data {
			if string(d) == word {
				m.errorf(v.Place(), "%s is there twice", word)
			}
		}
		t.Data = append(t.Data, program.TimerData(word))
	}
	if m.node.member("data").kind == object {
		m.wrong("data", "a list of kinds of data")
	}
}
