package datapath

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// An io_uring reads and writes; all else it refuses, whatever is put in its queue.
func TestRestrictions(t *testing.T) {
	f, err := os.OpenFile(filepath.Join(t.TempDir(), "file"), os.O_RDWR|os.O_CREATE, 0o600)
	check(t, err)
	defer f.Close()
	memory := make([]byte, 1<<16)
	u, err := newUring(memory)
	check(t, err)
	defer u.close()
	const (
		fsync     = 3
		openat    = 18
		fixedFile = 1
		linked    = 4
	)
	fd, at, n := int32(f.Fd()), uint64(address(memory[:5])), uint32(5)
	copy(memory, "frame")
	for _, c := range []struct {
		name string
		sqe  sqe
		want int32
	}{
		{"write", sqe{Opcode: opWriteFixed, FD: fd, Address: at, Len: n}, 5},
		{"read", sqe{Opcode: opRead, FD: fd, Address: at, Len: n}, 5},
		{"memory that is not registered", sqe{Opcode: opReadFixed, FD: fd, Address: uint64(address(make([]byte, 64))), Len: n}, -int32(unix.EFAULT)},
		{"another operation", sqe{Opcode: fsync, FD: fd}, -int32(unix.EACCES)},
		{"opening a file", sqe{Opcode: openat}, -int32(unix.EACCES)},
		{"a registered file", sqe{Opcode: opRead, flags: fixedFile, Address: at, Len: n}, -int32(unix.EACCES)},
		{"linked operations", sqe{Opcode: opRead, flags: linked, FD: fd, Address: at, Len: n}, -int32(unix.EACCES)},
	} {
		got := int32(0)
		u.add(c.sqe)
		if err := u.submit(func(_ uint64, result int32) { got = result }); err != nil || got != c.want {
			t.Errorf("%s: result %d, %v; not %d", c.name, got, err, c.want)
		}
	}
}
