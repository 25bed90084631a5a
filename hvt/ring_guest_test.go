package hvt

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"tender/abi"
	"tender/blockback"
	"tender/image"
	"tender/machine"
	"tender/netback"
)

const ringAt = testMem // where the ring of a test guest is

// ringStart loads the registers the code below uses: R12 the ring, R13D the
// next entry, R14D the next commit.
func (g *testGuest) ringStart() *testGuest {
	g.op(0x41, 0xbc).op(le32(ringAt)...)                           // mov $ringAt, %r12d
	return g.op(0x41, 0xbd, 0, 0, 0, 0).op(0x41, 0xbe, 0, 0, 0, 0) // mov $0, %r13d; mov $0, %r14d
}

// submit copies the entry at template to the ring and kicks if it must.
func (g *testGuest) submit(template uint32) *testGuest {
	g.op(0x44, 0x89, 0xe8).op(0x25).op(le32(1023)...) // mov %r13d, %eax; and $1023, %eax
	g.op(0xc1, 0xe0, 5)                               // shl $5, %eax
	g.op(0x49, 0x8d, 0xbc, 0x04).op(le32(128)...)     // lea 128(%r12,%rax), %rdi
	g.op(0xbe).op(le32(template)...)                  // mov $template, %esi
	g.op(0xb9).op(le32(32)...).op(0xf3, 0xa4)         // mov $32, %ecx; rep movsb
	g.op(0x41, 0xff, 0xc5).op(0x44, 0x89, 0xe8)       // inc %r13d; mov %r13d, %eax
	g.op(0x41, 0x87, 0x04, 0x24)                      // xchg %eax, (%r12): EntTail, and a full barrier
	g.op(0x41, 0x83, 0x7c, 0x24, 72, 0).op(0x74, 6)   // cmpl $0, NeedsKick; je over
	return g.op(0xba).op(le32(abi.NetRingPort)...).op(0xef)
}

// served waits until the ring has served all entries.
func (g *testGuest) served() *testGuest {
	return g.op(0x45, 0x39, 0x6c, 0x24, 64).op(0x75, 0xf9) // cmp %r13d, EntHead; jne .-5
}

// commit waits for the next commit and consumes it: ECX is its result, R15D
// its length.
func (g *testGuest) commit() *testGuest {
	g.op(0x45, 0x39, 0x74, 0x24, 68).op(0x74, 0xf9)                   // cmp %r14d, ComTail; je .-5
	g.op(0x44, 0x89, 0xf0).op(0x25).op(le32(1023)...)                 // mov %r14d, %eax; and $1023, %eax
	g.op(0xc1, 0xe0, 4).op(0x49, 0x8d, 0x9c, 0x04).op(le32(32896)...) // shl $4, %eax; lea 32896(%r12,%rax), %rbx
	g.op(0x8b, 0x4b, 4).op(0x44, 0x8b, 0x7b, 8)                       // mov 4(%rbx), %ecx; mov 8(%rbx), %r15d
	return g.op(0x41, 0xff, 0xc6).op(0x45, 0x89, 0x74, 0x24, 4)       // inc %r14d; mov %r14d, ComHead
}

// store appends a store of a dword, at an address below 2 GiB.
func (g *testGuest) store(at, value uint32) *testGuest {
	return g.op(0xc7, 0x04, 0x25).op(le32(at)...).op(le32(value)...)
}

// ringGuest is a guest that is offered the ring in both modes.
func ringGuest() *testGuest {
	g := &testGuest{manifest: oneNet, flags: abi.FlagRingIO}
	return g.ringStart()
}

// startRing starts a guest with one network device.
func startRing(t testing.TB, g *testGuest, c Config) (*VM, *netback.Wire) {
	t.Helper()
	dev, wire := pipe(t)
	c.Net = map[string]netback.Device{"net0": dev}
	return start(t, g, c), wire
}

// A frame the guest submits before it halts is sent, whoever is faster.
func TestRingWrite(t *testing.T) {
	inBothModes(t, func(t *testing.T, mode Start) {
		for range 20 {
			g := ringGuest()
			frame := g.put(bytes.Repeat([]byte{7}, 60))
			g.submit(g.put(abi.NetRingEntry{Operation: abi.NetRingWrite, Handle: 1, Data: uint64(frame), Len: 60})).halt(0)
			vm, wire := startRing(t, g, Config{Start: mode})
			mustHalt(t, vm, 0)
			var got [100]byte
			if n, err := wire.Receive(got[:], 0); err != nil || !bytes.Equal(got[:n], bytes.Repeat([]byte{7}, 60)) {
				t.Fatalf("%x, %v", got[:n], err)
			}
		}
	})
}

func TestRingRead(t *testing.T) {
	inBothModes(t, func(t *testing.T, mode Start) {
		for _, waiting := range []bool{true, false} {
			g := ringGuest()
			g.submit(g.put(abi.NetRingEntry{Operation: abi.NetRingRead, Handle: 1, Data: heapAt, Len: 100, ID: 0x1234})).commit().halt(0)
			vm, wire := startRing(t, g, Config{Start: mode})
			want := abi.NetRingCommit{ID: 0x1234, Ret: abi.ResultAgain}
			if waiting {
				if err := wire.Send(bytes.Repeat([]byte{9}, 77)); err != nil {
					t.Fatal(err)
				}
				want.Ret, want.Len = abi.ResultOK, 77
			}
			mustHalt(t, vm, 0)
			if got := vm.ring.shared.Commits[0]; got != want {
				t.Errorf("commit %+v, want %+v", got, want)
			}
			if got := vm.host.mem.bytes[heapAt : heapAt+77]; waiting && !bytes.Equal(got, bytes.Repeat([]byte{9}, 77)) {
				t.Errorf("frame %x", got)
			}
		}
	})
}

// echoGuest sends every frame back through the ring, until one of 1 byte.
func echoGuest() *testGuest {
	g := ringGuest()
	poll := g.put(abi.PollArgs{TimeoutNanos: 1e9})
	read := g.put(abi.NetRingEntry{Operation: abi.NetRingRead, Handle: 1, Data: heapAt, Len: 2048})
	write := g.put(abi.NetRingEntry{Operation: abi.NetRingWrite, Handle: 1, Data: heapAt})
	loop := len(g.text)
	g.call(abi.HypercallPoll, poll).submit(read).commit()
	g.op(0x83, 0xf9, byte(abi.ResultAgain)).jump(0x84, loop)  // cmp $ResultAgain, %ecx; je loop
	g.op(0x44, 0x89, 0x3c, 0x25).op(le32(write + 16)...)      // mov %r15d, Len
	g.submit(write).served()                                  //
	return g.op(0x41, 0x83, 0xff, 1).jump(0x85, loop).halt(0) // cmp $1, %r15d; jne loop
}

// Both queues wrap around, and the thread sleeps now and then.
func TestRingEcho(t *testing.T) {
	inBothModes(t, func(t *testing.T, mode Start) {
		vm, wire := startRing(t, echoGuest(), Config{Start: mode})
		done := make(chan error, 1)
		go func() {
			exit, err := run(t, vm)
			if err == nil && exit.Status != 0 {
				err = fmt.Errorf("exit status %d", exit.Status)
			}
			done <- err
		}()
		const frames = 1500 // and two entries for each
		var got [2048]byte
		for i := 0; i <= frames; i++ {
			frame := bytes.Repeat([]byte{byte(i)}, 14+i%1500)
			if i == frames {
				frame = frame[:1]
			}
			if err := wire.Send(frame); err != nil {
				t.Fatal(err)
			}
			n, err := wire.Receive(got[:], 10*time.Second)
			if err != nil || !bytes.Equal(got[:n], frame) {
				t.Fatalf("frame %d: %d bytes, %v", i, n, err)
			}
			if i%500 == 0 {
				time.Sleep(5 * time.Millisecond)
			}
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestRingOffer(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		name     string
		manifest image.Manifest
		plain    bool
		flags    uint32
		mem      uint64
		visible  uint64
		offered  bool
	}{
		{"plain image", oneNet, true, 0, 512 * mib, 512 * mib, true},
		{"plain image, all memory", oneNet, true, 0, 4096 * mib, 4094 * mib, true},
		{"plain image, nearly all memory", oneNet, true, 0, 4094 * mib, 4094 * mib, true},
		{"plain image, no device", nil, true, 0, 4096 * mib, 4096 * mib, false},
		{"plain image, a disk only", twoDevices[1:], true, 0, 4096 * mib, 4096 * mib, false},
		{"image that asks", oneNet, false, abi.FlagRingIO, 4096 * mib, 4094 * mib, true},
		{"image that does not ask", oneNet, false, abi.FlagPollMask, 4096 * mib, 4096 * mib, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := &testGuest{manifest: c.manifest, plain: c.plain, flags: c.flags}
			saved := g.put(uint64(0))
			g.op(0x48, 0x89, 0x24, 0x25).op(le32(saved)...).halt(0) // mov %rsp, saved
			config := Config{Config: machine.Config{MemBytes: c.mem}}
			for _, d := range c.manifest {
				if d.Type == abi.DeviceNet {
					dev, _ := pipe(t)
					config.Net = map[string]netback.Device{d.Name: dev}
				} else {
					config.Block = map[string]blockback.Device{d.Name: newMemDisk(4096)}
				}
			}
			vm := start(t, g, config)
			mustHalt(t, vm, 0)
			boot := peek[abi.HVTBoot](t, vm, abi.HVTBootInfo)
			ring, features := uint64(0), uint32(0)
			if c.offered {
				ring, features = c.visible, abi.HostRingIO
			}
			if boot.MemSize != c.visible || boot.NetRing != ring || boot.HostFeatures&abi.HostRingIO != features {
				t.Errorf("boot info %+v, want %#x bytes and a ring at %#x", boot, c.visible, ring)
			}
			if rsp := peek[uint64](t, vm, saved); rsp != c.visible-8 {
				t.Errorf("RSP = %#x", rsp)
			}
			if (vm.ring != nil) != c.offered {
				t.Error("a ring that is not offered")
			}
		})
	}
}

// A host that refuses leaves the guest with hypercalls.
func TestRingRefused(t *testing.T) {
	g := ringGuest()
	g.halt(0)
	vm, _ := startRing(t, g, Config{})
	fds := openFDs(t)
	other := &VM{vmFD: vm.stopFD, host: host{mem: vm.host.mem}}
	var boot bootInfo
	if err := other.offerRing(&boot); err == nil || other.ring != nil || boot.hostFeatures != 0 || boot.netRing != 0 || other.host.nets[1].shared {
		t.Errorf("an eventfd took KVM_IOEVENTFD: %v, %+v", err, boot)
	}
	if n := openFDs(t); n != fds {
		t.Errorf("%d descriptors, %d before", n, fds)
	}
}

// Guests with a ring that end in every way leave nothing behind.
func TestRingLeaks(t *testing.T) {
	needKVM(t)
	spin := ringGuest()
	spin.op(0xeb, 0xfe)
	sleep := ringGuest()
	sleep.call(abi.HypercallPoll, sleep.put(abi.PollArgs{TimeoutNanos: 1<<64 - 1}))
	halt := ringGuest()
	halt.halt(0)
	hostile := ringGuest()
	hostile.store(ringAt, 5000).out(abi.NetRingPort, 0).op(0xeb, 0xfe)
	once := func() {
		for _, g := range []*testGuest{spin, sleep, halt, hostile, nil} {
			for _, mode := range []Start{StartKernel, StartUser} {
				dev, wire := netback.NewPipe(1500)
				im := halt.image(t)
				if g != nil {
					im = g.image(t)
				}
				vm, err := New(Config{Start: mode, Config: machine.Config{Image: im, MemBytes: testMem, Net: map[string]netback.Device{"net0": dev}}})
				if err != nil {
					t.Fatal(err)
				}
				if g != nil {
					ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
					vm.Run(ctx)
					cancel()
				}
				if err := vm.Close(); err != nil {
					t.Fatal(err)
				}
				dev.Close()
				wire.Close()
			}
		}
	}
	once()
	fds, maps, goroutines := openFDs(t), mappings(t), runtime.NumGoroutine()
	for range 10 {
		once()
	}
	if n := openFDs(t); n != fds {
		t.Errorf("%d descriptors, %d before", n, fds)
	}
	if n := mappings(t); n != maps {
		t.Errorf("%d mappings, %d before", n, maps)
	}
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > goroutines && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, %d before", n, goroutines)
	}
}
