package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"tender/guest/block"
)

// memory is a disk with blocks of 512 bytes.
type memory struct {
	bytes []byte
	err   error // of writes
}

func (m *memory) CapacityBytes() int64 { return int64(len(m.bytes)) }
func (m *memory) BlockBytes() int      { return 512 }

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, m.bytes[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	return copy(m.bytes[off:], p), nil
}

func TestRun(t *testing.T) {
	disk := &memory{bytes: make([]byte, 1<<14)}
	open := func() (block.Device, error) { return disk, nil }
	for _, c := range []struct {
		args   string
		before func()
		status int
		out    string
		err    string
	}{
		{args: "--help", status: exitOK, err: "-append N"},
		{args: "--apend=1", status: exitUsage, err: "not defined"},
		{args: "x", status: exitUsage, err: `unexpected argument "x"`},
		{args: "--record-bytes=23", status: exitUsage, err: "at least 24"},
		{args: "--slots=1000", status: exitFailure, err: "the device has 16384"},
		{args: "--append=2 --slots=4", out: "ledger: boot 1, found no entries, 0 cut short\nstored 1\nstored 2\nledger: verified entries 1 to 2\n"},
		{args: "", out: "ledger: boot 2, found entries 1 to 2, 0 cut short\nstored 3\nledger: verified entries 1 to 3\n"},
		{args: "--append=0", out: "ledger: boot 3, found entries 1 to 3, 0 cut short\nledger: verified entries 1 to 3\n"},
		{args: "--append=4", out: "ledger: boot 3, found entries 1 to 3, 0 cut short\nstored 4\nstored 5\nstored 6\nstored 7\nledger: verified entries 4 to 7\n"},
		{args: "--append=1", before: func() { disk.err = syscall.EIO }, status: exitFailure,
			out: "ledger: boot 4, found entries 4 to 7, 0 cut short\n", err: "storing record 8"},
		{args: "--append=0", before: func() { disk.bytes[512+1024+600] ^= 1 }, status: exitFailure, err: "record 5: no such record"},
		{args: "--append=0", before: func() { disk.bytes[0] ^= 1 }, status: exitFailure, err: "no store"},
	} {
		if c.before != nil {
			c.before()
		}
		var out, err bytes.Buffer
		status := run(strings.Fields(c.args), &out, &err, open)
		if status != c.status || out.String() != c.out || !strings.Contains(err.String(), c.err) || c.err == "" && err.Len() > 0 {
			t.Errorf("%q: status %d\n%s%s\nwant %d\n%s%s", c.args, status, &out, &err, c.status, c.out, c.err)
		}
	}
	none := errors.New("no disk")
	var out, err bytes.Buffer
	if run(nil, &out, &err, func() (block.Device, error) { return nil, none }) != exitFailure || !strings.Contains(err.String(), "no disk") {
		t.Errorf("without a disk: %s%s", &out, &err)
	}
}

func TestCheck(t *testing.T) {
	good := append([]byte{1, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 7, 0, 0, 0, 0, 0, 0, 0}, 7, 7, 7)
	if boot, err := check(good, 7); boot != 1 || err != nil {
		t.Errorf("%d, %v", boot, err)
	}
	for _, e := range [][]byte{nil, good[:23], append(bytes.Clone(good), 8)} {
		if _, err := check(e, 7); err == nil {
			t.Errorf("% x accepted", e)
		}
	}
	if _, err := check(good, 8); err == nil {
		t.Error("accepted as 8")
	}
}
