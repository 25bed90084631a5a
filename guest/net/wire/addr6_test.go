package wire

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// TestAddrAgainstNetip compares with net/netip.
func TestAddrAgainstNetip(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	random := func() Addr {
		a := Addr{Hi: []uint64{0, 0xfe80 << 48, 0xff02 << 48, rng.Uint64()}[rng.IntN(4)], Lo: rng.Uint64()}
		switch rng.IntN(4) {
		case 0:
			a.Lo %= 3
		case 1:
			return From4(Addr4(rng.Uint32()))
		}
		return a
	}
	for range 20000 {
		a, b := random(), random()
		var ba [16]byte
		binary.BigEndian.PutUint64(ba[:], a.Hi)
		binary.BigEndian.PutUint64(ba[8:], a.Lo)
		n, m := netip.AddrFrom16(ba).Unmap(), b.netip()
		if a.String() != n.String() || a.Is4() != n.Is4() {
			t.Fatalf("%v, want %v", a, n)
		}
		if back, err := ParseAddr(a.String()); err != nil || back != a {
			t.Fatalf("%v parsed as %v: %v", a, back, err)
		}
		if a.Is4() == b.Is4() && a.Compare(b) != n.Compare(m) {
			t.Fatalf("%v and %v compare as %d", a, b, a.Compare(b))
		}
		if a.Is4() {
			continue
		}
		if a.IsMulticast() != n.IsMulticast() || a.IsLinkLocal() != n.IsLinkLocalUnicast() || a.IsMartian() != n.IsLoopback() {
			t.Fatalf("%v: kind", a)
		}
		p := Prefix{a, uint8(rng.IntN(129))}
		want := netip.PrefixFrom(n, int(p.Bits))
		near := a
		near.Lo ^= 1 << rng.IntN(64)
		if p.String() != want.String() || p.Network().netip() != want.Masked().Addr().Unmap() || p.Contains(near) != want.Contains(near.netip()) {
			t.Fatalf("%v: network %v, want %v", p, p.Network(), want.Masked())
		}
		if !p.Network().Is4() {
			if back, err := ParsePrefix(p.String()); err != nil || back != p {
				t.Fatalf("%v parsed as %v: %v", p, back, err)
			}
		}
	}
}

func TestAddrText(t *testing.T) {
	for _, s := range []string{"", "10.0.0", "fe80::1%eth0", "::g", "1:2"} {
		if a, err := ParseAddr(s); err == nil {
			t.Errorf("%q is %v", s, a)
		}
	}
	for _, s := range []string{"", "::/129", "10.0.0.0/8", "::ffff:10.0.0.0/104", "::1"} {
		if p, err := ParsePrefix(s); err == nil {
			t.Errorf("%q is %v", s, p)
		}
	}
}

func TestLinkAddresses(t *testing.T) {
	m := MAC{0x02, 0x11, 0x22, 0x33, 0x44, 0x55}
	if s := LinkLocal(m).String(); s != "fe80::11:22ff:fe33:4455" {
		t.Errorf("link-local address %s", s)
	}
	a, err := ParseAddr("2001:db8::12:3456")
	if err != nil {
		t.Fatal(err)
	}
	if s := a.SolicitedNode().String(); s != "ff02::1:ff12:3456" {
		t.Errorf("solicited-node group %s", s)
	}
	if mac := a.SolicitedNode().GroupMAC(); mac != (MAC{0x33, 0x33, 0xff, 0x12, 0x34, 0x56}) {
		t.Errorf("group address %v", mac)
	}
}

// TestTransport follows extension headers, and compares the fragment fields.
func TestTransport(t *testing.T) {
	datagram := func(next byte, payload ...byte) IPv6 {
		b := append(make([]byte, IPv6Len), payload...)
		ip := IPv6(b)
		ip.SetHeader(0xb8, next, 9, len(payload), Addr{1, 2}, Addr{3, 4})
		if p, err := ParseIPv6(append(b, 0, 0)); err != nil || len(p) != len(b) {
			t.Fatalf("% x: %v", b, err)
		}
		return ip
	}
	ip := datagram(ExtHopByHop, 44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 9, 0, 0, 0, 7, 1, 2, 3)
	tr, ok := ip.Transport()
	if !ok || tr != (Transport{17, 56, 48}) {
		t.Errorf("transport %+v %v", tr, ok)
	}
	f := FragmentHeader(ip[tr.FragmentAt:])
	if f.Offset() != 8 || !f.More() || f.ID() != 7 {
		t.Errorf("fragment at %d, more %v, number %d", f.Offset(), f.More(), f.ID())
	}
	if ip.TrafficClass() != 0xb8 || ip.HopLimit() != 9 || ip.Src() != (Addr{1, 2}) || ip.Dst() != (Addr{3, 4}) || ip.FlowLabel() != 0 {
		t.Errorf("header % x", []byte(ip[:40]))
	}
}

// TestUpdateAddr compares incremental checksums with sums made anew.
func TestUpdateAddr(t *testing.T) {
	rng := rand.New(rand.NewPCG(33, 34))
	for range 20000 {
		a, b, c := Addr{rng.Uint64(), rng.Uint64()}, Addr{rng.Uint64(), rng.Uint64()}, Addr{rng.Uint64(), rng.Uint64()}
		data := randomBytes(rng, rng.IntN(50))
		before, after := ^Sum(data, PseudoSum6(a, b, 17, len(data))), ^Sum(data, PseudoSum6(c, b, 17, len(data)))
		if got := UpdateAddr(before, a, c); !same(^got, ^after) {
			t.Fatalf("%#x, want %#x", got, after)
		}
		x, y, z := Addr4(rng.Uint32()), Addr4(rng.Uint32()), Addr4(rng.Uint32())
		before, after = ^Sum(data, PseudoSum(x, y, 6, len(data))), ^Sum(data, PseudoSum(z, y, 6, len(data)))
		if got := UpdateAddr(before, From4(x), From4(z)); !same(^got, ^after) {
			t.Fatalf("IPv4: %#x, want %#x", got, after)
		}
	}
}
