package appliance

import (
	"strings"
	"testing"

	"tender/guest/net/journal"
	"tender/guest/net/nettest"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// The routing firewall of the published texts, as a compiler would write it.

const (
	bastionHost  = wire.Addr4(0x0a370101)
	allowedFirst = wire.Addr4(0xc0a8000a)
	allowedLast  = wire.Addr4(0xc0a800c8)
)

func firewallchain(log *journal.Journal) packet.Chain {
	return func(p *packet.Packet) packet.Verdict {
		if p.IP == nil {
			return packet.Drop
		}
		if p.State == packet.Established {
			log.Syslog(journal.Info).Text("Accepting packet from an already established connection (from ").Addr4(p.IP.Src()).Text(")").End()
			return packet.Accept
		}
		if p.IP.Src() == bastionHost {
			return packet.Accept
		}
		if p.TCP != nil {
			if a := p.IP.Dst(); allowedFirst <= a && a <= allowedLast && (p.TCP.DstPort() == 80 || p.TCP.DstPort() == 443) {
				log.Syslog(journal.Info).Text("New connection established (from ").Addr4(p.IP.Src()).Text(")").End()
				return packet.Accept
			}
		}
		log.Syslog(journal.Warning).Text("Dropping packet from saddr ").Addr4(p.IP.Src()).Text(" to ").Addr4(p.IP.Dst()).End()
		return packet.Drop
	}
}

func firewall(log *journal.Journal) *Program {
	const outside, inside = 0, 1
	return &Program{
		Journal: log,
		NICs:    []string{"outside", "inside"},
		Ifaces: []Iface{
			outside: {Name: "outside", NIC: 0, Address: nettest.Prefix("10.0.0.2/24"), Gateway: nettest.Addr("10.0.0.1")},
			inside:  {Name: "inside", NIC: 1, Address: nettest.Prefix("192.168.0.1/24")},
		},
		Gateway: &Gateway{
			Forward: []packet.Chain{firewallchain(log)},
			Routes: []Route{
				{Net: nettest.Prefix("10.0.0.0/24"), Iface: outside, Cost: 1},
				{Net: nettest.Prefix("192.168.0.0/24"), Iface: inside, Cost: 1},
				{NextHop: nettest.Addr("10.0.0.1"), Iface: outside, Cost: 1},
			},
		},
		Syslog: &Syslog{Address: wire.From4(nettest.Addr("192.168.0.231")), Port: 6514},
	}
}

var (
	router = host{0, wire.From4(nettest.Addr("10.0.0.1")), wire.MAC{2, 0, 0, 0, 0, 1}}
	web    = host{1, wire.From4(nettest.Addr("192.168.0.20")), wire.MAC{2, 0, 0, 0, 0, 2}}
	logger = host{1, wire.From4(nettest.Addr("192.168.0.231")), wire.MAC{2, 0, 0, 0, 0, 3}}
)

// syn makes the first segment of a connection from src to dst.
func (r *rig) syn(from host, src, dst string, sport, dport uint16) []byte {
	return nettest.TCP(r.ether(from), nettest.IP{Src: nettest.Addr(src), Dst: nettest.Addr(dst)},
		nettest.Segment{SrcPort: sport, DstPort: dport, Flags: wire.TCPSyn, Seq: 100, Window: 1000})
}

func TestFirewall(t *testing.T) {
	log := journal.New(journal.Config{Hostname: "fw"})
	r := newRig(t, firewall(log), router, web, logger)
	for _, c := range []struct {
		name  string
		frame []byte
		pass  bool
		said  string
	}{
		{"allowed", r.syn(router, "10.0.0.1", "192.168.0.20", 4000, 80), true, "<14>1 New connection established (from 10.0.0.1)"},
		{"from afar", r.syn(router, "8.8.8.8", "192.168.0.20", 4000, 443), true, "<14>1 New connection established (from 8.8.8.8)"},
		{"other port", r.syn(router, "10.0.0.1", "192.168.0.20", 4000, 22), false, "<12>1 Dropping packet from saddr 10.0.0.1 to 192.168.0.20"},
		{"bastion", r.syn(router, "10.55.1.1", "192.168.0.20", 4000, 22), true, ""},
	} {
		sent := r.send(router, c.frame)
		var through, said []string
		for _, f := range sent[1] {
			ip := wire.IPv4(wire.Ethernet(f).Payload())
			if ip.Protocol() == wire.ProtoUDP {
				said = append(said, string(ip.Payload()[wire.UDPLen:]))
				if p := ip.Payload(); wire.UDP(p).DstPort() != 6514 || ip.Dst() != logger.addr.As4() || ip.Src() != nettest.Addr("192.168.0.1") {
					t.Errorf("%s: message to %v port %d", c.name, ip.Dst(), wire.UDP(p).DstPort())
				}
			} else {
				through = append(through, "")
			}
		}
		if (len(through) == 1) != c.pass {
			t.Errorf("%s: %d segments passed", c.name, len(through))
		}
		text := ""
		if len(said) > 0 {
			fields := strings.SplitN(said[0], " ", 8)
			text = fields[0] + " " + fields[7]
		}
		if text != c.said || len(said) > 1 {
			t.Errorf("%s: said %q, want %q", c.name, said, c.said)
		}
	}
}
