package engine

import (
	"bytes"
	"testing"

	"tender/guest/net/nettest"
	"tender/guest/net/wire"
)

// mend computes the IP header checksum anew.
func mend(frame []byte) []byte {
	ip := wire.IPv4(frame[wire.EthernetLen:])
	frame[wire.EthernetLen+10], frame[wire.EthernetLen+11] = 0, 0
	sum := wire.Checksum(ip[:min(int(ip[0]&15)*4, len(ip))])
	frame[wire.EthernetLen+10], frame[wire.EthernetLen+11] = byte(sum>>8), byte(sum)
	return frame
}

func TestMalformed(t *testing.T) {
	r := newRig(t, nil)
	r.know()
	good := func() []byte {
		return nettest.UDP(client.ether(), client.to(server), 1000, 53, make([]byte, 40))
	}
	changed := func(change func(frame []byte) []byte) []byte { return change(good()) }
	set := func(at int, value byte, mended bool) []byte {
		frame := good()
		frame[at] = value
		if mended {
			mend(frame)
		}
		return frame
	}
	from := func(src, dst string) []byte {
		return nettest.UDP(client.ether(), nettest.IP{Src: nettest.Addr(src), Dst: nettest.Addr(dst)}, 1000, 53, nil)
	}
	// withOptions puts 4 bytes of options into a datagram.
	withOptions := func(options ...byte) []byte {
		frame := good()
		frame = append(frame[:34], append(options, frame[34:]...)...)
		frame[14] = 0x46
		frame[17] += 4
		return mend(frame)
	}
	for _, c := range []struct {
		name  string
		frame []byte
		fate  Fate
	}{
		{"good", good(), Forwarded},
		{"empty", nil, DropFrameShort},
		{"13 bytes", good()[:13], DropFrameShort},
		{"only Ethernet", good()[:14], DropIPHeader},
		{"half an IP header", good()[:30], DropIPHeader},
		{"without the end", good()[:60], DropIPLength},
		{"padded", append(good(), make([]byte, 20)...), Forwarded},
		{"too long", append(good(), make([]byte, 1500)...), DropFrameLong},
		{"group source", set(6, 3, false), DropFrameSource},
		{"our own source", changed(func(f []byte) []byte { copy(f[6:], outsideMAC[:]); return f }), DropFrameSource},
		{"zero source", changed(func(f []byte) []byte { clear(f[6:12]); return f }), DropFrameSource},
		{"to somebody else", set(5, 99, false), DropNotForUs},
		{"in a broadcast frame", changed(func(f []byte) []byte { copy(f, wire.BroadcastMAC[:]); return f }), DropBroadcast},
		{"IPv6", set(12, 0x86, false), DropEtherType},
		{"VLAN", set(12, 0x81, false), DropEtherType},
		{"version 5", set(14, 0x55, true), DropIPHeader},
		{"header length 16", set(14, 0x44, true), DropIPHeader},
		{"header length 60", set(14, 0x4f, false), DropIPChecksum},
		{"wrong checksum", set(24, 1, false), DropIPChecksum},
		{"total length 10", changed(func(f []byte) []byte { f[17] = 10; return mend(f) }), DropIPLength},
		{"total length huge", changed(func(f []byte) []byte { f[16] = 255; return mend(f) }), DropIPLength},
		{"harmless options", withOptions(1, 1, 1, 0), Forwarded},
		{"source route", withOptions(131, 3, 4, 0), DropIPOptions},
		{"broken option", withOptions(7, 9, 0, 0), DropIPOptions},
		{"from loopback", from("127.0.0.1", "192.168.0.20"), DropMartian},
		{"to loopback", from("10.0.0.1", "127.0.0.1"), DropMartian},
		{"from nobody", from("0.0.0.0", "192.168.0.20"), DropMartian},
		{"from multicast", from("224.0.0.1", "192.168.0.20"), DropMartian},
		{"from broadcast", from("255.255.255.255", "192.168.0.20"), DropMartian},
		{"from us", from("10.0.0.2", "192.168.0.20"), DropMartian},
		{"from our other address", from("192.168.0.1", "192.168.0.20"), DropSpoofed},
		{"from the network's broadcast", from("10.0.0.255", "192.168.0.20"), DropMartian},
		{"to itself", from("10.0.0.1", "10.0.0.1"), DropMartian},
		{"from the inside's network", from("192.168.0.50", "192.168.0.20"), DropSpoofed},
		{"from no route", from("9.9.9.9", "192.168.0.20"), DropSpoofed},
		{"from behind the next hop", from("172.16.5.5", "192.168.0.20"), Forwarded},
		{"to multicast", from("10.0.0.1", "224.0.0.5"), DropBroadcast},
		{"to all", from("10.0.0.1", "255.255.255.255"), DropBroadcast},
		{"to the inside's broadcast", from("10.0.0.1", "192.168.0.255"), DropBroadcast},
		{"to the inside's network", from("10.0.0.1", "192.168.0.0"), DropBroadcast},
		{"UDP length", changed(func(f []byte) []byte { f[38] = 9; return f }), DropTransport},
		{"ICMP checksum", changed(func(f []byte) []byte { f[23] = 1; f[34] = 8; return mend(f) }), DropTransportChecksum},
		{"fragment of odd length", changed(func(f []byte) []byte { f[17]--; f[20] = 0x20; return mend(f) }), DropFragment},
	} {
		r.expectFate(c.name, outside, c.fate, func() { r.send(client, c.frame) })
	}
}

// TestTruncated cuts good frames at every length.
func TestTruncated(t *testing.T) {
	r := newRig(t, nil)
	r.know()
	_, segment := tcp(false, 80, wire.TCPSyn, 1, 0, "data")
	for _, frame := range [][]byte{
		segment,
		nettest.UDP(client.ether(), client.to(server), 1000, 53, []byte("data")),
		nettest.Echo(client.ether(), client.to(server), wire.ICMPEchoRequest, 1, 1, []byte("data")),
		nettest.ICMP(client.ether(), client.to(server), wire.ICMPUnreachable, 1, 0, segment[wire.EthernetLen:]),
		nettest.ARP(wire.BroadcastMAC, wire.ARPRequest, client.mac, client.ip, wire.MAC{}, outsideIP),
	} {
		for n := range len(frame) {
			cut := bytes.Clone(frame[:n])
			r.send(client, cut)
			if n > 34 { // the same with an IP header that admits it
				cut = bytes.Clone(frame[:n])
				cut[16], cut[17] = byte((n-14)>>8), byte(n-14)
				r.send(client, mend(cut))
			}
		}
	}
}
