package sockets

import (
	"sync"
	"syscall"
)

// fileChunk is how much of a file is read at once.
const fileChunk = 64 << 10

var fileChunks = sync.Pool{New: func() any { return new([fileChunk]byte) }}

// SendFile sends up to count bytes of a file, from *offset on, or from its
// position if offset is nil, and moves that on by what was sent.
func (t *Table) SendFile(fd, file int, offset *int64, count int) (int, syscall.Errno) {
	switch {
	case !t.Is(fd):
		return 0, syscall.EBADF
	case t.Is(file), count < 0, offset != nil && *offset < 0:
		return 0, syscall.EINVAL
	}
	var at int64
	if offset != nil {
		at = *offset
	} else {
		var err error
		if at, err = syscall.Seek(file, 0, 1); err != nil {
			return 0, syscall.EINVAL // a pipe, or the like
		}
	}
	chunk := fileChunks.Get().(*[fileChunk]byte)
	defer fileChunks.Put(chunk)
	done := 0
	for done < count {
		got, err := syscall.Pread(file, chunk[:min(fileChunk, count-done)], at+int64(done))
		if err != nil && done == 0 {
			return 0, errnoFrom(err)
		}
		if err != nil || got == 0 {
			break
		}
		sent, errno := t.Write(fd, chunk[:got])
		if errno != 0 && done == 0 {
			return 0, errno
		}
		done += sent
		if errno != 0 || sent < got {
			break
		}
	}
	if offset != nil {
		*offset = at + int64(done)
	} else if _, err := syscall.Seek(file, at+int64(done), 0); err != nil {
		return done, errnoFrom(err)
	}
	return done, 0
}
