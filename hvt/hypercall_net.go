package hvt

import (
	"encoding/binary"
	"sync"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/netback"
)

// netArgsSize is of abi.NetArgs: handle 0, data 8, len 16, ret 24.
const netArgsSize = 32

// vlanTags is the room two VLAN tags take beside the MTU.
const vlanTags = 8

// netDevice is absent if dev is nil.
type netDevice struct {
	dev      netback.Device
	maxFrame uint64
	// shared says that the ring's goroutine uses the device beside the vCPU's;
	// mu then keeps them apart, since a device serves one at a time.
	shared bool
	mu     sync.Mutex
}

// send passes a frame to the device: ResultInval for one that is too large,
// ResultUnspec if the device failed. A frame it has no room for is lost.
func (d *netDevice) send(frame []byte) abi.Result {
	if uint64(len(frame)) > d.maxFrame {
		return abi.ResultInval
	}
	if d.shared {
		d.mu.Lock()
		defer d.mu.Unlock()
	}
	if err := d.dev.WriteFrame(frame); err != nil && err != unix.EAGAIN {
		return abi.ResultUnspec
	}
	return abi.ResultOK
}

// receive takes a frame that waits: ResultAgain if none does, ResultUnspec if
// the device failed. n is 0 unless the result is ResultOK.
func (d *netDevice) receive(buf []byte) (n int, result abi.Result) {
	if d.shared {
		d.mu.Lock()
		defer d.mu.Unlock()
	}
	n, err := d.dev.ReadFrame(buf)
	switch {
	case err == unix.EAGAIN || err == nil && n == 0:
		return 0, abi.ResultAgain
	case err != nil || n < 0 || n > len(buf):
		return 0, abi.ResultUnspec
	}
	return n, abi.ResultOK
}

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
	setResult(args[24:], d.send(frame))
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
	n, result := d.receive(buf)
	if result == abi.ResultOK {
		binary.LittleEndian.PutUint64(args[16:], uint64(n))
	}
	setResult(args[24:], result)
	return nil
}

func setResult(field []byte, r abi.Result) {
	binary.LittleEndian.PutUint32(field, uint32(r))
}
