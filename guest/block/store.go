package block

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
)

// Store keeps the last records appended to it, each with a number, from 1 on.
// A program that wants one value, replaced at once or not at all, appends the
// new one and reads the last.
//
// What Append has stored without error, Open finds after the guest, the
// tender or the host has crashed, under the conditions the package's comment
// gives for a completed write, until as many records as there are slots have
// followed, or begun to follow, it. A record whose Append failed or was cut
// short is either found whole or not at all. Damage is found by checksums of
// 64 bits.
//
// After a crash of the host without --block-sync:NAME=on, records may be
// missing between others, and the last one found may be an old one. Those that
// had reached stable storage are there, unless their slots were taken since.
//
// Methods may be called by several goroutines.
type Store struct {
	dev Device
	layout

	mu      sync.Mutex
	buffer  []byte   // one slot
	numbers []uint64 // of the record by slot, 0 for none
	last    uint64
	damaged int
}

// ErrNoRecord says that a record is not there (any more).
var ErrNoRecord = errors.New("no such record")

// Format makes an empty store with room for at least slots records of up to
// recordBytes each, and gives up what the device held. With --block-sync off,
// a crash of the host may undo it.
func Format(d Device, recordBytes, slots int) error {
	block, capacity, err := sizes(d)
	if err != nil {
		return err
	}
	if recordBytes < 0 || recordBytes > MaxRecordBytes {
		return fmt.Errorf("records of %d bytes: a store takes 0 to %d", recordBytes, MaxRecordBytes)
	}
	if slots < minSlots || slots > MaxSlots {
		return fmt.Errorf("%d slots: a store has %d to %d", slots, minSlots, MaxSlots)
	}
	slotBytes := (headerBytes + int64(recordBytes) + block - 1) / block * block
	l := layout{id: rand.Uint64N(math.MaxUint64) + 1, blockBytes: block, slotBytes: slotBytes, slots: int64(slots), capacity: capacity, deviceBlock: block}
	if need := block + l.slots*slotBytes; need > capacity {
		return fmt.Errorf("%d slots for records of %d bytes take %d bytes, the device has %d", slots, recordBytes, need, capacity)
	}
	if _, err := writeFull(d, l.super(), 0); err != nil {
		return fmt.Errorf("making a store: %w", err)
	}
	return nil
}

// Open reads the store on a device, wholly. The device stays the caller's, and
// must not be written but by the store. Errors wrap ErrBlank, ErrForeign, or
// the device's.
func Open(d Device) (*Store, error) {
	block, capacity, err := sizes(d)
	if err != nil {
		return nil, err
	}
	s := &Store{dev: d, layout: layout{capacity: capacity, deviceBlock: block}}
	super := make([]byte, block)
	if err := readFull(d, super, 0); err != nil {
		return nil, fmt.Errorf("opening a store: %w", err)
	}
	if err := s.parseSuper(super); err != nil {
		return nil, err
	}
	s.buffer = make([]byte, s.slotBytes)
	s.numbers = make([]uint64, s.slots)
	for slot := range s.numbers {
		if err := s.scan(uint64(slot)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// scan notes which record a slot holds.
func (s *Store) scan(slot uint64) error {
	if err := readFull(s.dev, s.buffer, s.offset(slot)); err != nil {
		return fmt.Errorf("opening a store: slot %d: %w", slot, err)
	}
	n, _, ours := s.unseal(s.buffer, slot)
	s.numbers[slot] = n
	s.last = max(s.last, n)
	if ours && n == 0 {
		s.damaged++
	}
	return nil
}

// RecordBytes is how large a record may be.
func (s *Store) RecordBytes() int { return s.recordBytes() }

// Slots is how many records there may be.
func (s *Store) Slots() int { return int(s.slots) }

// Damaged is how many slots Open found with part of a record, which is what
// an Append leaves that a crash has cut short.
func (s *Store) Damaged() int { return s.damaged }

// Range is the numbers of the oldest and of the last record; both 0 if there
// are none. After a crash of the host, records between them may be missing.
func (s *Store) Range() (oldest, last uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.numbers {
		if n != 0 && (oldest == 0 || n < oldest) {
			oldest = n
		}
	}
	return oldest, s.last
}

// Append stores a record and returns its number, one more than that of the
// last. It takes the place of the oldest once all slots are in use. With an
// error the record has not been stored, though it may be found after a crash,
// and the oldest is gone.
func (s *Store) Append(data []byte) (uint64, error) {
	if len(data) > s.recordBytes() {
		return 0, fmt.Errorf("a record of %d bytes, the store takes %d", len(data), s.recordBytes())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == math.MaxUint64 {
		return 0, errors.New("the store has had all the records there can be: Format it")
	}
	n := s.last + 1
	copy(s.buffer[headerBytes:], data)
	s.numbers[s.slot(n)] = 0
	if _, err := writeFull(s.dev, s.seal(s.buffer, n, len(data)), s.offset(n)); err != nil {
		return 0, fmt.Errorf("storing record %d: %w", n, err)
	}
	s.numbers[s.slot(n)], s.last = n, n
	return n, nil
}

// Read appends the data of record n to dst. The error wraps ErrNoRecord if
// the record is not there.
func (s *Store) Read(dst []byte, n uint64) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n == 0 || s.numbers[s.slot(n)] != n {
		return dst, fmt.Errorf("record %d: %w", n, ErrNoRecord)
	}
	if err := readFull(s.dev, s.buffer, s.offset(n)); err != nil {
		return dst, fmt.Errorf("reading record %d: %w", n, err)
	}
	found, data, _ := s.unseal(s.buffer, s.slot(n))
	if found != n {
		return dst, fmt.Errorf("record %d has been damaged since the store was opened", n)
	}
	return append(dst, data...), nil
}
