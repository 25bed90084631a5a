package hvt

import (
	"fmt"
	"io"

	"tender/abi"
	"tender/machine"
)

// Start is how the vCPU enters the image.
type Start int

// Starts.
const (
	// StartAuto is StartUser for images that can, StartKernel for others.
	StartAuto Start = iota
	// StartKernel enters at CPL 0, the Solo5 contract.
	StartKernel
	// StartUser enters at CPL 3, see package abi; the image must say it can.
	StartUser
)

func (s Start) String() string {
	switch s {
	case StartAuto:
		return "auto"
	case StartKernel:
		return "kernel"
	case StartUser:
		return "user"
	}
	return fmt.Sprintf("Start(%d)", int(s))
}

// Config describes a guest. Its image is for the target hvt; its memory is
// rounded down to 2 MiB and at most 4 GiB. The console gets output straight
// from guest memory.
type Config struct {
	machine.Config
	Start Start
	// KeepProc has the goroutine of Run keep its place in the Go scheduler (of
	// GOMAXPROCS) while the guest runs. Without it Go's monitor takes the place away and
	// looks again every 20 µs, once a guest comes out often: up to a tenth of a CPU.
	// It is for programs whose GOMAXPROCS leaves places for all else; the garbage
	// collector interrupts the guest when it has to.
	KeepProc bool
	// GDB is a connection to a gdb, nil for none: Run then stops the guest
	// before its first instruction and obeys gdb, which sees all of the guest.
	// If gdb detaches or the connection ends, the guest goes on without. Run
	// closes it.
	GDB io.ReadWriteCloser
}

// memBytes applies the memory rules of the contract. The room of a network ring
// comes on top, within the same limit.
func (c *Config) memBytes() (uint64, error) {
	if c.MemBytes == 0 {
		return abi.DefaultMem, nil
	}
	n := max(c.MemBytes/abi.HVTMemGranularity*abi.HVTMemGranularity, abi.HVTMemGranularity)
	if n > abi.HVTMaxMem {
		return 0, fmt.Errorf("guest memory of %d bytes is too large: at most %d MiB", c.MemBytes, abi.HVTMaxMem>>20)
	}
	if n != c.MemBytes {
		c.Logf("adjusting memory to %d bytes", n)
	}
	return n, nil
}

// start picks the way in.
func (c *Config) start() (Start, error) {
	switch c.Start {
	case StartAuto:
		if c.Image.UserStart() {
			return StartUser, nil
		}
		return StartKernel, nil
	case StartKernel:
		return StartKernel, nil
	case StartUser:
		if !c.Image.UserStart() {
			return 0, fmt.Errorf("the image cannot start in user mode: it has no note that says so; start it in kernel mode")
		}
		return StartUser, nil
	}
	return 0, fmt.Errorf("unknown start mode %d", int(c.Start))
}
