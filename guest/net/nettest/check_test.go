package nettest

import (
	"testing"

	"tender/guest/net/wire"
)

// TestCheckFrame changes each byte of good frames: all but those that no
// checksum covers must be noticed.
func TestCheckFrame(t *testing.T) {
	e := Ether{Dst: wire.MAC{2, 0, 0, 0, 0, 1}, Src: wire.MAC{2, 0, 0, 0, 0, 2}}
	ip := IP{Src: Addr("10.0.0.1"), Dst: Addr("10.0.0.2")}
	for name, frame := range map[string][]byte{
		"tcp":  TCP(e, ip, Segment{SrcPort: 1, DstPort: 2, Flags: wire.TCPSyn, Data: []byte("abc")}),
		"udp":  UDP(e, ip, 1, 2, []byte("abcd")),
		"icmp": Echo(e, ip, wire.ICMPEchoRequest, 1, 2, []byte("abc")),
	} {
		if err := CheckFrame(frame); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for i := 14; i < len(frame); i++ {
			frame[i] ^= 0x10
			if CheckFrame(frame) == nil {
				t.Errorf("%s: a change of byte %d was not noticed", name, i)
			}
			frame[i] ^= 0x10
		}
		if CheckFrame(append(frame, 0)) == nil || CheckFrame(frame[:len(frame)-1]) == nil || CheckFrame(frame[:13]) == nil {
			t.Errorf("%s: a wrong length was not noticed", name)
		}
	}
	if err := CheckFrame(ARP(wire.BroadcastMAC, wire.ARPRequest, e.Src, 1, wire.MAC{}, 2)); err != nil {
		t.Error(err)
	}
}
