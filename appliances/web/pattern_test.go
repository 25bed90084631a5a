package main

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"
)

func TestPattern(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{0, 1, 7, 8, 9, 1000} {
		content, err := io.ReadAll(&pattern{size: size})
		if err != nil || int64(len(content)) != size {
			t.Fatalf("%d bytes, %v; want %d", len(content), err, size)
		}
		if err := iotest.TestReader(&pattern{size: size}, content); err != nil {
			t.Errorf("size %d: %v", size, err)
		}
	}
}

// FuzzPattern reads a piece and wants it to be the piece of the whole.
func FuzzPattern(f *testing.F) {
	f.Add(uint16(100), uint16(0), uint16(100))
	f.Add(uint16(100), uint16(3), uint16(17))
	f.Add(uint16(0), uint16(0), uint16(1))
	f.Add(uint16(9), uint16(20), uint16(1))
	f.Fuzz(func(t *testing.T, size, offset, length uint16) {
		whole, err := io.ReadAll(&pattern{size: int64(size)})
		if err != nil {
			t.Fatal(err)
		}
		p := &pattern{size: int64(size)}
		if at, err := p.Seek(int64(offset)-int64(size), io.SeekEnd); (err == nil) != (at == int64(offset)) {
			t.Fatalf("seek to %d: at %d, %v", offset, at, err)
		}
		got, err := io.ReadAll(io.LimitReader(p, int64(length)))
		from := min(int(offset), int(size))
		if want := whole[from:min(from+int(length), int(size))]; err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes at %d of %d: %d bytes, %v", length, offset, size, len(got), err)
		}
	})
}
