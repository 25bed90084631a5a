package wire

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// slowSum is RFC 1071 word by word.
func slowSum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		word := uint32(b[i]) << 8
		if i+1 < len(b) {
			word |= uint32(b[i+1])
		}
		sum += word
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// same compares sums: 0 and 0xffff both are zero in one's complement.
func same(a, b uint16) bool { return a == b || a%0xffff == 0 && b%0xffff == 0 }

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		switch rng.IntN(4) {
		case 0:
			b[i] = 0xff // long carries
		case 1: // zero
		default:
			b[i] = byte(rng.Uint32())
		}
	}
	return b
}

func TestSumAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for n := range 2000 {
		b := randomBytes(rng, n)
		if got, want := Sum(b, 0), slowSum(b); got != want {
			t.Fatalf("Sum of %d bytes = %#04x, want %#04x", n, got, want)
		}
		cut := rng.IntN(n+1) &^ 1
		if got := Sum(b[cut:], Sum(b[:cut], 0)); !same(got, slowSum(b)) {
			t.Fatalf("Sum of %d+%d bytes = %#04x, want %#04x", cut, n-cut, got, slowSum(b))
		}
	}
}

// TestUpdateAgainstModel changes words of checked data and compares the
// incremental checksum with one computed anew, including the corner cases of
// RFC 1624 §4.
func TestUpdateAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	corner := []uint16{0, 1, 0x5555, 0x7fff, 0x8000, 0xfffe, 0xffff}
	for range 20000 {
		b := randomBytes(rng, 2+2*rng.IntN(20))
		b[0] |= 1 // a header is never all zero
		check := Checksum(b)
		at := 2 * rng.IntN(len(b)/2)
		new := uint16(rng.Uint32())
		if rng.IntN(2) == 0 {
			new = corner[rng.IntN(len(corner))]
		}
		if at == 0 {
			new |= 0x100
		}
		old := binary.BigEndian.Uint16(b[at:])
		binary.BigEndian.PutUint16(b[at:], new)
		if got, want := Update(check, old, new), Checksum(b); got != want {
			t.Fatalf("Update(%#04x, %#04x, %#04x) = %#04x, want %#04x", check, old, new, got, want)
		}
	}
	for range 1000 {
		b := randomBytes(rng, 40)
		b[39] = 1
		check, old, new := Checksum(b), be32(b[8:]), rng.Uint32()
		setBE32(b[8:], new)
		if got := Update32(check, old, new); got != Checksum(b) {
			t.Fatalf("Update32 = %#04x, want %#04x", got, Checksum(b))
		}
	}
}

func TestDecrementTTL(t *testing.T) {
	for ttl := 1; ttl < 256; ttl++ {
		for id := range 700 {
			p := make(IPv4, IPv4MinLen)
			p.SetHeader(IPv4Fields{TotalLen: 20, ID: uint16(id * 97), TTL: uint8(ttl), Protocol: 6, Src: 0x0a000001, Dst: 0xc0a80001})
			p.DecrementTTL()
			if p.TTL() != uint8(ttl-1) || Sum(p, 0) != 0xffff {
				t.Fatalf("TTL %d, id %d: header % x is wrong", ttl, id, []byte(p))
			}
		}
	}
}

func TestParseIPv4(t *testing.T) {
	good := make(IPv4, 40)
	good.SetHeader(IPv4Fields{TotalLen: 30, TTL: 64, Protocol: 17, Src: 1 << 24, Dst: 2 << 24})
	with := func(change func(IPv4)) []byte {
		p := bytes.Clone(good)
		change(p)
		p[10], p[11] = 0, 0
		if n := int(p[0]&15) * 4; n >= 20 && n <= len(p) {
			setBE16(p[10:], Checksum(p[:n]))
		}
		return p
	}
	for _, c := range []struct {
		name string
		b    []byte
		err  error
	}{
		{"good with padding", good, nil},
		{"exact", good[:30], nil},
		{"empty", nil, ErrIPHeader},
		{"short", good[:19], ErrIPHeader},
		{"version 6", with(func(p IPv4) { p[0] = 0x65 }), ErrIPHeader},
		{"header of 16", with(func(p IPv4) { p[0] = 0x44 }), ErrIPHeader},
		{"header beyond total", with(func(p IPv4) { p[0] = 0x4f }), ErrIPLength},
		{"total below header", with(func(p IPv4) { p[3] = 19 }), ErrIPLength},
		{"total beyond frame", good[:29], ErrIPLength},
		{"options", with(func(p IPv4) { p[0] = 0x46 }), nil},
		{"checksum", func() []byte { p := bytes.Clone(good); p[10] ^= 1; return p }(), ErrIPChecksum},
	} {
		p, err := ParseIPv4(c.b)
		if err != c.err {
			t.Errorf("%s: error %v, want %v", c.name, err, c.err)
		}
		if err == nil && len(p) != 30 {
			t.Errorf("%s: %d bytes, want 30", c.name, len(p))
		}
	}
}

func TestFragmentFields(t *testing.T) {
	p := make(IPv4, 100)
	p.SetHeader(IPv4Fields{TotalLen: 100, TTL: 1, Protocol: 17})
	if p.IsFragment() || p.DontFragment() {
		t.Error("a whole datagram looks like a fragment")
	}
	p.SetFragment(1480, true, 60)
	if !p.IsFragment() || !p.MoreFragments() || p.FragmentOffset() != 1480 || p.TotalLen() != 60 || Sum(p[:20], 0) != 0xffff {
		t.Errorf("fragment header % x is wrong", []byte(p[:20]))
	}
	p.SetFragment(65528, false, 60)
	if !p.IsFragment() || p.MoreFragments() || p.FragmentOffset() != 65528 {
		t.Errorf("last fragment header % x is wrong", []byte(p[:20]))
	}
}

func TestOptionsForwardable(t *testing.T) {
	for _, c := range []struct {
		name string
		b    []byte
		want bool
	}{
		{"none", nil, true},
		{"padding", []byte{1, 1, 1, 0}, true},
		{"record route", []byte{7, 7, 4, 0, 0, 0, 0, 0}, true},
		{"after the end anything", []byte{0, 131, 99, 0}, true},
		{"loose source route", []byte{131, 7, 4, 10, 0, 0, 1, 0}, false},
		{"strict source route after nops", []byte{1, 1, 137, 3, 4, 0}, false},
		{"length 0", []byte{7, 0, 0, 0}, false},
		{"length 1", []byte{7, 1, 0, 0}, false},
		{"length beyond", []byte{7, 5, 0, 0}, false},
		{"no length", []byte{1, 1, 1, 7}, false},
	} {
		if got := OptionsForwardable(c.b); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestWindowScale(t *testing.T) {
	for _, c := range []struct {
		name    string
		options []byte
		shift   uint8
		ok      bool
	}{
		{"none", nil, 0, false},
		{"after mss", []byte{2, 4, 5, 180, 1, 3, 3, 7}, 7, true},
		{"capped", []byte{3, 3, 200, 0}, 14, true},
		{"after end", []byte{0, 3, 3, 7}, 0, false},
		{"cut", []byte{1, 1, 3, 3}, 0, false},
		{"wrong length", []byte{3, 4, 1, 1}, 0, false},
		{"loop", []byte{2, 0, 3, 3, 3, 0, 0, 0}, 0, false},
	} {
		b := append(make([]byte, TCPMinLen), c.options...)
		b[12] = byte(len(b)/4) << 4
		s, ok := ParseTCP(b)
		if !ok {
			t.Fatalf("%s: not parsed", c.name)
		}
		if shift, ok := s.WindowScale(); shift != c.shift || ok != c.ok {
			t.Errorf("%s: %d %v, want %d %v", c.name, shift, ok, c.shift, c.ok)
		}
	}
}

func TestARP(t *testing.T) {
	a, b := MAC{2, 0, 0, 0, 0, 1}, MAC{2, 0, 0, 0, 0, 2}
	m := make(ARP, 46)
	m.Set(ARPReply, a, 0x0a000001, b, 0x0a000002)
	got, ok := ParseARP(m)
	if !ok || got.Op() != ARPReply || got.SenderMAC() != a || got.SenderIP() != 0x0a000001 || got.TargetMAC() != b || got.TargetIP() != 0x0a000002 {
		t.Errorf("message % x does not read as it was written", []byte(m))
	}
	if _, ok := ParseARP(m[:27]); ok {
		t.Error("a short message was parsed")
	}
	m[4] = 8
	if _, ok := ParseARP(m); ok {
		t.Error("a message with 8-byte hardware addresses was parsed")
	}
}

func TestPrefix(t *testing.T) {
	for _, c := range []struct {
		s             string
		network, last string
	}{
		{"10.1.2.3/8", "10.0.0.0", "10.255.255.255"},
		{"10.1.2.3/32", "10.1.2.3", "10.1.2.3"},
		{"10.1.2.3/31", "10.1.2.2", "10.1.2.3"},
		{"0.0.0.0/0", "0.0.0.0", "255.255.255.255"},
	} {
		p, err := ParsePrefix4(c.s)
		if err != nil || p.Network().String() != c.network || p.Last().String() != c.last || p.String() != c.s {
			t.Errorf("%s: %v %v %v %v", c.s, p, p.Network(), p.Last(), err)
		}
		if !p.Contains(p.Network()) || !p.Contains(p.Last()) || p.Bits > 0 && (p.Contains(p.Network()-1) || p.Contains(p.Last()+1)) {
			t.Errorf("%s: Contains is wrong at the ends", c.s)
		}
	}
	for _, s := range []string{"", "10.0.0.0", "10.0.0.0/33", "10.0.0/8", "::/0", "10.0.0.0/-1"} {
		if p, err := ParsePrefix4(s); err == nil {
			t.Errorf("%q parsed as %v", s, p)
		}
	}
}

// FuzzViews reads every view of arbitrary bytes; no accessor may fail on what
// a Parse function let through.
func FuzzViews(f *testing.F) {
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0x45}, 60))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParseIPv4(b); err == nil {
			if p.HeaderLen()+len(p.Payload()) != p.TotalLen() || len(p.Options()) != p.HeaderLen()-IPv4MinLen {
				t.Error("parts do not add up to the datagram")
			}
			OptionsForwardable(p.Options())
		}
		if s, ok := ParseTCP(b); ok {
			s.WindowScale()
		}
		ParseARP(b)
		OptionsForwardable(b)
	})
}

func BenchmarkChecksum1480(b *testing.B) {
	data := make([]byte, 1480)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		Checksum(data)
	}
}
