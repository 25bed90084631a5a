package block

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc64"
	"slices"
)

// A store begins with a block that describes it and is never written again.
// After it come slots of equal size; record n is in slot n modulo their
// number. All numbers are little-endian, sums are CRC-64 (ECMA).
//
//	block 0:  magic, id, block bytes u32, slot bytes u32, slots u32, 0 u32, sum
//	slot:     id, n, length u32, 0 u32, sum over all before it and the data, data
//
// The id is random. It tells records of this store from what the device held
// before.
const (
	magic       = "tendrST1"
	superBytes  = 40
	superSum    = superBytes - 8
	headerBytes = 32
	headerSum   = headerBytes - 8
)

// Limits of a store.
const (
	MaxRecordBytes = 1 << 20
	MaxSlots       = 1 << 20
	minSlots       = 2
)

// Errors of Open.
var (
	ErrBlank   = errors.New("the device holds no store, it is blank")
	ErrForeign = errors.New("the device holds something that is no store; wipe its first block to give it up")
)

var sums = crc64.MakeTable(crc64.ECMA)

// layout is where a store has its slots.
type layout struct {
	id                    uint64
	blockBytes, slotBytes int64
	slots                 int64
	capacity, deviceBlock int64 // of the device
}

// check finds a layout that the device cannot have.
func (l *layout) check() error {
	switch {
	case !validBlockBytes(l.blockBytes), l.slots < minSlots || l.slots > MaxSlots,
		l.slotBytes < l.blockBytes || l.slotBytes%l.blockBytes != 0 || l.slotBytes > MaxRecordBytes+headerBytes+maxBlockBytes:
		return fmt.Errorf("%d slots of %d bytes in blocks of %d: %w", l.slots, l.slotBytes, l.blockBytes, ErrForeign)
	case l.blockBytes%l.deviceBlock != 0:
		return fmt.Errorf("the store was made on blocks of %d bytes, the device has blocks of %d: attach it with --block-sector-size", l.blockBytes, l.deviceBlock)
	case l.blockBytes+l.slots*l.slotBytes > l.capacity:
		return fmt.Errorf("the store has %d bytes, the device %d: it has been cut", l.blockBytes+l.slots*l.slotBytes, l.capacity)
	}
	return nil
}

// recordBytes is the room in a slot.
func (l *layout) recordBytes() int { return int(l.slotBytes) - headerBytes }

// offset is where the slot of record n begins.
func (l *layout) offset(n uint64) int64 { return l.blockBytes + int64(l.slot(n))*l.slotBytes }

func (l *layout) slot(n uint64) uint64 { return n % uint64(l.slots) }

// super makes block 0.
func (l *layout) super() []byte {
	b := make([]byte, l.blockBytes)
	copy(b, magic)
	binary.LittleEndian.PutUint64(b[8:], l.id)
	binary.LittleEndian.PutUint32(b[16:], uint32(l.blockBytes))
	binary.LittleEndian.PutUint32(b[20:], uint32(l.slotBytes))
	binary.LittleEndian.PutUint32(b[24:], uint32(l.slots))
	binary.LittleEndian.PutUint64(b[superSum:], crc64.Checksum(b[:superSum], sums))
	return b
}

// parseSuper reads block 0.
func (l *layout) parseSuper(b []byte) error {
	if string(b[:len(magic)]) != magic || binary.LittleEndian.Uint64(b[superSum:]) != crc64.Checksum(b[:superSum], sums) {
		if !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) {
			return ErrBlank
		}
		return ErrForeign
	}
	l.id = binary.LittleEndian.Uint64(b[8:])
	l.blockBytes = int64(binary.LittleEndian.Uint32(b[16:]))
	l.slotBytes = int64(binary.LittleEndian.Uint32(b[20:]))
	l.slots = int64(binary.LittleEndian.Uint32(b[24:]))
	return l.check()
}

// seal writes the header of record n, whose data is in b already, and returns
// the whole blocks to store.
func (l *layout) seal(b []byte, n uint64, length int) []byte {
	binary.LittleEndian.PutUint64(b, l.id)
	binary.LittleEndian.PutUint64(b[8:], n)
	binary.LittleEndian.PutUint32(b[16:], uint32(length))
	binary.LittleEndian.PutUint32(b[20:], 0)
	end := headerBytes + length
	binary.LittleEndian.PutUint64(b[headerSum:], slotSum(b[:end]))
	blocks := (int64(end) + l.blockBytes - 1) / l.blockBytes * l.blockBytes
	clear(b[end:blocks])
	return b[:blocks]
}

// unseal returns the number and the data of the record in a slot. ours says
// that this store has written to it; n is 0 if what it holds is no record.
func (l *layout) unseal(b []byte, slot uint64) (n uint64, data []byte, ours bool) {
	if binary.LittleEndian.Uint64(b) != l.id {
		return 0, nil, false
	}
	n = binary.LittleEndian.Uint64(b[8:])
	length := int64(binary.LittleEndian.Uint32(b[16:]))
	if n == 0 || l.slot(n) != slot || length > int64(l.recordBytes()) {
		return 0, nil, true
	}
	end := headerBytes + length
	if binary.LittleEndian.Uint64(b[headerSum:]) != slotSum(b[:end]) {
		return 0, nil, true
	}
	return n, b[headerBytes:end], true
}

// slotSum is the sum over a header without its sum, and the data.
func slotSum(b []byte) uint64 {
	return crc64.Update(crc64.Checksum(b[:headerSum], sums), sums, b[headerBytes:])
}
