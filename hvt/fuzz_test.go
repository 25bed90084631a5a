package hvt

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/image"
)

// oddDevice is a network and a block device and a console at once, whose
// results come from the fuzzer and keep to no contract.
type oddDevice struct{ script []byte }

func (d *oddDevice) next() byte {
	if len(d.script) == 0 {
		return 0
	}
	b := d.script[0]
	d.script = d.script[1:]
	return b
}

func (d *oddDevice) transfer(p []byte) (int, error) {
	for i := range min(len(p), 64) {
		p[i] = 0x5a
	}
	switch d.next() % 8 {
	case 0:
		return 0, unix.EAGAIN
	case 1:
		return len(p) / 2, unix.EIO
	case 2:
		return -1, nil
	case 3:
		return len(p) + 1, nil
	case 4:
		return 0, io.EOF
	case 5:
		return len(p) / 2, nil
	}
	return len(p), nil
}

func (d *oddDevice) ReadFrame(p []byte) (int, error)          { return d.transfer(p) }
func (d *oddDevice) ReadAt(p []byte, off int64) (int, error)  { return d.transfer(p) }
func (d *oddDevice) WriteAt(p []byte, off int64) (int, error) { return d.read(p) }
func (d *oddDevice) Write(p []byte) (int, error)              { return d.read(p) }
func (d *oddDevice) CapacityBytes() uint64                    { return 1 << 20 }
func (d *oddDevice) BlockBytes() int                          { return 512 }
func (d *oddDevice) FD() int                                  { return -1 }
func (d *oddDevice) MAC() [6]byte                             { return [6]byte{2} }
func (d *oddDevice) MTU() int                                 { return 1500 }
func (d *oddDevice) Close() error                             { return nil }
func (d *oddDevice) WriteFrame(p []byte) error                { _, err := d.read(p); return err }

// read is transfer without writing to p.
func (d *oddDevice) read(p []byte) (int, error) {
	return d.transfer(make([]byte, min(len(p), 1<<12)))
}

const (
	fuzzMem    = abi.MinLoadAddr + 0x10000
	fuzzSealed = abi.MinLoadAddr + 0x4000 // one read-only page
)

// fuzzBytes is used again and again: one input runs at a time.
var fuzzBytes = make([]byte, fuzzMem)

// newFuzzHost is a host over plain memory, with devices 1 (net) and 2 (block).
func newFuzzHost(d *oddDevice) *host {
	clear(fuzzBytes)
	h := &host{mem: memory{bytes: fuzzBytes}, console: d, hasNet: true, hasBlk: true}
	h.mem.sealed = []image.Range{{Start: fuzzSealed, End: fuzzSealed + abi.PageSize, Flags: elf.PF_R}}
	h.nets[1].dev, h.nets[1].maxFrame = d, 1522
	h.blocks[2] = blockDevice{dev: d, capacityBytes: d.CapacityBytes()}
	h.poll = newPoller(-1, true)
	h.poll.add(-1, 1)
	return h
}

// A call of the fuzzer is a number, the place of the argument struct, and
// its bytes. After any sequence of them nothing but writable memory has
// changed.
func FuzzHypercalls(f *testing.F) {
	call := func(n byte, gpa uint32, args any) []byte {
		b := binary.LittleEndian.AppendUint32([]byte{n}, gpa)
		b, err := binary.Append(b, binary.LittleEndian, args)
		if err != nil {
			f.Fatal(err)
		}
		return append(b, make([]byte, 45-len(b))...)
	}
	const at = abi.MinLoadAddr + 0x100
	f.Add(call(abi.HypercallWalltime, at, abi.WalltimeArgs{}), []byte{6})
	f.Add(call(abi.HypercallPuts, at, abi.PutsArgs{Data: at, Len: 16}), []byte{6})
	f.Add(call(abi.HypercallPuts, at, abi.PutsArgs{Data: at, Len: 1 << 63}), []byte{1})
	f.Add(call(abi.HypercallPoll, at, abi.PollArgs{ReadySet: 2}), []byte{6})
	f.Add(call(abi.HypercallNetRead, at, abi.NetArgs{Handle: 1, Data: at + 64, Len: 1500}), []byte{3, 2, 6})
	f.Add(call(abi.HypercallNetRead, at, abi.NetArgs{Handle: 1, Data: fuzzSealed - 8, Len: 16}), []byte{6})
	f.Add(call(abi.HypercallNetWrite, at, abi.NetArgs{Handle: 1, Data: 0, Len: 1500}), []byte{0, 4})
	f.Add(call(abi.HypercallBlockRead, at, abi.BlockArgs{Handle: 2, Data: fuzzSealed + 0x1000, Len: 512}), []byte{6})
	f.Add(call(abi.HypercallBlockWrite, at, abi.BlockArgs{Handle: 2, Offset: 1 << 20, Data: at, Len: 1}), []byte{5})
	f.Add(call(abi.HypercallHalt, fuzzMem-17, abi.HaltArgs{Cookie: fuzzMem - 513, Status: -1}), []byte{})
	f.Add(call(0, 0xffffffff, abi.HaltArgs{}), []byte{})
	f.Fuzz(func(t *testing.T, calls, script []byte) {
		h := newFuzzHost(&oddDevice{script: script})
		for len(calls) >= 45 {
			n, gpa, args := calls[0], binary.LittleEndian.Uint32(calls[1:]), calls[5:45]
			calls = calls[45:]
			if b, err := h.mem.out(uint64(gpa), uint64(len(args))); err == nil {
				copy(b, args)
				if n == abi.HypercallPoll { // do not wait for ever
					binary.LittleEndian.PutUint64(b, uint64(args[0]))
				}
			} else if n == abi.HypercallPoll {
				continue
			}
			done, err := h.hypercall(uint16(n), uint64(gpa))
			var g *GuestError
			if done && err == nil && (n != abi.HypercallHalt || h.exit.Status < 0 || h.exit.Status > 255 || h.exit.Cookie != nil && len(h.exit.Cookie) != abi.HaltCookieSize) {
				t.Fatalf("hypercall %d ended the guest: %+v", n, h.exit)
			}
			if err != nil && !errors.As(err, &g) && n != abi.HypercallPuts {
				t.Fatalf("hypercall %d: the host failed: %v", n, err)
			}
		}
		for _, r := range []image.Range{{Start: 0, End: abi.MinLoadAddr}, h.mem.sealed[0]} {
			if b := h.mem.bytes[r.Start:r.End]; !bytes.Equal(b, zeros[:len(b)]) {
				t.Fatalf("memory %#x..%#x was written", r.Start, r.End)
			}
		}
	})
}

var zeros [abi.MinLoadAddr]byte

// FuzzPointers compares the pointer check with the rule spelled out in
// arithmetic that cannot overflow.
func FuzzPointers(f *testing.F) {
	f.Add(uint64(0), uint64(0))
	f.Add(uint64(fuzzMem-1), uint64(0))
	f.Add(uint64(fuzzMem-2), uint64(1))
	f.Add(uint64(fuzzSealed-1), uint64(1))
	f.Add(uint64(fuzzSealed+abi.PageSize), uint64(1))
	f.Add(uint64(1<<63), uint64(1<<63))
	f.Add(^uint64(0), uint64(2))
	h := newFuzzHost(&oddDevice{})
	f.Fuzz(func(t *testing.T, gpa, size uint64) {
		valid := gpa < fuzzMem && size < fuzzMem && gpa+size < fuzzMem
		b, err := h.mem.in(gpa, size)
		if (err == nil) != valid || err == nil && uint64(len(b)) != size {
			t.Fatalf("in(%#x, %#x): %d bytes, %v", gpa, size, len(b), err)
		}
		writable := valid && (size == 0 || gpa >= abi.MinLoadAddr && (gpa+size <= fuzzSealed || gpa >= fuzzSealed+abi.PageSize))
		b, err = h.mem.out(gpa, size)
		if (err == nil) != writable || err == nil && uint64(len(b)) != size {
			t.Fatalf("out(%#x, %#x): %d bytes, %v", gpa, size, len(b), err)
		}
	})
}

// No hypercall that a guest makes many of allocates.
func TestNoAllocations(t *testing.T) {
	dev, wire := pipe(t)
	disk := newMemDisk(8192)
	h := newFuzzHost(&oddDevice{})
	h.console = io.Discard
	h.nets[1].dev = dev
	h.blocks[2].dev = disk
	h.poll = newPoller(-1, false)
	h.poll.add(dev.FD(), 1)
	const at, data = abi.MinLoadAddr, abi.MinLoadAddr + 0x100
	var buf [2048]byte
	for _, c := range []struct {
		name  string
		calls []uint16
		args  any
	}{
		{"walltime", []uint16{abi.HypercallWalltime}, abi.WalltimeArgs{}},
		{"puts", []uint16{abi.HypercallPuts}, abi.PutsArgs{Data: data, Len: 100}},
		{"poll", []uint16{abi.HypercallPoll}, abi.PollArgs{TimeoutNanos: 1}},
		{"net read", []uint16{abi.HypercallNetRead}, abi.NetArgs{Handle: 1, Data: data, Len: 1500}},
		{"net write", []uint16{abi.HypercallNetWrite}, abi.NetArgs{Handle: 1, Data: data, Len: 60}},
		{"block", []uint16{abi.HypercallBlockRead, abi.HypercallBlockWrite}, abi.BlockArgs{Handle: 2, Data: data, Len: 512}},
	} {
		n := testing.AllocsPerRun(100, func() {
			if _, err := binary.Encode(h.mem.bytes[at:], binary.LittleEndian, c.args); err != nil {
				t.Fatal(err)
			}
			for _, call := range c.calls {
				if _, err := h.hypercall(call, at); err != nil {
					t.Fatal(err)
				}
			}
			if c.name == "net write" {
				if _, err := wire.Receive(buf[:], 0); err != nil {
					t.Fatal(err)
				}
			}
		})
		// encoding the arguments is the test's own allocation
		base := testing.AllocsPerRun(100, func() { binary.Encode(h.mem.bytes[at:], binary.LittleEndian, c.args) })
		if n > base {
			t.Errorf("%s: %v allocations", c.name, n-base)
		}
	}
}
