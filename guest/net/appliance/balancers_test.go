package appliance

import (
	"strings"
	"testing"
	"time"

	"tender/guest/net/link"
	"tender/guest/net/nettest"
	"tender/guest/net/wire"
)

func balancing() *Program {
	p := proxy()
	for i := range p.Ifaces {
		p.Ifaces[i].Prerouting, p.Ifaces[i].Postrouting = nil, nil
	}
	p.Balancers = []Balancer{{
		Name: "lb", ClientIface: 0, Port: 80, ServerIface: 1,
		Servers: []Server{{Address: wire.From4(target), Port: 8080}},
	}}
	p.Timers = []Timer{{Interval: time.Second, Data: []Data{Timestamp, Stats, Memory, CPU, LB, Timers}}}
	return p
}

func TestBalancer(t *testing.T) {
	server := host{1, wire.From4(target), wire.MAC{2, 0, 0, 0, 0, 9}}
	r := newRig(t, balancing(), router, server)
	f := r.one("check", 1, r.settle())
	check := wire.TCP(wire.IPv4(f.Payload()).Payload())
	answer := nettest.TCP(r.ether(server), nettest.IP{Src: target, Dst: nettest.Addr("192.168.0.1")},
		nettest.Segment{SrcPort: 8080, DstPort: check.SrcPort(), Seq: 500, Ack: check.Seq() + 1, Flags: wire.TCPSyn | wire.TCPAck, Window: 1000})
	r.one("end of the check", 1, r.send(server, answer))
	f = r.one("SYN", 1, r.send(router, r.syn(router, "8.8.8.8", "10.0.0.2", 4000, 80)))
	if ip := wire.IPv4(f.Payload()); ip.Src() != nettest.Addr("192.168.0.1") || ip.Dst() != target || wire.TCP(ip.Payload()).DstPort() != 8080 {
		t.Errorf("SYN % x", []byte(f))
	}
	r.now = r.now.Add(time.Second)
	r.settle()
	for _, want := range []string{"lb: lb up 1 waiting 0 sessions 1 ", "lb: lb server 192.168.0.54 port 8080 up sessions 1\n", "timestamp: ", "stats: outside rx ", "stats: flows active 2 ", "memory: ", "cpu: ", "timer 1: interval 1s fired 1\n"} {
		if !strings.Contains(r.out.String(), want) {
			t.Errorf("%q is not in\n%s", want, r.out.String())
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(p *Program)
		want   string
	}{
		"NIC":            {func(p *Program) { p.Ifaces[0].NIC = 2 }, "no network device 2"},
		"MAC":            {func(p *Program) { p.Ifaces[0].MAC = wire.MAC{9} }, "no network device with the address"},
		"same NIC":       {func(p *Program) { p.Ifaces[0].NIC = 1 }, "interface inside: its device is that of interface outside"},
		"route":          {func(p *Program) { p.Gateway = &Gateway{Routes: []Route{{Iface: 7}}} }, "interface 7"},
		"address":        {func(p *Program) { p.Ifaces[0].Address.Addr = 0x7f000001 }, "127.0.0.1"},
		"gateway":        {func(p *Program) { p.Ifaces[0].Gateway = 1 }, "next hop"},
		"VLAN":           {func(p *Program) { p.Ifaces[0].VLAN = 4095 }, "VLAN 4095"},
		"server":         {func(p *Program) { p.Balancers[0].ServerIface = 0 }, "no route leads to server 192.168.0.54 through interface outside"},
		"server iface":   {func(p *Program) { p.Balancers[0].ServerIface = 9 }, "interfaces 0 and 9"},
		"balancer":       {func(p *Program) { p.Balancers[0].Servers = nil }, "0 servers"},
		"timer":          {func(p *Program) { p.Timers[0].Interval = 0 }, "timer 1"},
		"flows":          {func(p *Program) { p.Conntrack.Limit = -1 }, "flow table"},
		"fewer devices":  {func(p *Program) { p.NICs = append(p.NICs, "x") }, ""},
		"no such limits": {func(p *Program) { p.Ifaces[0].SendQueueLimit = -5 }, "neighbour cache"},
	} {
		p := balancing()
		c.change(p)
		var devices []link.Device
		for i := range p.NICs {
			devices = append(devices, &nic{mac: wire.MAC{2, 0, 0, 0, 1, byte(i)}, mtu: 1500})
		}
		if c.want == "" {
			devices = devices[:2]
		}
		if _, err := New(p, devices, nil, new(strings.Builder)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want something about %q", name, err, c.want)
		}
	}
}
