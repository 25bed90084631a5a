package gen

import (
	"encoding/binary"
	"math/rand/v2"
)

// randomPacket is a datagram as the engine shows them to chains: with right
// lengths and headers, and right checksums where it checks them.
func randomPacket(r *rand.Rand) []byte {
	small := func() byte { return byte(r.IntN(22)) }
	port := func(b []byte) { binary.BigEndian.PutUint16(b, uint16(r.IntN(22))) }
	protocol := []byte{6, 6, 17, 17, 1, 89}[r.IntN(6)]
	six := r.IntN(3) == 0
	if six && protocol == 1 {
		protocol = 58
	}
	segment := make([]byte, 24+r.IntN(8))
	for i := range segment {
		segment[i] = small()
	}
	switch protocol {
	case 6:
		port(segment)
		port(segment[2:])
		segment[12] = 5<<4 | byte(r.IntN(16))
		segment[13] = []byte{0x10, 0x18, 0x90, 0x50}[r.IntN(4)]
	case 17:
		port(segment)
		port(segment[2:])
		binary.BigEndian.PutUint16(segment[4:], uint16(8+r.IntN(len(segment)-7)))
		if r.IntN(4) == 0 {
			segment[6], segment[7] = 0, 0
		}
	case 1, 58:
		segment[0] = []byte{0, 8, 13, 14, 5 + 9, 128, 129, 200}[r.IntN(8)]
		if protocol == 1 && segment[0] > 14 {
			segment[0] = 8
		}
		if protocol == 58 && segment[0] < 128 {
			segment[0] = 128
		}
		segment[2], segment[3] = 0, 0
	}
	var header []byte
	if six {
		header = make([]byte, 40)
		binary.BigEndian.PutUint32(header, 6<<28|uint32(r.IntN(1<<8))<<20|uint32(r.IntN(22)))
		binary.BigEndian.PutUint16(header[4:], uint16(len(segment)))
		header[6], header[7] = protocol, small()
		for _, at := range []int{8, 24} {
			copy(header[at:], []byte{0x20, 1, 0xd, 0xb8})
			header[at+15] = small()
		}
	} else {
		header = make([]byte, 20+4*r.IntN(3))
		for i := 20; i < len(header); i++ {
			header[i] = 1 // no operation
		}
		header[0], header[1] = 0x40|byte(len(header)/4), byte(r.Uint32())
		binary.BigEndian.PutUint16(header[2:], uint16(len(header)+len(segment)))
		binary.BigEndian.PutUint16(header[4:], uint16(r.IntN(22)))
		header[8], header[9] = small(), protocol
		for _, at := range []int{12, 16} {
			copy(header[at:], []byte{10, 0, 0, small()})
		}
		binary.BigEndian.PutUint16(header[10:], checksum(header, 0))
	}
	switch protocol {
	case 1:
		binary.BigEndian.PutUint16(segment[2:], checksum(segment, 0))
	case 58:
		pseudo := uint64(len(segment)) + 58
		for i := 8; i < 40; i += 2 {
			pseudo += uint64(binary.BigEndian.Uint16(header[i:]))
		}
		binary.BigEndian.PutUint16(segment[2:], checksum(segment, pseudo))
	}
	return append(header, segment...)
}

func checksum(b []byte, sum uint64) uint16 {
	for i := 0; i < len(b); i += 2 {
		sum += uint64(b[i]) << 8
		if i+1 < len(b) {
			sum += uint64(b[i+1])
		}
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
