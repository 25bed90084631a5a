package gen

import (
	"fmt"
	"slices"
	"strings"

	"tender/nacl/program"
)

// place is the place of an interface in the program.
func (g *generator) place(i *program.Iface) int { return slices.Index(g.program.Ifaces, i) }

func (g *generator) gateway() string {
	w := g.program.Gateway
	var b strings.Builder
	b.WriteString("Gateway: &appliance.Gateway{\n")
	if c := forwardOf(w); len(c.functions) > 0 {
		fmt.Fprintf(&b, "Forward: []packet.Chain{%s},\n", c.name)
	}
	if !w.SendTimeExceeded {
		b.WriteString("SilentTTL: true,\n")
	}
	b.WriteString("Routes: []appliance.Route{\n")
	for _, r := range w.Routes {
		hop := ""
		if r.Prefix.Addr().Is4() {
			if r.NextHop.IsValid() {
				hop = fmt.Sprintf("NextHop: %s, ", constant(program.IPSource, keyOf(r.NextHop)))
			}
			fmt.Fprintf(&b, "{Net: %s, ", prefix4(r.Prefix))
		} else {
			if r.NextHop.IsValid() {
				hop = fmt.Sprintf("NextHop6: %s, ", address(r.NextHop))
			}
			fmt.Fprintf(&b, "{IPv6: true, Net6: %s, ", prefix6(r.Prefix))
		}
		fmt.Fprintf(&b, "%sIface: %d, Cost: %d}, // %s\n", hop, g.place(r.Iface), r.Cost, g.where(r.At))
	}
	return b.String() + "},\n},\n"
}

func conntrack(c *program.Conntrack) string {
	var b strings.Builder
	b.WriteString("Conntrack: appliance.Conntrack{\n")
	if c.Limit != 0 {
		fmt.Fprintf(&b, "Limit: %d,\n", c.Limit)
	}
	if c.Reserve != 0 {
		fmt.Fprintf(&b, "Reserve: %d,\n", c.Reserve)
	}
	if !c.StatefulTCP {
		b.WriteString("StatelessTCP: true,\n")
	}
	var timeouts strings.Builder
	for _, t := range []struct {
		name string
		program.Timeouts
	}{{"Established", c.Established}, {"Unconfirmed", c.Unconfirmed}, {"Confirmed", c.Confirmed}} {
		if t.Timeouts == (program.Timeouts{}) {
			continue
		}
		fmt.Fprintf(&timeouts, "%s: flow.Durations{", t.name)
		for _, d := range []struct {
			name    string
			seconds int
		}{{"TCP", t.TCP}, {"UDP", t.UDP}, {"ICMP", t.ICMP}} {
			if d.seconds != 0 {
				fmt.Fprintf(&timeouts, "%s: %d*time.Second, ", d.name, d.seconds)
			}
		}
		timeouts.WriteString("},\n")
	}
	if timeouts.Len() > 0 {
		fmt.Fprintf(&b, "Timeouts: flow.Timeouts{\n%s},\n", timeouts.String())
	}
	return b.String() + "},\n"
}

var timerData = map[program.TimerData]string{
	program.Timestamp: "Timestamp", program.Stats: "Stats", program.Memory: "Memory", program.CPU: "CPU",
	program.LB: "LB", program.StackSampling: "StackSampling", program.TimerTable: "Timers",
}

func timer(t *program.Timer) string {
	data := make([]string, len(t.Data))
	for i, d := range t.Data {
		data[i] = "appliance." + timerData[d]
	}
	return fmt.Sprintf("{Interval: %d*time.Second, Data: []appliance.Data{%s}},\n", t.IntervalSeconds, strings.Join(data, ", "))
}

func (g *generator) balancer(l *program.Balancer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "{\nName: %q,\nClientIface: %d,\nPort: %d,\nSessionLimit: %d,\nWaitQueueLimit: %d,\nServerIface: %d,\nServers: []appliance.Server{\n",
		l.Name, g.place(l.Clients), l.Port, l.SessionLimit, l.WaitQueueLimit, g.place(l.Servers))
	for _, s := range l.Pool {
		fmt.Fprintf(&b, "{Address: %s, Port: %d},\n", address(s.Addr()), s.Port())
	}
	return b.String() + "},\n},\n"
}
