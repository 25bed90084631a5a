package hvt

import (
	"fmt"
	"io"
	"strings"

	"tender/abi"
	"tender/blockback"
	"tender/image"
	"tender/netback"
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

// Config describes a guest. The VM reads from Image in New only; it uses the
// devices and the console until Run returns, and closes none of them.
type Config struct {
	// Image is what runs; its target must be hvt.
	Image *image.Image
	// Args are the guest's arguments. They reach it joined by single spaces,
	// at most 8191 bytes.
	Args []string
	// MemBytes is the guest's memory, 0 for 512 MiB. It is rounded down to
	// 2 MiB, but not to 0, and is at most 4 GiB.
	MemBytes uint64
	// Net and Block are the devices by their names in the manifest.
	Net   map[string]netback.Device
	Block map[string]blockback.Device
	// Console gets the guest's output, straight from guest memory: a Write
	// must not keep its argument. Output is discarded if nil.
	Console io.Writer
	Start   Start
	// Log gets notices for the operator, without newline. May be nil.
	Log func(format string, args ...any)
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
		c.logf("adjusting memory to %d bytes", n)
	}
	return n, nil
}

func (c *Config) logf(format string, args ...any) {
	if c.Log != nil {
		c.Log(format, args...)
	}
}

// cmdline joins the arguments.
func (c *Config) cmdline() (string, error) {
	s := strings.Join(c.Args, " ")
	if len(s) >= abi.CmdlineSize {
		return "", fmt.Errorf("Guest command line too long: %d characters, at most %d", len(s), abi.CmdlineSize-1)
	}
	if strings.IndexByte(s, 0) >= 0 {
		return "", fmt.Errorf("guest arguments contain a NUL character: remove it")
	}
	return s, nil
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
