package spt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
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

// sleep waits for the devices, for at most the time.
func (g *testGuest) sleep(limit time.Duration) *testGuest {
	at := g.put([4]int64{2: int64(limit / time.Second), 3: int64(limit%time.Second) | 1})
	g.call(unix.SYS_TIMERFD_SETTIME, timerFD, 0, at, 0).expect(0)
	return g.call(unix.SYS_EPOLL_PWAIT, epollFD, heapAt, 64, negative, 0, 0)
}

func TestSleep(t *testing.T) {
	g := &testGuest{}
	g.sleep(time.Second).expect(1).print(heapAt, 12).exit(0)
	began := time.Now()
	got := mustExit(t, g, Config{}, 0)
	if took := time.Since(began); took < time.Second {
		t.Errorf("slept %v", took)
	} else {
		t.Logf("slept %v", took)
	}
	if got != string(event(timerData)) {
		t.Errorf("event %x", got)
	}
}

// event is a packed struct epoll_event.
func event(data uint64) []byte {
	return binary.LittleEndian.AppendUint64(le32(unix.EPOLLIN), data)
}

// A deadline that has passed returns at once, and time does not stand still.
func TestClock(t *testing.T) {
	g := &testGuest{}
	g.call(unix.SYS_TIMERFD_SETTIME, timerFD, 1, g.put([4]int64{3: 1}), 0).expect(0)
	g.call(unix.SYS_EPOLL_PWAIT, epollFD, heapAt+0x100, 64, negative, 0, 0).expect(1)
	for i, clock := range []uint64{clockMonotonic, clockRealtime} {
		g.call(unix.SYS_CLOCK_GETTIME, clock, heapAt+uint64(16*i)).expect(0)
	}
	before := time.Now()
	got := mustExit(t, g.print(heapAt, 32).exit(0), Config{}, 0)
	wall := time.Unix(peek[int64](t, got, 16), peek[int64](t, got, 24))
	if wall.Before(before.Round(0)) || wall.After(time.Now()) {
		t.Errorf("guest was told %v, it is %v", wall, before)
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	if mono := peek[int64](t, got, 0)*1e9 + peek[int64](t, got, 8); mono > now.Nano() || mono < now.Nano()-1e9*60 {
		t.Errorf("monotonic clock %d, it is %d", mono, now.Nano())
	}
}

// Frames of two network devices, in one set: the guest prints which is ready,
// reads and sends it back by the other.
func TestTwoNetworks(t *testing.T) {
	frame := bytes.Repeat([]byte("frame "), 200)
	for _, c := range []struct {
		send [2]bool
		want []uint64 // handles
	}{{[2]bool{true, false}, []uint64{1}}, {[2]bool{false, true}, []uint64{3}}, {[2]bool{true, true}, []uint64{1, 3}}} {
		g := &testGuest{manifest: threeDevices}
		g.sleep(10*time.Second).expect(int64(len(c.want))).print(heapAt, uint64(12*len(c.want)))
		for i, fd := range []uint64{netFD, secondNetFD} {
			if c.send[i] {
				g.call(unix.SYS_READ, fd, heapAt+0x1000, 2000).expect(int64(len(frame)))
				g.call(unix.SYS_WRITE, netFD+secondNetFD-fd, heapAt+0x1000, uint64(len(frame))).expect(int64(len(frame)))
				g.call(unix.SYS_READ, fd, heapAt+0x1000, 2000).expect(-int64(unix.EAGAIN))
			}
		}
		r := newRig(t)
		for i, send := range c.send {
			if send {
				if err := r.wires[i].Send(frame); err != nil {
					t.Fatal(err)
				}
			}
		}
		got := mustExit(t, g.exit(0), Config{Config: r.config}, 0)
		var want []byte
		for _, handle := range c.want {
			want = append(want, event(handle)...)
		}
		if got != string(want) {
			t.Errorf("events %x, want %x", got, want)
		}
		for i, sent := range c.send {
			if !sent {
				continue
			}
			back := make([]byte, 2000)
			if n, err := r.wires[1-i].Receive(back, time.Second); err != nil || !bytes.Equal(back[:n], frame) {
				t.Errorf("%d bytes, %v", n, err)
			}
		}
	}
}

// The manifest tells the guest what its devices are and their descriptors.
func TestManifest(t *testing.T) {
	r := newRig(t)
	g := threeGuest().print(abi.SPTBootInfo, 0x1000).exit(0)
	low := mustExit(t, g, Config{Config: r.config}, 0)
	boot := peek[abi.SPTBoot](t, low, 0)
	at := int(boot.Manifest - abi.SPTBootInfo)
	if header := peek[abi.ManifestHeader](t, low, at); header != (abi.ManifestHeader{Version: 1, Entries: 4}) {
		t.Errorf("header %+v", header)
	}
	entries := peek[[4]abi.ManifestEntry](t, low, at+8)
	for handle, want := range map[int]struct {
		name string
		fd   uint64
	}{1: {"net0", netFD}, 2: {"disk", diskFD}, 3: {"net1", secondNetFD}} {
		e := entries[handle]
		if name, _, _ := strings.Cut(string(e.Name[:]), "\x00"); name != want.name || e.Backend != want.fd || e.Attached != 1 {
			t.Errorf("entry %d: %+v", handle, e)
		}
	}
	if info := entries[2].Info; binary.LittleEndian.Uint64(info[:]) != diskBytes || binary.LittleEndian.Uint16(info[8:]) != diskBlock {
		t.Errorf("disk %x", info)
	}
	mac := r.config.Net["net1"].MAC()
	if info := entries[3].Info; !bytes.Equal(info[:6], mac[:]) || binary.LittleEndian.Uint16(info[6:]) != 1500 {
		t.Errorf("network %x", info)
	}
}

// As many devices as a manifest has; the guest reads and writes the last
// block of each.
func TestManyDisks(t *testing.T) {
	g := &testGuest{}
	c := machine.Config{Block: map[string]blockback.Device{}}
	dir := t.TempDir()
	for i := range abi.MaxDevices {
		name := fmt.Sprintf("disk%d", i)
		path := filepath.Join(dir, name)
		size := int64(512 * (i + 1))
		if err := os.WriteFile(path, bytes.Repeat([]byte{byte(i)}, int(size)), 0o600); err != nil {
			t.Fatal(err)
		}
		disk, err := blockback.OpenFile(path, blockback.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer disk.Close()
		c.Block[name] = disk
		g.manifest = append(g.manifest, image.Device{Name: name, Type: abi.DeviceBlock})
		fd, last := uint64(firstFD+i), uint64(size-512)
		g.call(unix.SYS_PREAD64, fd, heapAt, 512, last).expect(512)
		g.call(unix.SYS_PWRITE64, fd, heapAt, 512, last).expect(512)
		g.print(heapAt, 1)
	}
	var want []byte
	for i := range abi.MaxDevices {
		want = append(want, byte(i))
	}
	if got := mustExit(t, g.exit(0), Config{Config: c}, 0); got != string(want) {
		t.Errorf("disks have %x", got)
	}
}

// badDevice has what a guest's process cannot use.
type badDevice struct {
	netback.Device
	fd int
}

func (d badDevice) FD() int { return d.fd }

// batcher has frames that only rings can take.
type batcher struct{ badDevice }

func (batcher) QueueFrame([]byte) error { return nil }
func (batcher) Flush() bool             { return false }

type badDisk struct {
	blockback.Device
}

func (d badDisk) FD() int { return -1 }

func TestBadDevices(t *testing.T) {
	needFilters(t)
	r := newRig(t)
	im := threeGuest().image(t)
	blocking, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer blocking.Close()
	regular, err := unix.MemfdCreate("regular", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(regular)
	if err := unix.SetNonblock(regular, true); err != nil {
		t.Fatal(err)
	}
	good, disk := r.config.Net["net0"], r.config.Block["disk"]
	for _, c := range []struct {
		want string
		net  netback.Device
		disk blockback.Device
	}{
		{"device 'net0': its descriptor 1000 is not open", badDevice{good, 1000}, disk},
		{"device 'net0': its descriptor -1 is not open", badDevice{good, -1}, disk},
		{"blocks", badDevice{good, int(blocking.Fd())}, disk},
		{"cannot wait for its frames", badDevice{good, regular}, disk},
		{"device 'net0': only rings can take its frames", batcher{badDevice{good, good.FD()}}, disk},
		{"device 'disk': it has no descriptor", good, badDisk{disk}},
		{"'net0' of type NET_BASIC declared but not attached", nil, disk},
	} {
		config := args(machine.Config{Image: im, MemBytes: testMem, Net: map[string]netback.Device{"net1": good}, Block: map[string]blockback.Device{"disk": c.disk}})
		if c.net != nil {
			config.Net["net0"] = c.net
		}
		p, err := New(config)
		if p != nil || err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
