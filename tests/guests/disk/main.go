// Disk reads and writes a block device.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"syscall"

	"tender/guest"
)

func main() {
	disk, err := guest.OpenBlock("disk")
	if err != nil {
		log.Fatal(err)
	}
	size, block := disk.CapacityBytes(), int64(disk.BlockBytes())
	fmt.Println(size, block)

	// The host has numbered the blocks.
	b := make([]byte, 4*block)
	for off := int64(0); off < size; off += int64(len(b)) {
		if n, err := disk.ReadAt(b, off); n != len(b) || err != nil {
			log.Fatalf("read at %d: %d, %v", off, n, err)
		}
		for i := range int64(4) {
			if got := b[i*block]; got != byte(off/block+i) {
				log.Fatalf("block %d begins with %d", off/block+i, got)
			}
		}
	}
	data := bytes.Repeat([]byte("written by guest"), int(block)/8)
	if n, err := disk.WriteAt(data, 3*block); n != len(data) || err != nil {
		log.Fatalf("write: %d, %v", n, err)
	}
	if n, err := disk.ReadAt(b[:2*block], 3*block); int64(n) != 2*block || err != nil || !bytes.Equal(data, b[:n]) {
		log.Fatalf("read after write: %d, %v", n, err)
	}

	for _, c := range []struct {
		what string
		n    int64
		off  int64
		done int64 // by a read
		r, w error
	}{
		{"odd length", block + 1, 0, 0, syscall.EINVAL, syscall.EINVAL},
		{"odd offset", block, 1, 0, syscall.EINVAL, syscall.EINVAL},
		{"short", 1, 0, 0, syscall.EINVAL, syscall.EINVAL},
		{"at the end", block, size, 0, io.EOF, syscall.ENOSPC},
		{"over the end", 2 * block, size - block, block, io.EOF, syscall.ENOSPC},
		{"far behind", block, 1 << 60, 0, io.EOF, syscall.ENOSPC},
	} {
		if n, err := disk.ReadAt(b[:c.n], c.off); int64(n) != c.done || !errors.Is(err, c.r) {
			log.Fatalf("read %s: %d, %v", c.what, n, err)
		}
		if n, err := disk.WriteAt(data[:c.n], c.off); n != 0 || !errors.Is(err, c.w) {
			log.Fatalf("write %s: %d, %v", c.what, n, err)
		}
	}
	if n, err := disk.ReadAt(b, -1); err == nil {
		log.Fatalf("read at -1: %d", n)
	}
	if n, err := disk.ReadAt(nil, 0); n != 0 || err != nil {
		log.Fatalf("empty read: %d, %v", n, err)
	}
	if _, err := disk.ReadAt(b[:block], size-block); err != nil || b[0] != byte(size/block-1) {
		log.Fatalf("the last block was written: %d, %v", b[0], err)
	}
	fmt.Println("ok")
}
