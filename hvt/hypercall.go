package hvt

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"tender/abi"
	"tender/blockback"
	"tender/machine"
)

// host is what a guest reaches by hypercalls: its memory, its devices and the
// console. It knows nothing of KVM. One goroutine makes hypercalls; that of the
// ring uses memory and network devices beside it.
//
// Argument structs are read once; the guest does not run meanwhile, but a
// struct may overlap the very buffer it describes.
type host struct {
	mem     memory
	console io.Writer
	// devices by handle.
	nets   [abi.ManifestMaxEntries]netDevice
	blocks [abi.ManifestMaxEntries]blockDevice
	hasNet bool
	hasBlk bool
	poll   poller
	// exit is set by HALT.
	exit machine.Exit
}

// blockDevice is absent if dev is nil.
type blockDevice struct {
	dev           blockback.Device
	capacityBytes uint64
}

// hypercall serves number n with its argument struct at gpa. It reports true
// when the guest is done: h.exit is set. An error ends the guest; it is a
// *GuestError unless the host itself failed.
func (h *host) hypercall(n uint16, gpa uint64) (done bool, err error) {
	switch {
	case n == abi.HypercallWalltime:
		return false, h.walltime(gpa)
	case n == abi.HypercallPuts:
		return false, h.puts(gpa)
	case n == abi.HypercallPoll:
		return false, h.pollDevices(gpa)
	case n == abi.HypercallBlockWrite && h.hasBlk:
		return false, h.blockWrite(gpa)
	case n == abi.HypercallBlockRead && h.hasBlk:
		return false, h.blockRead(gpa)
	case n == abi.HypercallNetWrite && h.hasNet:
		return false, h.netWrite(gpa)
	case n == abi.HypercallNetRead && h.hasNet:
		return false, h.netRead(gpa)
	case n == abi.HypercallHalt:
		return true, h.halt(gpa)
	}
	return false, breach(BreachHypercall, "Invalid guest hypercall: num=%d", n)
}

func (h *host) walltime(gpa uint64) error {
	args, err := h.mem.out(gpa, 8)
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint64(args, uint64(time.Now().UnixNano()))
	return nil
}

func (h *host) puts(gpa uint64) error {
	args, err := h.mem.in(gpa, 16)
	if err != nil {
		return err
	}
	text, err := h.mem.in(binary.LittleEndian.Uint64(args), binary.LittleEndian.Uint64(args[8:]))
	if err != nil || len(text) == 0 {
		return err
	}
	n, err := h.console.Write(text)
	if err == nil && n < len(text) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("cannot write the guest's output to the console: %w", err)
	}
	return nil
}

func (h *host) halt(gpa uint64) error {
	args, err := h.mem.in(gpa, 16)
	if err != nil {
		return err
	}
	cookie := binary.LittleEndian.Uint64(args)
	h.exit.Status = int(args[8])
	if cookie == 0 {
		return nil
	}
	c, err := h.mem.in(cookie, abi.HaltCookieSize)
	if err != nil {
		return err
	}
	h.exit.Cookie = append([]byte(nil), c...)
	return nil
}
