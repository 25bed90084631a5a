package datapath

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// An io_uring reads and writes the files that it was made for; all else it refuses,
// whatever is put in its queue.
func TestRestrictions(t *testing.T) {
	open := func(name string) *os.File {
		f, err := os.OpenFile(filepath.Join(t.TempDir(), name), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	own, other := open("own"), open("other")
	memory := make([]byte, 1<<16)
	u, err := newUring(memory, []int32{int32(own.Fd())})
	if err != nil {
		t.Fatal(err)
	}
	defer u.close()
	const (
		fsync  = 3
		openat = 18
		linked = 4
	)
	at, n := uint64(address(memory[:5])), uint32(5)
	copy(memory, "frame")
	for _, c := range []struct {
		name string
		sqe  sqe
		want int32
	}{
		{"write", sqe{Opcode: opWriteFixed, SQEFlags: fixedFile, Address: at, Len: n}, 5},
		{"read", sqe{Opcode: opRead, SQEFlags: fixedFile, Address: at, Len: n}, 5},
		{"write of another file", sqe{Opcode: opWriteFixed, FD: int32(other.Fd()), Address: at, Len: n}, -int32(unix.EACCES)},
		{"read of another file", sqe{Opcode: opRead, FD: int32(other.Fd()), Address: at, Len: n}, -int32(unix.EACCES)},
		{"a file behind its own", sqe{Opcode: opRead, SQEFlags: fixedFile, FD: 1, Address: at, Len: n}, -int32(unix.EBADF)},
		{"memory that is not registered", sqe{Opcode: opReadFixed, SQEFlags: fixedFile, Address: uint64(address(make([]byte, 64))), Len: n}, -int32(unix.EFAULT)},
		{"another operation", sqe{Opcode: fsync, SQEFlags: fixedFile}, -int32(unix.EACCES)},
		{"opening a file", sqe{Opcode: openat, SQEFlags: fixedFile}, -int32(unix.EACCES)},
		{"another flag", sqe{Opcode: opRead, SQEFlags: fixedFile | linked, Address: at, Len: n}, -int32(unix.EACCES)},
	} {
		got := int32(0)
		u.add(c.sqe)
		if err := u.submit(func(_ uint64, result int32) { got = result }); err != nil || got != c.want {
			t.Errorf("%s: result %d, %v; not %d", c.name, got, err, c.want)
		}
	}
	if info, err := other.Stat(); err != nil || info.Size() != 0 {
		t.Errorf("the other file: %d bytes, %v", info.Size(), err)
	}
}
