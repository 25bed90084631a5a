package stack

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// No frames make the stack panic or its memory grow.
func FuzzFrames(f *testing.F) {
	var c crafted
	web := netip.MustParseAddrPort("10.0.0.1:80")
	peer := netip.MustParseAddrPort("10.0.0.2:5000")
	server := newServer()
	seeds := [][]byte{
		c.tcp(peer, web, header.TCPFlagSyn, 1), c.udp(peer, netip.AddrPortFrom(web.Addr(), 53), []byte("hello")),
		c.ip(peer.Addr(), web.Addr(), 17, 0x2000, 1, make([]byte, 64)), c.ip(peer.Addr(), web.Addr(), 2, 0, 1, make([]byte, 8)),
		c.icmp6(host6(1), netip.MustParseAddr("2001:db8::1"), append([]byte{135, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 24)...)),
		c.ethernet(0x0806, []byte{0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1}),
		c.ip(host6(1), netip.MustParseAddr("2001:db8::1"), 44, 0, 0, append([]byte{17, 0, 0, 1, 0, 0, 0, 1}, make([]byte, 64)...)),
		serverFrame(server.addr, server.answer((&dhcpClient{mac: [6]byte{2, 0, 0, 0, 0, 1}}).message(1), false)),
	}
	for _, s := range seeds {
		f.Add(s, true)
		f.Add(s[:len(s)-1], false)
	}
	guest, sink := newCable(1500)
	cfg, _, err := Parse(strings.Fields("--ipv4=10.0.0.1/24 --accept-router-advertisements=false --quiet"), []string{"net0"})
	if err != nil {
		f.Fatal(err)
	}
	n, err := startWith(small, []NIC{guest}, cfg, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { n.Close() })
	n.ifaces[0].DHCP = true
	n.ifaces[0].startDHCP()
	if err := n.ifaces[0].acceptRAs(); err != nil {
		f.Fatal(err)
	}
	if err := n.ifaces[0].add(netip.MustParsePrefix("2001:db8::1/64")); err != nil {
		f.Fatal(err)
	}
	echoServer(f, n, "0.0.0.0:80")
	l := n.ifaces[0].link
	before, runs := heapBytes(), 0
	f.Fuzz(func(t *testing.T, data []byte, fix bool) {
		frame := append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}, data[min(12, len(data)):]...)
		if fix {
			fixChecksums(frame)
		}
		view := buffer.NewViewSize(1515)
		if got := l.deliver(view, copy(view.AsSlice(), frame)); got != nil {
			got.Release()
		}
		for len(sink.in) > 0 {
			<-sink.in
		}
		if runs++; runs%50000 == 0 {
			if grown := heapBytes() - before; grown > 64<<20 {
				t.Fatalf("%d MiB more on the heap", grown>>20)
			}
		}
	})
}

// fixChecksums makes the checksums of a frame right, where its lengths allow it,
// so that more of it is looked at.
func fixChecksums(frame []byte) {
	if len(frame) < 14 {
		return
	}
	packet := frame[14:]
	var payload []byte
	var protocol uint8
	var sum uint16
	switch binary.BigEndian.Uint16(frame[12:]) {
	case 0x0800:
		ip := header.IPv4(packet)
		if len(ip) < 20 || int(ip.HeaderLength()) < 20 || int(ip.HeaderLength()) > len(ip) {
			return
		}
		ip.SetChecksum(0)
		ip.SetChecksum(^ip.CalculateChecksum())
		end := min(max(int(ip.TotalLength()), int(ip.HeaderLength())), len(ip))
		payload, protocol = ip[ip.HeaderLength():end], ip.Protocol()
		sum = header.PseudoHeaderChecksum(ip.TransportProtocol(), ip.SourceAddress(), ip.DestinationAddress(), uint16(len(payload)))
	case 0x86dd:
		ip := header.IPv6(packet)
		if len(ip) < 40 {
			return
		}
		payload, protocol = ip[40:min(40+int(ip.PayloadLength()), len(ip))], ip.NextHeader()
		sum = header.PseudoHeaderChecksum(ip.TransportProtocol(), ip.SourceAddress(), ip.DestinationAddress(), uint16(len(payload)))
	}
	at := map[uint8]int{1: 2, 6: 16, 17: 6, 58: 2, 2: 2}[protocol]
	if at == 0 || len(payload) < at+2 {
		return
	}
	if protocol == 1 || protocol == 2 {
		sum = 0
	}
	payload[at], payload[at+1] = 0, 0
	binary.BigEndian.PutUint16(payload[at:], ^checksum.Checksum(payload, sum))
}
