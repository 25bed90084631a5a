package hvt

import (
	"encoding/binary"
	"math"

	"tender/abi"
)

// blockArgsSize is of abi.BlockArgs: handle 0, offset 8, data 16, len 24, ret 32.
const blockArgsSize = 40

// blockCall is one checked block hypercall. dev is nil if the result is
// known already: abi.ResultInval.
type blockCall struct {
	dev       *blockDevice
	offset    int64
	data, len uint64
}

// blockCall reads the arguments. As the contract has it, neither alignment
// nor the number of blocks is checked, only the range.
func (h *host) blockCall(args []byte) blockCall {
	handle := uint32(binary.LittleEndian.Uint64(args))
	offset := binary.LittleEndian.Uint64(args[8:])
	c := blockCall{data: binary.LittleEndian.Uint64(args[16:]), len: binary.LittleEndian.Uint64(args[24:])}
	if handle >= abi.ManifestMaxEntries || h.blocks[handle].dev == nil {
		return c
	}
	d := &h.blocks[handle]
	if offset >= d.capacityBytes || c.len > d.capacityBytes-offset || offset > math.MaxInt64-c.len {
		return c
	}
	c.dev, c.offset = d, int64(offset)
	return c
}

func (h *host) blockWrite(gpa uint64) error {
	args, err := h.mem.out(gpa, blockArgsSize)
	if err != nil {
		return err
	}
	c := h.blockCall(args)
	if c.dev == nil {
		setResult(args[32:], abi.ResultInval)
		return nil
	}
	data, err := h.mem.in(c.data, c.len)
	if err != nil {
		return err
	}
	n, err := len(data), error(nil)
	if n > 0 {
		n, err = c.dev.dev.WriteAt(data, c.offset)
	}
	setResult(args[32:], transferResult(n, len(data), err))
	return nil
}

func (h *host) blockRead(gpa uint64) error {
	args, err := h.mem.out(gpa, blockArgsSize)
	if err != nil {
		return err
	}
	c := h.blockCall(args)
	if c.dev == nil {
		setResult(args[32:], abi.ResultInval)
		return nil
	}
	data, err := h.mem.out(c.data, c.len)
	if err != nil {
		return err
	}
	n, err := len(data), error(nil)
	if n > 0 {
		n, err = c.dev.dev.ReadAt(data, c.offset)
	}
	setResult(args[32:], transferResult(n, len(data), err))
	return nil
}

func transferResult(n, want int, err error) abi.Result {
	if err != nil || n != want {
		return abi.ResultUnspec
	}
	return abi.ResultOK
}
