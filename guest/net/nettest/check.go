package nettest

import (
	"fmt"

	"tender/guest/net/wire"
)

// CheckFrame says what is wrong with a frame that claims to be complete:
// lengths, header checksums, and the checksums of ICMP, TCP and UDP in
// datagrams that are no fragments.
func CheckFrame(frame []byte) error { return check(frame, true) }

// CheckHeaders is CheckFrame without the checksums of TCP and UDP.
func CheckHeaders(frame []byte) error { return check(frame, false) }

func check(frame []byte, data bool) error {
	if len(frame) < wire.EthernetLen {
		return fmt.Errorf("frame of %d bytes", len(frame))
	}
	e := wire.Ethernet(frame)
	if !e.Src().IsStation() {
		return fmt.Errorf("source %v is no station", e.Src())
	}
	switch e.Type() {
	case wire.TypeARP:
		if _, ok := wire.ParseARP(e.Payload()); !ok || len(e.Payload()) != wire.ARPLen {
			return fmt.Errorf("malformed ARP % x", e.Payload())
		}
		return nil
	case wire.TypeIPv4:
		return checkIPv4(e.Payload(), data)
	}
	return fmt.Errorf("EtherType %#04x", e.Type())
}

func checkIPv4(b []byte, data bool) error {
	ip, err := wire.ParseIPv4(b)
	if err != nil {
		return err
	}
	if len(ip) != len(b) {
		return fmt.Errorf("%d bytes after the datagram", len(b)-len(ip))
	}
	if ip.TTL() == 0 {
		return fmt.Errorf("TTL 0 on the wire")
	}
	if ip.IsFragment() {
		return nil
	}
	payload := ip.Payload()
	pseudo := wire.PseudoSum(ip.Src(), ip.Dst(), ip.Protocol(), len(payload))
	switch ip.Protocol() {
	case wire.ProtoICMP:
		if len(payload) < wire.ICMPLen || wire.Sum(payload, 0) != 0xffff {
			return fmt.Errorf("wrong ICMP checksum or length")
		}
	case wire.ProtoTCP:
		if len(payload) < wire.TCPMinLen || data && wire.Sum(payload, pseudo) != 0xffff {
			return fmt.Errorf("wrong TCP checksum or length")
		}
	case wire.ProtoUDP:
		if len(payload) < wire.UDPLen {
			return fmt.Errorf("short UDP header")
		}
		d := wire.UDP(payload)
		if d.Length() > len(payload) || data && d.Checksum() != 0 && wire.Sum(payload[:d.Length()], wire.PseudoSum(ip.Src(), ip.Dst(), wire.ProtoUDP, d.Length())) != 0xffff {
			return fmt.Errorf("wrong UDP checksum or length")
		}
	}
	return nil
}
