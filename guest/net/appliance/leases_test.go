package appliance

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"tender/guest/net/nettest"
	"tender/guest/net/wire"
)

// dhcpServer answers what the appliance asks on device 0.
func (r *rig) dhcpServer(sent [][][]byte) [][][]byte {
	r.t.Helper()
	for len(sent[0]) > 0 {
		f := wire.Ethernet(sent[0][0])
		ip := wire.IPv4(f.Payload())
		if ip.Protocol() != wire.ProtoUDP || wire.UDP(ip.Payload()).DstPort() != 67 {
			r.t.Fatalf("% x is no DHCP message", []byte(f))
		}
		q := ip.Payload()[wire.UDPLen:]
		kind := byte(2)
		if q[242] == 3 {
			kind = 5
		}
		b := make([]byte, 240, 300)
		b[0], b[1], b[2] = 2, 1, 6
		copy(b[4:8], q[4:8])
		copy(b[16:], []byte{10, 0, 0, 50})
		copy(b[28:34], q[28:34])
		copy(b[236:], q[236:240])
		b = append(b, 53, 1, kind, 54, 4, 10, 0, 0, 1, 1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 0, 1, 51, 4)
		b = append(binary.BigEndian.AppendUint32(b, 3600), 255)
		e := nettest.Ether{Dst: r.nics[0].mac, Src: router.mac}
		if q[10]&0x80 != 0 {
			e.Dst = wire.BroadcastMAC
		}
		sent = r.send(router, nettest.UDP(e, nettest.IP{Src: nettest.Addr("10.0.0.1"), Dst: wire.Broadcast4}, 67, 68, b))
	}
	return sent
}

func TestDHCP(t *testing.T) {
	p := proxy()
	p.Ifaces[0].Mode, p.Ifaces[0].Address, p.Ifaces[0].Gateway = DHCP, wire.Prefix4{}, 0
	p.Ifaces[0].Masquerade = true
	r := newRig(t, p, router, host{1, wire.From4(target), wire.MAC{2, 0, 0, 0, 0, 9}})
	r.dhcpServer(r.settle())
	if !strings.Contains(r.out.String(), "outside: 10.0.0.50/24 gateway 10.0.0.1 (dhcp, lease 1h0m0s from 10.0.0.1)") {
		t.Errorf("said %q", r.out.String())
	}
	inner := host{1, wire.From4(target), wire.MAC{2, 0, 0, 0, 0, 9}}
	f := r.one("masqueraded", 0, r.send(inner, r.syn(inner, "192.168.0.54", "8.8.8.8", 4000, 80)))
	if ip := wire.IPv4(f.Payload()); ip.Src() != nettest.Addr("10.0.0.50") || f.Dst() != router.mac {
		t.Errorf("left from %v to %v", ip.Src(), f.Dst())
	}
	r.now = r.now.Add(1801 * time.Second)
	sent := r.settle()
	f = r.one("renewal", 0, sent)
	if ip := wire.IPv4(f.Payload()); ip.Src() != nettest.Addr("10.0.0.50") || ip.Dst() != nettest.Addr("10.0.0.1") {
		t.Errorf("renewal from %v to %v", ip.Src(), ip.Dst())
	}
	r.dhcpServer(sent)
	r.now = r.now.Add(1000 * time.Second)
	r.none("renewed", r.settle())
}

// TestDHCPGateway has a route whose next hop is reached only when there is a
// lease.
func TestDHCPGateway(t *testing.T) {
	p := firewall(discarding())
	p.Ifaces[0].Mode, p.Ifaces[0].Address, p.Ifaces[0].Gateway = DHCP, wire.Prefix4{}, 0
	p.Gateway.Forward, p.Gateway.Routes = nil, p.Gateway.Routes[2:]
	r := newRig(t, p, router, web)
	sent := r.send(web, r.syn(web, "192.168.0.20", "8.8.8.8", 4000, 80))
	if len(sent[1]) != 1 || wire.IPv4(wire.Ethernet(sent[1][0]).Payload()).Protocol() != wire.ProtoICMP {
		t.Errorf("without a lease: % x", sent[1])
	}
	r.now = r.now.Add(10 * time.Second)
	r.dhcpServer(r.settle())
	f := r.one("through", 0, r.send(web, r.syn(web, "192.168.0.20", "8.8.8.8", 4000, 80)))
	if f.Dst() != router.mac {
		t.Errorf("went to %v", f.Dst())
	}
}

func TestDHCPWithFallback(t *testing.T) {
	p := proxy()
	p.Ifaces[0].Mode = DHCPWithFallback
	r := newRig(t, p, router, host{1, wire.From4(target), wire.MAC{2, 0, 0, 0, 0, 9}})
	for range 10 {
		r.none("inside", r.settle()[1:])
		r.now = r.now.Add(time.Second)
	}
	r.settle()
	if !strings.Contains(r.out.String(), "outside: 10.0.0.2/24 gateway 10.0.0.1 (no answer from DHCP, as declared)") {
		t.Errorf("said %q", r.out.String())
	}
	r.one("SYN", 1, r.send(router, r.syn(router, "8.8.8.8", "10.0.0.2", 4000, tport)))
}
