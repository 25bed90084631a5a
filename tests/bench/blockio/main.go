// Blockio transfers blocks of 4 KiB, one per call, at random places of its
// disk, and prints for each kind of transfer how many it made per second. It
// is built as a unikernel, whose disk is its block device, and as a Linux
// program, whose disk is the file in its argument.
package main

import (
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"time"
)

const (
	blockBytes = 4096
	duration   = 300 * time.Millisecond
)

func main() {
	path := "/dev/block/disk"
	if len(os.Args) > 1 {
		path = os.Args[1]
	}
	disk, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		log.Fatal(err)
	}
	info, err := disk.Stat()
	if err != nil {
		log.Fatal(err)
	}
	blocks := info.Size() / blockBytes
	for _, kind := range []struct {
		name     string
		transfer func(p []byte, off int64) (int, error)
	}{
		{"reads", disk.ReadAt},
		{"writes", disk.WriteAt},
	} {
		rate, err := measure(kind.transfer, blocks)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(kind.name, rate)
	}
}

// measure returns transfers per second.
func measure(transfer func(p []byte, off int64) (int, error), blocks int64) (float64, error) {
	const between = 64 // looks at the clock
	r := rand.New(rand.NewPCG(1, 2))
	p := make([]byte, blockBytes)
	start := time.Now()
	done := 0
	for time.Since(start) < duration {
		for range between {
			if n, err := transfer(p, r.Int64N(blocks)*blockBytes); n != blockBytes {
				return 0, fmt.Errorf("%d bytes: %w", n, orShort(err))
			}
		}
		done += between
	}
	return float64(done) / time.Since(start).Seconds(), nil
}

func orShort(err error) error {
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}
