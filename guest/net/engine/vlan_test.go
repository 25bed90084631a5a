package engine

import (
	"testing"

	"tender/guest/net/nettest"
	"tender/guest/net/wire"
)

// Interfaces of newTrunk.
const (
	trunk  = inside
	vlan10 = 2
	vlan20 = 3
)

// newTrunk is a rig with two VLANs on the inside.
func newTrunk(t testing.TB) *rig {
	return newRig(t, func(c *Config) {
		c.Forward = acceptAll
		c.Interfaces = append(c.Interfaces,
			Interface{Name: "v10", VLAN: 10, Parent: trunk, Addrs: []wire.Prefix4{nettest.Prefix("172.30.10.1/24")}},
			Interface{Name: "v20", VLAN: 20, Parent: trunk, Addrs: []wire.Prefix4{nettest.Prefix("172.30.20.1/24")}, MTU: 1000})
	})
}

var (
	left  = host{trunk, nettest.Addr("172.30.10.5"), wire.MAC{2, 0, 0, 0, 0, 10}}
	right = host{trunk, nettest.Addr("172.30.20.5"), wire.MAC{2, 0, 0, 0, 0, 20}}
)

// untagged returns a frame without its tag, which must be vlan's.
func untagged(t *testing.T, f wire.Ethernet, vlan uint16) wire.Ethernet {
	t.Helper()
	if f.Type() != wire.TypeVLAN || wire.Tagged(f).VLAN() != vlan {
		t.Fatalf("frame % x is not in VLAN %d", []byte(f), vlan)
	}
	return wire.Tagged(append([]byte(nil), f...)).Strip()
}

func TestVLANs(t *testing.T) {
	r := newTrunk(t)
	ask := nettest.UDP(left.ether(), left.to(right), 1, 2, []byte("x"))
	_, in := r.send(left, nettest.Tag(ask, 10))
	f := untagged(t, one(t, "request", in), 20)
	if a := wire.ARP(f.Payload()); a.TargetIP() != right.ip || a.SenderIP() != nettest.Addr("172.30.20.1") {
		t.Errorf("asked % x", []byte(a))
	}
	_, in = r.send(right, nettest.Tag(nettest.ARP(insideMAC, wire.ARPReply, right.mac, right.ip, insideMAC, nettest.Addr("172.30.20.1")), 20))
	f = untagged(t, one(t, "datagram", in), 20)
	if f.Dst() != right.mac || ipOf(f).Src() != left.ip || ipOf(f).TTL() != 63 {
		t.Errorf("sent % x", []byte(f))
	}
	if r.Counters(vlan10).Fates[Forwarded] != 1 || r.Counters(vlan20).TxForwarded != 1 || r.Counters(trunk).RxFrames != 0 {
		t.Error("frames are counted elsewhere")
	}
	// A priority tag means no VLAN.
	r.expectFate("priority", trunk, ARP, func() {
		r.send(server, nettest.Tag(nettest.ARP(wire.BroadcastMAC, wire.ARPRequest, server.mac, server.ip, wire.MAC{}, insideIP), 0))
	})
	r.take()
	r.expectFate("nobody's", trunk, DropVLAN, func() { r.send(left, nettest.Tag(ask, 30)) })
	r.expectFate("number 4095", trunk, DropVLAN, func() { r.send(left, nettest.Tag(ask, 4095)) })
	r.expectFate("tag only", trunk, DropEtherType, func() { r.send(left, nettest.Tag(ask, 10)[:17]) })
	r.expectFate("empty", vlan10, DropIPHeader, func() { r.send(left, nettest.Tag(ask, 10)[:18]) })
	r.expectFate("from the wrong VLAN", vlan20, DropSpoofed, func() { r.send(left, nettest.Tag(ask, 20)) })
	r.expectFate("tagged where there are no VLANs", outside, DropEtherType, func() { r.send(client, nettest.Tag(nettest.UDP(client.ether(), client.to(server), 1, 2, nil), 10)) })
	r.expectFate("two tags", vlan10, DropEtherType, func() { r.send(left, nettest.Tag(nettest.Tag(ask, 20), 10)) })
}

func TestVLANMTU(t *testing.T) {
	r := newTrunk(t)
	r.expectFate("full frame", vlan10, DropTooBig, func() {
		ip := left.to(right)
		ip.DF = true
		_, in := r.send(left, nettest.Tag(nettest.UDP(left.ether(), ip, 1, 2, make([]byte, 1472)), 10))
		f := untagged(t, one(t, "error", in), 10)
		if m := wire.ICMP(ipOf(f).Payload()); m.Type() != wire.ICMPUnreachable || m.MTU() != 1000 {
			t.Errorf("error % x", []byte(f))
		}
	})
	r.expectFate("longer than the VLAN takes", vlan20, DropFrameLong, func() {
		r.send(right, nettest.Tag(nettest.UDP(right.ether(), right.to(left), 1, 2, make([]byte, 1200)), 20))
	})
}

func TestVLANConfig(t *testing.T) {
	for name, change := range map[string]func(*Interface){
		"number":         func(n *Interface) { n.VLAN = 4095 },
		"no parent":      func(n *Interface) { n.Parent = 9 },
		"parent is VLAN": func(n *Interface) { n.Parent = 2 },
		"twice":          func(n *Interface) { n.VLAN = 10 },
		"MTU":            func(n *Interface) { n.MTU = 1501 },
	} {
		c := config(t, [2]Port{sink{}, sink{}})
		c.Interfaces = append(c.Interfaces,
			Interface{Name: "v10", VLAN: 10, Parent: trunk, Addrs: []wire.Prefix4{nettest.Prefix("172.30.10.1/24")}},
			Interface{Name: "v20", VLAN: 20, Parent: trunk, Addrs: []wire.Prefix4{nettest.Prefix("172.30.20.1/24")}})
		change(&c.Interfaces[3])
		if _, err := New(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
