package wire

import (
	"encoding/binary"
	"math/bits"
)

// Sum adds b to a partial Internet checksum (RFC 1071): the one's complement
// sum of its 16-bit big-endian words, an odd last byte padded with zero. Sums
// of several pieces add up if every piece but the last has an even length.
func Sum(b []byte, partial uint16) uint16 {
	// The sum does not depend on byte order (RFC 1071 §2 B): little-endian
	// words are added eight bytes at a time and the result is swapped.
	var sum, carry uint64
	for len(b) >= 32 {
		sum, carry = bits.Add64(sum, binary.LittleEndian.Uint64(b), carry)
		sum, carry = bits.Add64(sum, binary.LittleEndian.Uint64(b[8:]), carry)
		sum, carry = bits.Add64(sum, binary.LittleEndian.Uint64(b[16:]), carry)
		sum, carry = bits.Add64(sum, binary.LittleEndian.Uint64(b[24:]), carry)
		b = b[32:]
	}
	for len(b) >= 8 {
		sum, carry = bits.Add64(sum, binary.LittleEndian.Uint64(b), carry)
		b = b[8:]
	}
	sum, carry = bits.Add64(sum, 0, carry)
	sum += carry
	rest := sum>>32 + sum&0xffffffff
	for len(b) >= 2 {
		rest += uint64(binary.LittleEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		rest += uint64(b[0])
	}
	return fold(uint64(bits.ReverseBytes16(fold(rest))) + uint64(partial))
}

// Checksum is the Internet checksum of b, as it stands in a header.
func Checksum(b []byte) uint16 { return ^Sum(b, 0) }

// Update returns the checksum of data in which one 16-bit word changed from
// old to new (RFC 1624, equation 3).
func Update(check, old, new uint16) uint16 {
	return ^fold(uint64(^check) + uint64(^old) + uint64(new))
}

// Update32 is Update for two adjacent words.
func Update32(check uint16, old, new uint32) uint16 {
	return Update(Update(check, uint16(old>>16), uint16(new>>16)), uint16(old), uint16(new))
}

// PseudoSum is the partial checksum of the TCP and UDP pseudo header; length
// is that of the transport header and data.
func PseudoSum(src, dst Addr4, proto uint8, length int) uint16 {
	return fold(uint64(src>>16) + uint64(src&0xffff) + uint64(dst>>16) + uint64(dst&0xffff) +
		uint64(proto) + uint64(uint16(length)))
}

// fold reduces a sum to 16 bits, adding the carries back.
func fold(sum uint64) uint16 {
	sum = sum>>32 + sum&0xffffffff
	sum = sum>>16 + sum&0xffff
	sum = sum>>16 + sum&0xffff
	sum = sum>>16 + sum&0xffff
	return uint16(sum)
}

func be16(b []byte) uint16       { return binary.BigEndian.Uint16(b) }
func be32(b []byte) uint32       { return binary.BigEndian.Uint32(b) }
func be64(b []byte) uint64       { return binary.BigEndian.Uint64(b) }
func setBE16(b []byte, v uint16) { binary.BigEndian.PutUint16(b, v) }
func setBE32(b []byte, v uint32) { binary.BigEndian.PutUint32(b, v) }
func setBE64(b []byte, v uint64) { binary.BigEndian.PutUint64(b, v) }
