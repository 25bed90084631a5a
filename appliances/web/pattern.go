package main

import (
	"encoding/binary"
	"errors"
	"io"
)

// pattern is a file of so many bytes that is stored nowhere. The byte at an
// offset is the same whatever is asked for and however: eight of them are the
// number of their word, scrambled, so that a shift or a swap shows.
type pattern struct {
	size, offset int64
}

var _ io.ReadSeeker = (*pattern)(nil)

// Read implements io.Reader.
func (p *pattern) Read(b []byte) (int, error) {
	if p.offset >= p.size {
		return 0, io.EOF
	}
	b = b[:min(int64(len(b)), p.size-p.offset)]
	var word [8]byte
	for n := 0; n < len(b); {
		at := uint64(p.offset) + uint64(n)
		binary.LittleEndian.PutUint64(word[:], scramble(at/8))
		n += copy(b[n:], word[at%8:])
	}
	p.offset += int64(len(b))
	return len(b), nil
}

// Seek implements io.Seeker.
func (p *pattern) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += p.offset
	case io.SeekEnd:
		offset += p.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the start")
	}
	p.offset = offset
	return offset, nil
}

// scramble is a bijection of words whose results look random: the finish of
// splitmix64 (Steele, Lea and Flood, OOPSLA 2014).
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
