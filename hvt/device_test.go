package hvt

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/blockback"
	"tender/image"
	"tender/machine"
	"tender/netback"
)

// memDisk is a block device in memory.
type memDisk struct {
	data       []byte
	blockBytes int
	fail       error
}

func (d *memDisk) ReadAt(p []byte, off int64) (int, error) {
	if d.fail != nil {
		return 0, d.fail
	}
	return copy(p, d.data[off:]), nil
}

func (d *memDisk) WriteAt(p []byte, off int64) (int, error) {
	if d.fail != nil {
		return 0, d.fail
	}
	return copy(d.data[off:], p), nil
}

func (d *memDisk) CapacityBytes() uint64 { return uint64(len(d.data)) }
func (d *memDisk) BlockBytes() int       { return d.blockBytes }
func (d *memDisk) FD() int               { return -1 }
func (d *memDisk) Close() error          { return nil }

var _ blockback.Device = (*memDisk)(nil)

func newMemDisk(size int) *memDisk {
	d := &memDisk{data: make([]byte, size), blockBytes: 512}
	for i := range d.data {
		d.data[i] = byte(i * 7 / 512)
	}
	return d
}

// pipe is a network device and its far end, closed by the test.
func pipe(t testing.TB) (netback.Device, *netback.Wire) {
	t.Helper()
	dev, wire := netback.NewPipe(1500)
	t.Cleanup(func() { dev.Close(); wire.Close() })
	return dev, wire
}

var oneNet = image.Manifest{{Name: "net0", Type: abi.DeviceNet}}

// The guest sends every frame back, until one of 1 byte.
func TestNetEcho(t *testing.T) {
	inBothModes(t, func(t *testing.T, mode Start) {
		g := &testGuest{manifest: oneNet}
		poll := g.put(abi.PollArgs{TimeoutNanos: 1e9})
		args := g.put(abi.NetArgs{Handle: 1, Data: heapAt})
		loop := len(g.text)
		g.call(abi.HypercallPoll, poll)
		g.op(0xc7, 0x04, 0x25).op(le32(args + 16)...).op(le32(2048)...) // movl $2048, Len
		g.call(abi.HypercallNetRead, args)
		g.op(0x83, 0x3c, 0x25).op(le32(args + 24)...).op(1) // cmpl $ResultAgain, Ret
		g.jump(0x84, loop)                                  // je loop
		g.call(abi.HypercallNetWrite, args)
		g.op(0x83, 0x3c, 0x25).op(le32(args + 16)...).op(1) // cmpl $1, Len
		g.jump(0x85, loop)                                  // jne loop
		g.halt(0)
		dev, wire := pipe(t)
		vm := start(t, g, Config{Start: mode, Config: machine.Config{Net: map[string]netback.Device{"net0": dev}}})
		done := make(chan error, 1)
		go func() {
			exit, err := run(t, vm)
			if err == nil && exit.Status != 0 {
				err = fmt.Errorf("exit status %d", exit.Status)
			}
			done <- err
		}()
		var got [2048]byte
		for i := 0; i <= 100; i++ {
			size := 14 + i*15
			if i == 100 {
				size = 1
			}
			frame := bytes.Repeat([]byte{byte(i)}, size)
			if err := wire.Send(frame); err != nil {
				t.Fatal(err)
			}
			n, err := wire.Receive(got[:], 10*time.Second)
			if err != nil || !bytes.Equal(got[:n], frame) {
				t.Fatalf("frame %d: %d bytes, %v", i, n, err)
			}
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestNetEdges(t *testing.T) {
	for _, c := range []struct {
		name    string
		call    int
		args    abi.NetArgs
		ret     abi.Result
		len     uint64
		waiting []byte
	}{
		{"nothing waits", abi.HypercallNetRead, abi.NetArgs{Handle: 1, Data: heapAt, Len: 100}, abi.ResultAgain, 100, nil},
		{"truncated", abi.HypercallNetRead, abi.NetArgs{Handle: 1, Data: heapAt, Len: 5}, abi.ResultOK, 5, make([]byte, 60)},
		{"whole", abi.HypercallNetRead, abi.NetArgs{Handle: 1, Data: heapAt, Len: 500}, abi.ResultOK, 60, make([]byte, 60)},
		{"no room", abi.HypercallNetRead, abi.NetArgs{Handle: 1, Data: heapAt}, abi.ResultAgain, 0, make([]byte, 60)},
		{"no room, no buffer", abi.HypercallNetRead, abi.NetArgs{Handle: 1}, abi.ResultAgain, 0, nil},
		{"handle 0", abi.HypercallNetRead, abi.NetArgs{Handle: 0, Data: heapAt, Len: 100}, abi.ResultInval, 100, nil},
		{"handle of no device", abi.HypercallNetRead, abi.NetArgs{Handle: 5, Data: heapAt, Len: 100}, abi.ResultInval, 100, nil},
		{"handle of a disk", abi.HypercallNetRead, abi.NetArgs{Handle: 2, Data: heapAt, Len: 100}, abi.ResultInval, 100, nil},
		{"huge handle", abi.HypercallNetRead, abi.NetArgs{Handle: 1<<32 - 1, Data: heapAt, Len: 100}, abi.ResultInval, 100, nil},
		{"high half of the handle", abi.HypercallNetRead, abi.NetArgs{Handle: 7<<32 | 1, Data: heapAt, Len: 100}, abi.ResultOK, 60, make([]byte, 60)},
		{"bad handle and pointer", abi.HypercallNetRead, abi.NetArgs{Handle: 9, Data: 1 << 60, Len: 100}, abi.ResultInval, 100, nil},
		{"write", abi.HypercallNetWrite, abi.NetArgs{Handle: 1, Data: heapAt, Len: 100}, abi.ResultOK, 100, nil},
		{"write from text", abi.HypercallNetWrite, abi.NetArgs{Handle: 1, Data: textAt, Len: 100}, abi.ResultOK, 100, nil},
		{"write of the largest", abi.HypercallNetWrite, abi.NetArgs{Handle: 1, Data: heapAt, Len: 1514}, abi.ResultOK, 1514, nil},
		{"write of too much", abi.HypercallNetWrite, abi.NetArgs{Handle: 1, Data: heapAt, Len: 1523}, abi.ResultInval, 1523, nil},
		{"write to a disk", abi.HypercallNetWrite, abi.NetArgs{Handle: 2, Data: heapAt, Len: 100}, abi.ResultInval, 100, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := &testGuest{manifest: image.Manifest{{Name: "net0", Type: abi.DeviceNet}, {Name: "disk", Type: abi.DeviceBlock}}}
			at := g.put(c.args)
			g.call(c.call, at).halt(0)
			dev, wire := pipe(t)
			vm := start(t, g, Config{Config: machine.Config{Net: map[string]netback.Device{"net0": dev}, Block: map[string]blockback.Device{"disk": newMemDisk(4096)}}})
			if c.waiting != nil {
				if err := wire.Send(c.waiting); err != nil {
					t.Fatal(err)
				}
			}
			mustHalt(t, vm, 0)
			got := peek[abi.NetArgs](t, vm, at)
			if got.Ret != c.ret || got.Len != c.len {
				t.Errorf("result %d, length %d, want %d, %d", got.Ret, got.Len, c.ret, c.len)
			}
		})
	}
}

// A full queue loses frames, as networks do, and a dead device is an error
// the guest sees, not the end of it.
func TestNetDeviceErrors(t *testing.T) {
	g := &testGuest{manifest: oneNet}
	args := g.put(abi.NetArgs{Handle: 1, Data: heapAt, Len: 1000})
	g.op(0x41, 0xbc).op(le32(2000)...) // mov $2000, %r12d
	loop := len(g.text)
	g.call(abi.HypercallNetWrite, args)
	g.op(0x83, 0x3c, 0x25).op(le32(args + 24)...).op(0) // cmpl $ResultOK, Ret
	g.op(0x0f, 0x85).op(le32(uint32(9))...)             // jne over
	g.op(0x41, 0xff, 0xcc)                              // dec %r12d
	g.jump(0x85, loop)                                  // jnz loop
	g.halt(0)
	dev, wire := pipe(t)
	vm := start(t, g, Config{Config: machine.Config{Net: map[string]netback.Device{"net0": dev}}})
	mustHalt(t, vm, 0)
	if r := peek[abi.NetArgs](t, vm, args).Ret; r != abi.ResultOK {
		t.Errorf("full queue: %d", r)
	}
	wire.Close()
	vm = start(t, g, Config{Config: machine.Config{Net: map[string]netback.Device{"net0": dev}}})
	mustHalt(t, vm, 0)
	if r := peek[abi.NetArgs](t, vm, args).Ret; r != abi.ResultUnspec {
		t.Errorf("dead device: %d", r)
	}
}

func TestBlock(t *testing.T) {
	const size = 8192
	type call struct {
		name      string
		call      int
		args      abi.BlockArgs
		ret       abi.Result
		transfers bool
	}
	const read, write = abi.HypercallBlockRead, abi.HypercallBlockWrite
	calls := []call{
		{"read first", read, abi.BlockArgs{Handle: 1, Data: heapAt, Len: 512}, abi.ResultOK, true},
		{"read last", read, abi.BlockArgs{Handle: 1, Offset: size - 512, Data: heapAt, Len: 512}, abi.ResultOK, true},
		{"read all", read, abi.BlockArgs{Handle: 1, Data: heapAt, Len: size}, abi.ResultOK, true},
		{"read unaligned", read, abi.BlockArgs{Handle: 1, Offset: 13, Data: heapAt + 1, Len: 777}, abi.ResultOK, true},
		{"read nothing", read, abi.BlockArgs{Handle: 1, Offset: 13, Data: heapAt + 1}, abi.ResultOK, false},
		{"read at capacity", read, abi.BlockArgs{Handle: 1, Offset: size, Data: heapAt, Len: 512}, abi.ResultInval, false},
		{"read over the end", read, abi.BlockArgs{Handle: 1, Offset: size - 512, Data: heapAt, Len: 513}, abi.ResultInval, false},
		{"read with overflow", read, abi.BlockArgs{Handle: 1, Offset: 512, Data: heapAt, Len: 1<<64 - 512}, abi.ResultInval, false},
		{"read at huge offset", read, abi.BlockArgs{Handle: 1, Offset: 1<<64 - 512, Data: heapAt, Len: 512}, abi.ResultInval, false},
		{"read of a NIC", read, abi.BlockArgs{Handle: 2, Data: heapAt, Len: 512}, abi.ResultInval, false},
		{"read of handle 0", read, abi.BlockArgs{Handle: 0, Data: heapAt, Len: 512}, abi.ResultInval, false},
		{"read of handle 64", read, abi.BlockArgs{Handle: 64, Data: heapAt, Len: 512}, abi.ResultInval, false},
		{"read, high half", read, abi.BlockArgs{Handle: 1<<32 | 1, Data: heapAt, Len: 512}, abi.ResultOK, true},
		{"write first", write, abi.BlockArgs{Handle: 1, Data: textAt, Len: 512}, abi.ResultOK, true},
		{"write last", write, abi.BlockArgs{Handle: 1, Offset: size - 512, Data: textAt, Len: 512}, abi.ResultOK, true},
		{"write over the end", write, abi.BlockArgs{Handle: 1, Offset: size - 511, Data: textAt, Len: 512}, abi.ResultInval, false},
		{"write, bad range and pointer", write, abi.BlockArgs{Handle: 1, Offset: size, Data: 1 << 60, Len: 512}, abi.ResultInval, false},
	}
	for _, c := range calls {
		t.Run(c.name, func(t *testing.T) {
			g := &testGuest{manifest: image.Manifest{{Name: "disk", Type: abi.DeviceBlock}, {Name: "net0", Type: abi.DeviceNet}}}
			at := g.put(c.args)
			g.call(c.call, at).halt(0)
			disk := newMemDisk(size)
			before := bytes.Clone(disk.data)
			dev, _ := pipe(t)
			vm := start(t, g, Config{Config: machine.Config{Net: map[string]netback.Device{"net0": dev}, Block: map[string]blockback.Device{"disk": disk}}})
			mustHalt(t, vm, 0)
			got := peek[abi.BlockArgs](t, vm, at)
			want := c.args
			want.Ret = c.ret
			if got != want {
				t.Errorf("arguments %+v, want %+v", got, want)
			}
			off := int(c.args.Offset)
			switch {
			case c.call == write && c.transfers:
				copy(before[off:], vm.host.mem.bytes[c.args.Data:c.args.Data+c.args.Len])
				fallthrough
			default:
				if !bytes.Equal(disk.data, before) {
					t.Error("the disk has other data")
				}
			}
			if c.call == read && c.transfers {
				n := int(c.args.Len)
				if !bytes.Equal(vm.host.mem.bytes[c.args.Data:][:n], disk.data[off:off+n]) || vm.host.mem.bytes[int(c.args.Data)+n] != 0 {
					t.Error("the guest has other data")
				}
			}
		})
	}
}

func TestBlockDeviceError(t *testing.T) {
	g := &testGuest{manifest: image.Manifest{{Name: "disk", Type: abi.DeviceBlock}}}
	rd, wr := g.put(abi.BlockArgs{Handle: 1, Data: heapAt, Len: 512}), g.put(abi.BlockArgs{Handle: 1, Data: heapAt, Len: 512})
	g.call(abi.HypercallBlockRead, rd).call(abi.HypercallBlockWrite, wr).halt(0)
	disk := newMemDisk(4096)
	disk.fail = unix.EIO
	vm := start(t, g, Config{Config: machine.Config{Block: map[string]blockback.Device{"disk": disk}}})
	mustHalt(t, vm, 0)
	for _, at := range []uint32{rd, wr} {
		if r := peek[abi.BlockArgs](t, vm, at).Ret; r != abi.ResultUnspec {
			t.Errorf("result %d", r)
		}
	}
}

func TestManifestCopy(t *testing.T) {
	var manifest image.Manifest
	config := Config{Config: machine.Config{Net: map[string]netback.Device{}, Block: map[string]blockback.Device{}}}
	for i := range abi.MaxDevices {
		name := fmt.Sprintf("dev%d", i)
		if i%3 == 0 {
			manifest = append(manifest, image.Device{Name: name, Type: abi.DeviceNet})
			config.Net[name], _ = pipe(t)
		} else {
			manifest = append(manifest, image.Device{Name: name, Type: abi.DeviceBlock})
			config.Block[name] = newMemDisk(512 * (i + 1))
		}
	}
	g := &testGuest{manifest: manifest}
	g.halt(0)
	vm := start(t, g, config)
	mustHalt(t, vm, 0)
	boot := peek[abi.HVTBoot](t, vm, abi.HVTBootInfo)
	if boot.Cmdline != 0x10040+104*64 {
		t.Errorf("command line at %#x", boot.Cmdline)
	}
	header := peek[abi.ManifestHeader](t, vm, uint32(boot.Manifest))
	if header != (abi.ManifestHeader{Version: 1, Entries: 64}) {
		t.Errorf("header %+v", header)
	}
	for i, d := range manifest {
		e := peek[abi.ManifestEntry](t, vm, uint32(boot.Manifest)+8+uint32(i+1)*104)
		want := abi.ManifestEntry{Type: d.Type, Attached: 1}
		copy(want.Name[:], d.Name)
		if dev, ok := config.Net[d.Name]; ok {
			mac := dev.MAC()
			copy(want.Info[:], append(mac[:], 0xdc, 0x05))
		} else {
			capacity := 512 * (i + 1)
			want.Info[0], want.Info[1], want.Info[9] = byte(capacity), byte(capacity>>8), 2
		}
		if e != want {
			t.Errorf("entry %d: %+v, want %+v", i+1, e, want)
		}
	}
}

func TestAttachErrors(t *testing.T) {
	needKVM(t)
	g := &testGuest{manifest: image.Manifest{{Name: "a", Type: abi.DeviceNet}, {Name: "b", Type: abi.DeviceBlock}, {Name: "c", Type: abi.DeviceNet}}}
	im := g.image(t)
	dev, _ := pipe(t)
	zeroMTU, wire := netback.NewPipe(0)
	defer wire.Close()
	defer zeroMTU.Close()

	_, err := New(Config{Config: machine.Config{Image: im, Net: map[string]netback.Device{"a": dev}}})
	var missing *machine.MissingDevicesError
	if !errors.As(err, &missing) || len(missing.Devices) != 2 || missing.Devices[0].Name != "b" || missing.Devices[1].Name != "c" ||
		!strings.Contains(err.Error(), "Device 'b' of type BLOCK_BASIC declared but not attached.") || strings.Contains(err.Error(), "\n") {
		t.Errorf("missing: %v", err)
	}
	for name, c := range map[string]Config{
		"b": {Config: machine.Config{Image: im, Net: map[string]netback.Device{"a": dev, "b": dev}}}, // a disk's name
		"x": {Config: machine.Config{Image: im, Net: map[string]netback.Device{"x": dev, "y": dev}}},
		"c": {Config: machine.Config{Image: im, Block: map[string]blockback.Device{"c": newMemDisk(512)}}},
	} {
		_, err := New(c)
		var undeclared *machine.UndeclaredDeviceError
		if !errors.As(err, &undeclared) || undeclared.Name != name {
			t.Errorf("undeclared %q: %v", name, err)
		}
	}
	disk := func(size, blockBytes int) Config {
		return Config{Config: machine.Config{Image: im, Net: map[string]netback.Device{"a": dev, "c": dev},
			Block: map[string]blockback.Device{"b": &memDisk{data: make([]byte, size), blockBytes: blockBytes}}}}
	}
	for want, c := range map[string]Config{
		"MTU 0":          {Config: machine.Config{Image: im, Net: map[string]netback.Device{"a": zeroMTU}}},
		"block size 500": disk(1000, 500),
		"block size 256": disk(1024, 256),
		"capacity of 0":  disk(0, 512),
		"capacity of 51": disk(513, 512),
	} {
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestPoll(t *testing.T) {
	const ms = uint64(time.Millisecond)
	for _, c := range []struct {
		name    string
		masked  bool
		mask    uint64
		timeout uint64
		ready   []int // handles with a frame
		want    uint64
		atLeast time.Duration
		atMost  time.Duration
	}{
		{"look", false, 0, 0, nil, 0, 0, time.Second},
		{"timeout", false, 0, 50 * ms, nil, 0, 50 * time.Millisecond, time.Second},
		{"one ready", false, 0, 1 << 63, []int{1}, 1 << 1, 0, time.Second},
		{"other ready, longest timeout", false, 0, 1<<64 - 1, []int{2}, 1 << 2, 0, time.Second},
		{"both ready", false, 0, 5000 * ms, []int{1, 2}, 3 << 1, 0, time.Second},
		{"ready, no timeout", false, 0, 0, []int{2}, 1 << 2, 0, time.Second},
		{"old guests have no mask", false, 1 << 1, 1000 * ms, []int{2}, 1 << 2, 0, 900 * time.Millisecond},
		{"mask", true, 1 << 1, 5000 * ms, []int{1, 2}, 1 << 1, 0, time.Second},
		{"masked out", true, 1 << 1, 50 * ms, []int{2}, 0, 50 * time.Millisecond, time.Second},
		{"just the timer", true, 0, 50 * ms, []int{1, 2}, 0, 50 * time.Millisecond, time.Second},
		{"bits of no device", true, ^uint64(0) &^ (3 << 1), 50 * ms, []int{1, 2}, 0, 50 * time.Millisecond, time.Second},
		{"all bits", true, ^uint64(0), 5000 * ms, []int{1, 2}, 3 << 1, 0, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := &testGuest{manifest: image.Manifest{{Name: "a", Type: abi.DeviceNet}, {Name: "b", Type: abi.DeviceNet}}}
			if c.masked {
				g.flags = abi.FlagPollMask
			}
			args := g.put(abi.PollArgs{TimeoutNanos: c.timeout, ReadySet: c.mask, Ret: -7})
			g.call(abi.HypercallPoll, args).halt(0)
			a, wireA := pipe(t)
			b, wireB := pipe(t)
			vm := start(t, g, Config{Config: machine.Config{Net: map[string]netback.Device{"a": a, "b": b}}})
			for _, h := range c.ready {
				if err := []*netback.Wire{nil, wireA, wireB}[h].Send([]byte("frame")); err != nil {
					t.Fatal(err)
				}
			}
			started := time.Now()
			mustHalt(t, vm, 0)
			took := time.Since(started)
			got := peek[abi.PollArgs](t, vm, args)
			if got.ReadySet != c.want || got.Ret != int32(len(handles(c.want))) {
				t.Errorf("ready %#x, count %d, want %#x", got.ReadySet, got.Ret, c.want)
			}
			if took < c.atLeast {
				t.Errorf("took %v, want %v", took, c.atLeast)
			}
			if took > c.atMost {
				t.Logf("took %v", took)
			}
			boot := peek[abi.HVTBoot](t, vm, abi.HVTBootInfo)
			if (boot.HostFeatures == abi.HostPollMask) != c.masked || boot.HostFeatures&^abi.HostPollMask != 0 || boot.NetRing != 0 {
				t.Errorf("host features %#x, ring %#x", boot.HostFeatures, boot.NetRing)
			}
		})
	}
}

func handles(set uint64) (h []int) {
	for i := range 64 {
		if set>>i&1 != 0 {
			h = append(h, i)
		}
	}
	return h
}

// A frame that comes during POLL ends it.
func TestPollWakes(t *testing.T) {
	g := &testGuest{manifest: oneNet}
	args := g.put(abi.PollArgs{TimeoutNanos: uint64(15 * time.Second)})
	g.call(abi.HypercallPoll, args).halt(0)
	dev, wire := pipe(t)
	vm := start(t, g, Config{Config: machine.Config{Net: map[string]netback.Device{"net0": dev}}})
	sent := make(chan error, 1)
	time.AfterFunc(30*time.Millisecond, func() { sent <- wire.Send([]byte("frame")) })
	started := time.Now()
	mustHalt(t, vm, 0)
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if got := peek[abi.PollArgs](t, vm, args); got.Ret != 1 || time.Since(started) > 10*time.Second {
		t.Errorf("%+v after %v", got, time.Since(started))
	}
}
