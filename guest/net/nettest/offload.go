package nettest

import (
	"encoding/binary"
	"fmt"

	"tender/guest/net/wire"
)

// Transport finds the TCP or UDP header in a frame with right headers, with or
// without a tag: where the IP header and it are, its protocol, and the sum of
// the pseudo header for a length.
func Transport(frame []byte) (ip, at int, proto uint8, pseudo func(length int) uint16) {
	ip = wire.EthernetLen
	etherType := wire.Ethernet(frame).Type()
	if etherType == wire.TypeVLAN {
		etherType = binary.BigEndian.Uint16(frame[16:])
		ip += wire.TagLen
	}
	if etherType == wire.TypeIPv6 {
		d := wire.IPv6(frame[ip:])
		t, _ := d.Transport()
		return ip, ip + t.Offset, t.Proto, func(n int) uint16 { return wire.PseudoSum6(d.Src(), d.Dst(), t.Proto, n) }
	}
	d := wire.IPv4(frame[ip:])
	return ip, ip + d.HeaderLen(), d.Protocol(), func(n int) uint16 { return wire.PseudoSum(d.Src(), d.Dst(), d.Protocol(), n) }
}

// Partial puts the sum of the pseudo header in the place of the checksum of
// TCP or UDP in a complete frame without padding, and returns where the checksum
// starts that is missing now, and where it is from there.
func Partial(frame []byte) (start, offset int) {
	_, at, proto, pseudo := Transport(frame)
	offset = 16
	if proto == wire.ProtoUDP {
		offset = 6
	}
	binary.BigEndian.PutUint16(frame[at+offset:], pseudo(len(frame)-at))
	return at, offset
}

// CheckPartial is CheckFrame for a frame with its TCP or UDP checksum missing.
func CheckPartial(frame []byte, start, offset int) error {
	if err := CheckHeaders(frame); err != nil {
		return err
	}
	_, at, proto, pseudo := Transport(frame)
	want := map[uint8]int{wire.ProtoTCP: 16, wire.ProtoUDP: 6}[proto]
	if start != at || offset != want || want == 0 {
		return fmt.Errorf("checksum at %d+%d is missing, the one of protocol %d is at %d+%d", start, offset, proto, at, want)
	}
	got, sum := binary.BigEndian.Uint16(frame[start+offset:]), pseudo(len(frame)-at)
	if got%0xffff != sum%0xffff {
		return fmt.Errorf("sum of the pseudo header is %#04x, not %#04x", got, sum)
	}
	return nil
}

// Cut returns the complete frames that a frame with its TCP or UDP checksum
// missing, and with segments of so many bytes or 0, stands for. Whatever is in
// the checksum's place does not matter.
func Cut(frame []byte, segment int) [][]byte {
	_, at, proto, _ := Transport(frame)
	if proto == wire.ProtoUDP || segment == 0 {
		return [][]byte{complete(append([]byte(nil), frame...))}
	}
	headers := at + wire.TCP(frame[at:]).HeaderLen()
	var all [][]byte
	for done := 0; headers+done < len(frame) || done == 0; done += segment {
		end := min(headers+done+segment, len(frame))
		f := append(append([]byte(nil), frame[:headers]...), frame[headers+done:end]...)
		s := f[at:]
		binary.BigEndian.PutUint32(s[4:], binary.BigEndian.Uint32(s[4:])+uint32(done))
		if end < len(frame) {
			s[13] &^= wire.TCPFin | wire.TCPPsh
		}
		if done > 0 {
			s[13] &^= wire.TCPCwr
		}
		all = append(all, complete(f))
		ip, _, _, _ := Transport(f)
		if f[ip]>>4 == 4 {
			binary.BigEndian.PutUint16(f[ip+4:], binary.BigEndian.Uint16(f[ip+4:])+uint16(len(all)-1))
			complete(f)
		}
	}
	return all
}

// complete makes lengths and checksums right.
func complete(frame []byte) []byte {
	ip, at, proto, pseudo := Transport(frame)
	if frame[ip]>>4 == 4 {
		binary.BigEndian.PutUint16(frame[ip+2:], uint16(len(frame)-ip))
		frame[ip+10], frame[ip+11] = 0, 0
		binary.BigEndian.PutUint16(frame[ip+10:], wire.Checksum(frame[ip:ip+wire.IPv4(frame[ip:]).HeaderLen()]))
	} else {
		binary.BigEndian.PutUint16(frame[ip+4:], uint16(len(frame)-ip-wire.IPv6Len))
	}
	offset := 16
	if proto == wire.ProtoUDP {
		offset = 6
	}
	place := frame[at+offset:]
	place[0], place[1] = 0, 0
	sum := ^wire.Sum(frame[at:], pseudo(len(frame)-at))
	if sum == 0 && proto == wire.ProtoUDP {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(place, sum)
	return frame
}
