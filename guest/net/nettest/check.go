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
	case wire.TypeIPv6:
		return checkIPv6(e.Payload(), data)
	case wire.TypeVLAN:
		if t := wire.Tagged(frame); len(frame) < wire.EthernetLen+wire.TagLen || t.VLAN() == 0 || t.VLAN() > wire.MaxVLAN {
			return fmt.Errorf("malformed tag")
		}
		return check(append(append([]byte(nil), frame[:12]...), frame[12+wire.TagLen:]...), data)
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
	pseudo := func(length int) uint16 { return wire.PseudoSum(ip.Src(), ip.Dst(), ip.Protocol(), length) }
	return checkTransport(ip.Protocol(), ip.Payload(), pseudo, data)
}

func checkIPv6(b []byte, data bool) error {
	ip, err := wire.ParseIPv6(b)
	if err != nil {
		return err
	}
	t, ok := ip.Transport()
	switch {
	case len(ip) != len(b):
		return fmt.Errorf("%d bytes after the datagram", len(b)-len(ip))
	case ip.HopLimit() == 0:
		return fmt.Errorf("hop limit 0 on the wire")
	case !ok:
		return fmt.Errorf("malformed extension headers")
	case t.FragmentAt != 0:
		if f := wire.FragmentHeader(ip[t.FragmentAt:]); f.More() || f.Offset() > 0 {
			return nil
		}
	}
	pseudo := func(length int) uint16 { return wire.PseudoSum6(ip.Src(), ip.Dst(), t.Proto, length) }
	return checkTransport(t.Proto, ip[t.Offset:], pseudo, data)
}

// checkTransport checks lengths and checksums; pseudo is the sum of the pseudo
// header for a length.
func checkTransport(proto uint8, payload []byte, pseudo func(length int) uint16, data bool) error {
	switch proto {
	case wire.ProtoICMP:
		if len(payload) < wire.ICMPLen || wire.Sum(payload, 0) != 0xffff {
			return fmt.Errorf("wrong ICMP checksum or length")
		}
	case wire.ProtoICMP6:
		if len(payload) < wire.ICMPLen || wire.Sum(payload, pseudo(len(payload))) != 0xffff {
			return fmt.Errorf("wrong ICMPv6 checksum or length")
		}
	case wire.ProtoTCP:
		if len(payload) < wire.TCPMinLen || data && wire.Sum(payload, pseudo(len(payload))) != 0xffff {
			return fmt.Errorf("wrong TCP checksum or length")
		}
	case wire.ProtoUDP:
		if len(payload) < wire.UDPLen {
			return fmt.Errorf("short UDP header")
		}
		d := wire.UDP(payload)
		if d.Length() > len(payload) || data && d.Checksum() != 0 && wire.Sum(payload[:d.Length()], pseudo(d.Length())) != 0xffff {
			return fmt.Errorf("wrong UDP checksum or length")
		}
	}
	return nil
}
