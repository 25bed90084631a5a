package appliance

import (
	"testing"

	"tender/guest/net/nettest"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// The DNAT/SNAT proxy of the published texts, as a compiler would write it.

const (
	target = wire.Addr4(0xc0a80036) // 192.168.0.54
	tport  = 5001
)

func mydnat(p *packet.Packet) packet.Verdict {
	if p.IP != nil && p.TCP != nil {
		if p.IP.Dst() == 0x0a000002 && p.TCP.DstPort() == tport {
			return p.DNAT(wire.From4(target), 0)
		}
	}
	return packet.Accept
}

func mysnat(p *packet.Packet) packet.Verdict {
	if p.IP != nil && p.TCP != nil {
		if p.IP.Dst() == target && p.TCP.DstPort() == tport {
			return p.SNAT(wire.From4(0xc0a80001), 0)
		}
	}
	return packet.Accept
}

func proxy() *Program {
	return &Program{
		NICs: []string{"outside", "inside"},
		Ifaces: []Iface{
			{Name: "outside", NIC: 0, Address: nettest.Prefix("10.0.0.2/24"), Gateway: nettest.Addr("10.0.0.1"), Prerouting: []packet.Chain{mydnat}},
			{Name: "inside", NIC: 1, Address: nettest.Prefix("192.168.0.1/24"), Postrouting: []packet.Chain{mysnat}},
		},
	}
}

func TestProxy(t *testing.T) {
	server := host{1, wire.From4(target), wire.MAC{2, 0, 0, 0, 0, 9}}
	r := newRig(t, proxy(), router, server)
	f := r.one("SYN", 1, r.send(router, r.syn(router, "8.8.8.8", "10.0.0.2", 4000, tport)))
	ip := wire.IPv4(f.Payload())
	if ip.Src() != nettest.Addr("192.168.0.1") || ip.Dst() != target {
		t.Errorf("SYN went from %v to %v", ip.Src(), ip.Dst())
	}
	port := wire.TCP(ip.Payload()).SrcPort()
	answer := nettest.TCP(r.ether(server), nettest.IP{Src: target, Dst: nettest.Addr("192.168.0.1")},
		nettest.Segment{SrcPort: tport, DstPort: port, Flags: wire.TCPSyn | wire.TCPAck, Seq: 500, Ack: 101, Window: 1000})
	f = r.one("SYN-ACK", 0, r.send(server, answer))
	ip = wire.IPv4(f.Payload())
	if ip.Src() != nettest.Addr("10.0.0.2") || ip.Dst() != nettest.Addr("8.8.8.8") || wire.TCP(ip.Payload()).DstPort() != 4000 {
		t.Errorf("SYN-ACK came from %v to %v", ip.Src(), ip.Dst())
	}
	r.none("to another port", r.send(router, r.syn(router, "8.8.8.8", "10.0.0.2", 4000, tport+1)))
	r.none("without translation", r.send(router, r.syn(router, "8.8.8.8", "192.168.0.54", 4000, tport+1)))
}
