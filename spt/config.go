package spt

import (
	"fmt"

	"tender/abi"
	"tender/image"
	"tender/machine"
)

// Memory of a guest.
const (
	// MemGranularity is what memory sizes are rounded down to.
	MemGranularity = 1 << 20
	// MaxMem is the largest guest memory. It leaves the kernel room for what
	// it maps above while it starts the process.
	MaxMem = 1 << 40
)

// Config describes a guest. Its image is for the target spt, or says in its
// note that it runs there too; its memory is rounded down to 1 MiB and at most
// 1 TiB. A console that is an *os.File is the guest's own: it writes there
// without the help of the tender, and the file must stay open until Run
// returns. All devices need descriptors.
type Config struct {
	machine.Config
	// ExecHeap makes executable what is no segment of the image: heap and
	// stack.
	ExecHeap bool
}

// CheckImage says whether the image can run as a process on this machine: it
// is for the target spt, or its note says that it can.
func CheckImage(im *image.Image) error {
	if note := tenderNote(im); note != nil && im.Target == abi.TargetHVT {
		return im.CheckTarget(abi.TargetHVT, abi.VersionHVT)
	}
	return im.CheckTarget(abi.TargetSPT, abi.VersionSPT)
}

// tenderNote is the note of an image that says it runs under spt, or nil.
func tenderNote(im *image.Image) *abi.TenderNote {
	if im.Tender == nil || im.Tender.Flags&abi.FlagSPT == 0 {
		return nil
	}
	return im.Tender
}

// memBytes applies the memory rules of the contract.
func (c *Config) memBytes() (uint64, error) {
	if c.MemBytes == 0 {
		return abi.DefaultMem, nil
	}
	n := max(c.MemBytes/MemGranularity*MemGranularity, MemGranularity)
	if n > MaxMem {
		return 0, fmt.Errorf("guest memory of %d bytes is too large: at most %d MiB", c.MemBytes, uint64(MaxMem>>20))
	}
	if n != c.MemBytes {
		c.Logf("adjusting memory to %d bytes", n)
	}
	return n, nil
}
