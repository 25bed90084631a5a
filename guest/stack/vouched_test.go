package stack

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"tender/abi"
)

// headed is a frame behind a header that says where its checksum is missing.
func headed(start, offset int, frame []byte) []byte {
	p := make([]byte, abi.VNETHeaderBytes, abi.VNETHeaderBytes+len(frame))
	if start > 0 {
		abi.VNETHeader{Flags: abi.VNETNeedsChecksum, ChecksumStart: uint16(start), ChecksumOffset: uint16(offset)}.Put(p)
	}
	return append(p, frame...)
}

// What the host vouches for is TCP in whole IP packets, and nothing else.
func TestVouchedFor(t *testing.T) {
	var c crafted
	four := [2]netip.Addr{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.1")}
	six := [2]netip.Addr{netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("2001:db8::1")}
	ip := func(a [2]netip.Addr, protocol uint8, fragment uint16) []byte {
		return c.ip(a[0], a[1], protocol, fragment, 1, make([]byte, 100))
	}
	changed := func(frame []byte, at int, to byte) []byte {
		frame[at] = to
		return frame
	}
	for _, v := range []struct {
		what          string
		start, offset int
		frame         []byte
		vouched       bool
	}{
		{"TCP", 34, 16, ip(four, 6, 0), true},
		{"UDP", 34, 6, ip(four, 17, 0), false},
		{"TCP over IPv6", 54, 16, ip(six, 6, 0), true},
		{"UDP over IPv6", 54, 6, ip(six, 17, 0), false},
		{"another offset", 34, 6, ip(four, 6, 0), false},
		{"another protocol", 34, 6, ip(four, 1, 0), false},
		{"TCP within something", 62, 16, ip(four, 17, 0), false},
		{"an extension header", 54, 16, ip(six, 0, 0), false},
		{"the first fragment", 34, 16, ip(four, 6, 0x2000), false},
		{"a later fragment", 34, 16, ip(four, 6, 5), false},
		{"a wrong header", 34, 16, changed(ip(four, 6, 0), 22, 63), false},
		{"a header of no length", 34, 16, changed(ip(four, 6, 0), 14, 0x40), false},
		{"a header longer than the frame", 34, 16, changed(ip(four, 6, 0)[:52], 14, 0x4f), false},
		{"no IPv4 header", 14, 0, ip(four, 17, 0)[:30], false},
		{"no IPv6 header", 14, 0, ip(six, 17, 0)[:50], false},
		{"no IP", 34, 6, c.ethernet(0x0806, make([]byte, 60)), false},
	} {
		o := new(offload)
		n := copy(o.frame[:], headed(v.start, v.offset, v.frame))
		at := abi.VNETHeaderBytes + v.start + v.offset
		o.frame[at], o.frame[at+1] = 0x12, 0x34
		_, _, vouched, err := o.received(n)
		if left := o.frame[at] == 0x12 && o.frame[at+1] == 0x34; err != nil || vouched != v.vouched || left != v.vouched {
			t.Errorf("%s: vouched for %v, checksum left out %v, %v", v.what, vouched, left, err)
		}
	}
}

// A segment whose checksum the host has left out is taken; the datagram behind it, of
// which it says nothing, must have a right one.
func TestVouchedIsForOneFrame(t *testing.T) {
	noLeaks(t)
	guest, _ := newCable(1500)
	cfg, _, err := Parse(strings.Fields("--ipv4=10.0.0.1/24 --quiet"), []string{guest.name})
	if err != nil {
		t.Fatal(err)
	}
	n, err := startWith(small, []NIC{&offloading{plug: guest}}, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	at := full("10.0.0.1:53")
	in, err := gonet.DialUDP(n.stack, &at, nil, protocolOf("10.0.0.1:53"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	datagram := func(text string, right bool) []byte {
		f := crafted{}.udp(netip.MustParseAddrPort("10.0.0.2:1"), netip.MustParseAddrPort("10.0.0.1:53"), []byte(text))
		if !right {
			header.UDP(f[34:]).SetChecksum(0x1234)
		}
		return f
	}
	from, to := netip.MustParseAddrPort("10.0.0.2:1"), netip.MustParseAddrPort("10.0.0.1:80")
	syn := crafted{}.tcp(from, to, header.TCPFlagSyn, 1)
	header.TCP(syn[34:]).SetChecksum(0x1234)
	for _, f := range [][]byte{
		headed(34, 16, syn), headed(0, 0, datagram("wrong", false)),
		headed(0, 0, datagram("right", true)), headed(34, 16, syn), headed(0, 0, datagram("the last", true)),
	} {
		guest.in <- f
	}
	p := make([]byte, 100)
	for _, want := range []string{"right", "the last"} {
		in.SetReadDeadline(time.Now().Add(20 * time.Second))
		size, err := in.Read(p)
		if err != nil || string(p[:size]) != want {
			t.Fatalf("%q, %v instead of %q", p[:size], err, want)
		}
	}
	if got := n.stack.Stats().TCP; got.ChecksumErrors.Value() != 0 || got.ResetsSent.Value() != 2 {
		t.Errorf("%d segments were answered, %d had a wrong checksum", got.ResetsSent.Value(), got.ChecksumErrors.Value())
	}
}
