package block

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc64"
	"strings"
	"syscall"
	"testing"
)

// store formats a disk and opens it.
func store(t testing.TB, d Device, recordBytes, slots int) *Store {
	t.Helper()
	check(t, Format(d, recordBytes, slots))
	return open(t, d)
}

func open(t testing.TB, d Device) *Store {
	t.Helper()
	s, err := Open(d)
	check(t, err)
	return s
}

// mustHold wants exactly the records first..last, and the content they have
// by text.
func mustHold(t *testing.T, s *Store, first, last uint64) {
	t.Helper()
	if f, l := s.Range(); f != first || l != last {
		t.Fatalf("records %d to %d, want %d to %d", f, l, first, last)
	}
	for n := uint64(0); n < last+3; n++ {
		got, err := s.Read([]byte("before "), n)
		if n == 0 || n < first || n > last {
			if !errors.Is(err, ErrNoRecord) || string(got) != "before " {
				t.Errorf("record %d: %q, %v", n, got, err)
			}
		} else if err != nil || string(got) != "before "+text(n) {
			t.Errorf("record %d: %q, %v", n, got, err)
		}
	}
}

// text has any length from 0 up.
func text(n uint64) string {
	return strings.Repeat(fmt.Sprintf("record %d, ", n), int(n*n%100))
}

func TestStore(t *testing.T) {
	for _, c := range []struct{ block, record, slots int }{
		{512, 1000, 2}, {512, 480, 7}, {4096, 1200, 3}, {512, 3000, 64}, {32768, 1100, 5},
	} {
		d := newDisk(c.block, 1<<20)
		s := store(t, d, max(c.record, 1188), c.slots)
		mustHold(t, s, 0, 0)
		var first uint64
		for n := uint64(1); n < 3*uint64(c.slots); n++ {
			got, err := s.Append([]byte(text(n)))
			if got != n || err != nil {
				t.Fatalf("append: %d, %v", got, err)
			}
			first = max(n, uint64(c.slots)) - uint64(c.slots) + 1
			mustHold(t, s, first, n)
			mustHold(t, open(t, d), first, n)
		}
		if d := open(t, d).Damaged(); d != 0 {
			t.Errorf("%d damaged slots", d)
		}
	}
}

func TestStoreSizes(t *testing.T) {
	for _, c := range []struct {
		block, capacity, record, slots int
		ok                             bool
	}{
		{512, 512 * 3, 480, 2, true},
		{512, 512 * 3, 481, 2, false},
		{512, 512 * 2, 480, 2, false},
		{512, 512*3 - 1, 480, 2, false},
		{4096, 4096 * 3, 0, 2, true},
		{512, 512 * 9, 0, 8, true},
		{512, 512 * 9, -1, 8, false},
		{512, 512 * 9, 0, 1, false},
		{512, 512 * 9, 0, 0, false},
		{512, 512 * 9, 0, -1, false},
		{512, 512 * 9, 0, MaxSlots + 1, false},
		{512, 4 << 20, MaxRecordBytes, 2, true},
		{512, 4 << 20, MaxRecordBytes + 1, 2, false},
		{32768, 4 << 20, MaxRecordBytes, 2, true},
	} {
		d := newDisk(c.block, c.capacity)
		err := Format(d, c.record, c.slots)
		if (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
		if err != nil {
			if bytes.Count(d.cache, []byte{0}) != c.capacity {
				t.Errorf("%+v: written", c)
			}
			continue
		}
		s := open(t, d)
		if s.Slots() != c.slots || s.RecordBytes() < c.record || s.RecordBytes() >= c.record+c.block {
			t.Errorf("%+v: %d slots of %d bytes", c, s.Slots(), s.RecordBytes())
		}
		full := bytes.Repeat([]byte{5}, s.RecordBytes())
		if _, err := s.Append(full); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		if _, err := s.Append(append(full, 5)); err == nil {
			t.Errorf("%+v: a record that is too large", c)
		}
		if got, err := s.Read(nil, 1); err != nil || !bytes.Equal(got, full) {
			t.Errorf("%+v: read %d bytes, %v", c, len(got), err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	d := newDisk(512, 8192)
	if _, err := Open(d); !errors.Is(err, ErrBlank) {
		t.Errorf("blank: %v", err)
	}
	d.cache[511] = 1
	if _, err := Open(d); !errors.Is(err, ErrForeign) {
		t.Errorf("foreign: %v", err)
	}
	check(t, Format(d, 100, 4))
	cut := newDisk(512, 512*4)
	copy(cut.cache, d.cache)
	if _, err := Open(cut); err == nil || !strings.Contains(err.Error(), "has been cut") {
		t.Errorf("cut: %v", err)
	}
	large := newDisk(4096, 8192)
	copy(large.cache, d.cache)
	if _, err := Open(large); err == nil || !strings.Contains(err.Error(), "--block-sector-size") {
		t.Errorf("larger blocks: %v", err)
	}
	d.fail = func(bool, int64) error { return syscall.EIO }
	if _, err := Open(d); !errors.Is(err, syscall.EIO) {
		t.Errorf("failing: %v", err)
	}
	for off, value := range map[int]uint32{16: 1 << 31, 20: 0, 24: MaxSlots + 1} {
		b := bytes.Clone(d.cache)
		binary.LittleEndian.PutUint32(b[off:], value)
		binary.LittleEndian.PutUint64(b[superSum:], crc64.Checksum(b[:superSum], sums))
		forged := newDisk(512, 8192)
		copy(forged.cache, b)
		if _, err := Open(forged); !errors.Is(err, ErrForeign) {
			t.Errorf("%d at %d: %v", value, off, err)
		}
	}
}

// A store made on large blocks can be read on smaller ones.
func TestSmallerBlocks(t *testing.T) {
	d := newDisk(4096, 1<<16)
	s := store(t, d, 1200, 4)
	for n := uint64(1); n < 7; n++ {
		_, err := s.Append([]byte(text(n)))
		check(t, err)
	}
	d.block = 512
	mustHold(t, open(t, d), 3, 6)
}

// Records of an earlier store on the device are not taken for the new one's.
func TestFormatAgain(t *testing.T) {
	d := newDisk(512, 1<<16)
	s := store(t, d, 1200, 4)
	for n := uint64(1); n < 7; n++ {
		_, err := s.Append([]byte(text(n)))
		check(t, err)
	}
	for _, slots := range []int{4, 5} {
		s := store(t, d, 1200, slots)
		mustHold(t, s, 0, 0)
		if s.Damaged() != 0 {
			t.Errorf("%d slots damaged", s.Damaged())
		}
		_, err := s.Append([]byte(text(1)))
		check(t, err)
		mustHold(t, open(t, d), 1, 1)
	}
}

func TestAppendFails(t *testing.T) {
	d := newDisk(512, 1<<16)
	s := store(t, d, 1200, 4)
	for n := uint64(1); n <= 4; n++ {
		_, err := s.Append([]byte(text(n)))
		check(t, err)
	}
	d.fail = func(write bool, off int64) error {
		if write {
			return syscall.EIO
		}
		return nil
	}
	for range 3 {
		if n, err := s.Append([]byte(text(5))); n != 0 || !errors.Is(err, syscall.EIO) {
			t.Errorf("append: %d, %v", n, err)
		}
		mustHold(t, s, 2, 4)
	}
	d.fail = nil
	if n, err := s.Append([]byte(text(5))); n != 5 || err != nil {
		t.Errorf("append: %d, %v", n, err)
	}
	mustHold(t, s, 2, 5)
	d.cache[s.offset(3)+40] ^= 1
	if _, err := s.Read(nil, 3); err == nil || errors.Is(err, ErrNoRecord) {
		t.Errorf("read of what has been changed: %v", err)
	}
	if s := open(t, d); s.Damaged() != 1 {
		t.Errorf("%d slots damaged", s.Damaged())
	}
}

// A record is only looked for in its own slot.
func TestMisplacedRecord(t *testing.T) {
	d := newDisk(512, 1<<14)
	s := store(t, d, 480, 4)
	for n := uint64(1); n <= 2; n++ {
		_, err := s.Append([]byte("record"))
		check(t, err)
	}
	copy(d.cache[s.offset(3):], d.cache[s.offset(2):s.offset(3)])
	s = open(t, d)
	if first, last := s.Range(); first != 1 || last != 2 || s.Damaged() != 1 || s.numbers[s.slot(3)] != 0 {
		t.Errorf("records %d to %d, %d damaged, slots hold %v", first, last, s.Damaged(), s.numbers)
	}
}

// Whatever is on a device, Open ends, and what it finds can be read and added to.
func FuzzOpen(f *testing.F) {
	d := newDisk(512, 512*9)
	st := store(f, d, 900, 4)
	for n := uint64(1); n < 7; n++ {
		f.Add(bytes.Clone(d.cache), false)
		_, err := st.Append([]byte(text(n))[:min(len(text(n)), 900)])
		check(f, err)
	}
	f.Add(bytes.Clone(d.cache), true)
	f.Add([]byte(magic), true)
	f.Fuzz(func(t *testing.T, data []byte, seal bool) {
		d := newDisk(512, 512*9)
		copy(d.cache, data)
		if seal { // let the fuzzer past the sum of the first block
			binary.LittleEndian.PutUint64(d.cache[superSum:], crc64.Checksum(d.cache[:superSum], sums))
		}
		s, err := Open(d)
		if (s == nil) == (err == nil) {
			t.Fatalf("%v, %v", s, err)
		}
		if err != nil {
			return
		}
		first, last := s.Range()
		if (first == 0) != (last == 0) || first > last {
			t.Fatalf("records %d to %d", first, last)
		}
		for i, n := range s.numbers {
			if n == 0 {
				continue
			}
			if got, err := s.Read(nil, n); err != nil || len(got) > s.RecordBytes() {
				t.Fatalf("slot %d, record %d: %d bytes, %v", i, n, len(got), err)
			}
		}
		want := []byte("one more")
		n, err := s.Append(want)
		if err != nil {
			if last+1 != 0 {
				t.Fatal(err)
			}
			return
		}
		if s, err = Open(d); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Read(nil, n); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("record %d: %q, %v", n, got, err)
		}
	})
}
