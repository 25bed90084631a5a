package hvt

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"tender/abi"
)

// netArgsSize is of abi.NetArgs: handle 0, data 8, len 16, ret 24.
const netArgsSize = 32

// vlanTags is the room two VLAN tags take beside the MTU.
const vlanTags = 8

// net finds a device. Only the low half of a handle counts.
func (h *host) net(handle uint64) *netDevice {
	i := uint32(handle)
	if i >= abi.ManifestMaxEntries || h.nets[i].dev == nil {
		return nil
	}
	return &h.nets[i]
}

// netWrite sends one frame. A frame the device has no room for is lost, as
// frames are; other failures are told to the guest.
func (h *host) netWrite(gpa uint64) error {
	args, err := h.mem.out(gpa, netArgsSize)
	if err != nil {
		return err
	}
	handle := binary.LittleEndian.Uint64(args)
	data := binary.LittleEndian.Uint64(args[8:])
	size := binary.LittleEndian.Uint64(args[16:])
	d := h.net(handle)
	if d == nil {
		setResult(args[24:], abi.ResultInval)
		return nil
	}
	frame, err := h.mem.in(data, size)
	if err != nil {
		return err
	}
	if size > d.maxFrame {
		setResult(args[24:], abi.ResultInval)
		return nil
	}
	result := abi.ResultOK
	if err := d.dev.WriteFrame(frame); err != nil && err != unix.EAGAIN {
		result = abi.ResultUnspec
	}
	setResult(args[24:], result)
	return nil
}

// netRead takes one frame that waits.
func (h *host) netRead(gpa uint64) error {
	args, err := h.mem.out(gpa, netArgsSize)
	if err != nil {
		return err
	}
	handle := binary.LittleEndian.Uint64(args)
	data := binary.LittleEndian.Uint64(args[8:])
	size := binary.LittleEndian.Uint64(args[16:])
	d := h.net(handle)
	if d == nil {
		setResult(args[24:], abi.ResultInval)
		return nil
	}
	buf, err := h.mem.out(data, size)
	if err != nil {
		return err
	}
	n, err := d.dev.ReadFrame(buf)
	switch {
	case err == unix.EAGAIN || err == nil && n == 0:
		setResult(args[24:], abi.ResultAgain)
	case err != nil || n < 0 || n > len(buf):
		setResult(args[24:], abi.ResultUnspec)
	default:
		binary.LittleEndian.PutUint64(args[16:], uint64(n))
		setResult(args[24:], abi.ResultOK)
	}
	return nil
}

func setResult(field []byte, r abi.Result) {
	binary.LittleEndian.PutUint32(field, uint32(r))
}
