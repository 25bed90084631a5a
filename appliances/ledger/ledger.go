package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"tender/guest/block"
)

// An entry is a record of the ledger: the number of the boot that made it,
// the time in nanoseconds since 1970, its own number, and filler up to the
// size of a record. All bytes of the filler are the last one of the number,
// so that the parts of two entries can be told apart.
const entryBytes = 24

// ledger is an open ledger.
type ledger struct {
	store *block.Store
	boot  uint64 // this one
	entry []byte
}

// span is a range of entries, both 0 for none.
type span struct{ oldest, last uint64 }

func (s span) String() string {
	if s.last == 0 {
		return "no entries"
	}
	return fmt.Sprintf("entries %d to %d", s.oldest, s.last)
}

// openLedger opens the ledger on a disk. It makes one if the disk is blank.
func openLedger(disk block.Device, o options) (*ledger, error) {
	store, err := block.Open(disk)
	if errors.Is(err, block.ErrBlank) {
		if err = block.Format(disk, o.recordBytes, o.slots); err == nil {
			store, err = block.Open(disk)
		}
	}
	if err != nil {
		return nil, err
	}
	l := &ledger{store: store, boot: 1, entry: make([]byte, store.RecordBytes())}
	if len(l.entry) < entryBytes {
		return nil, fmt.Errorf("the store has records of %d bytes, it is no ledger", len(l.entry))
	}
	if _, last := store.Range(); last != 0 {
		e, err := store.Read(nil, last)
		if err != nil {
			return nil, err
		}
		if len(e) < entryBytes {
			return nil, fmt.Errorf("entry %d has %d bytes", last, len(e))
		}
		l.boot = binary.LittleEndian.Uint64(e) + 1
	}
	return l, nil
}

// append stores the next entry and returns its number.
func (l *ledger) append() (uint64, error) {
	_, last := l.store.Range()
	n := last + 1
	binary.LittleEndian.PutUint64(l.entry, l.boot)
	binary.LittleEndian.PutUint64(l.entry[8:], uint64(time.Now().UnixNano()))
	binary.LittleEndian.PutUint64(l.entry[16:], n)
	for i := entryBytes; i < len(l.entry); i++ {
		l.entry[i] = byte(n)
	}
	return l.store.Append(l.entry)
}

// verify reads all entries. None may be missing between the oldest and the
// last, as far as there are slots.
func (l *ledger) verify() (span, error) {
	var s span
	s.oldest, s.last = l.store.Range()
	if s.last == 0 {
		return s, nil
	}
	// The slot of the oldest may have been taken by an append cut short.
	if keeps := uint64(l.store.Slots() - 1); s.oldest > max(s.last, keeps)-keeps+1 {
		return s, fmt.Errorf("the entries before %d are missing, %d is the last", s.oldest, s.last)
	}
	boot := uint64(0)
	for n := s.oldest; n <= s.last; n++ {
		e, err := l.store.Read(l.entry[:0], n)
		if err != nil {
			return s, err
		}
		b, err := check(e, n)
		if err != nil {
			return s, err
		}
		if b < boot || b > l.boot {
			return s, fmt.Errorf("entry %d is of boot %d, this is %d", n, b, l.boot)
		}
		boot = b
	}
	return s, nil
}

// check returns the boot that an entry is of.
func check(e []byte, n uint64) (boot uint64, err error) {
	if len(e) < entryBytes || binary.LittleEndian.Uint64(e[16:]) != n {
		return 0, fmt.Errorf("entry %d is none: %d bytes, % x", n, len(e), e[:min(len(e), entryBytes)])
	}
	for i, b := range e[entryBytes:] {
		if b != byte(n) {
			return 0, fmt.Errorf("entry %d: byte %d is %#x", n, entryBytes+i, b)
		}
	}
	return binary.LittleEndian.Uint64(e), nil
}
