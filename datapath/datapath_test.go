package datapath

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/guest/umem"
	"tender/netback"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rig is a thread over devices, and a guest that shares its UMEM.
type rig struct {
	thread         *Thread
	guest          *umem.UMEM
	doorbell, wake int
	failed         chan error
}

func newRig(t testing.TB, plain bool, devices ...netback.Device) *rig {
	t.Helper()
	r := newStillRig(t, plain, devices...)
	r.thread.Start(func(err error) { r.failed <- err })
	t.Cleanup(func() { check(t, r.thread.Stop()) })
	return r
}

// newStillRig is one whose thread has not been started; the guest has lent
// chunks.
func newStillRig(t testing.TB, plain bool, devices ...netback.Device) *rig {
	t.Helper()
	l, err := NewLayout(len(devices), 16<<20)
	check(t, err)
	memory, err := unix.Mmap(-1, 0, int(l.Bytes()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	check(t, err)
	var handles []int
	for i := range devices {
		handles = append(handles, i+1)
	}
	u, err := NewUMEM(memory, l, handles)
	check(t, err)
	r := &rig{failed: make(chan error, 1)}
	r.doorbell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	check(t, err)
	r.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	check(t, err)
	r.thread, err = NewThread(u, devices, r.doorbell, r.wake, t.Logf)
	check(t, err)
	if plain && r.thread.ring != nil {
		check(t, r.thread.ring.close())
		r.thread.ring = nil
	}
	r.guest, err = umem.New(memory)
	check(t, err)
	for _, handle := range handles {
		r.guest.Port(uint32(handle)).Lend()
	}
	t.Cleanup(func() {
		check(t, r.thread.Close())
		check(t, unix.Munmap(memory))
		check(t, unix.Close(r.doorbell))
		check(t, unix.Close(r.wake))
	})
	return r
}

// kick wakes the tender's thread if it sleeps.
func (r *rig) kick(t testing.TB) {
	if r.guest.TenderSleeps() {
		check(t, ring8(r.doorbell))
	}
}

// twoTAPs are in a network namespace that ends with the test's thread.
func twoTAPs(t testing.TB) [2]netback.Device { return twoTAPsWith(t, netback.Options{}) }

func twoTAPsWith(t testing.TB, options netback.Options) [2]netback.Device {
	t.Helper()
	newHost(t)
	var devices [2]netback.Device
	for i, name := range []string{"tapa", "tapb"} {
		a := netlink.NewLinkAttrs()
		a.Name = name
		check(t, netlink.LinkAdd(&netlink.Tuntap{LinkAttrs: a, Mode: netlink.TUNTAP_MODE_TAP}))
		link, err := netlink.LinkByName(name)
		check(t, err)
		check(t, netlink.LinkSetUp(link))
		d, err := netback.OpenTAP(name, options)
		check(t, err)
		t.Cleanup(func() { d.Close() })
		devices[i] = d
	}
	return devices
}

// taps makes two TAPs with headers or without.
func taps(header bool) func(t testing.TB) [2]netback.Device {
	return func(t testing.TB) [2]netback.Device { return twoTAPsWith(t, netback.Options{Header: header}) }
}

// newHost moves the test to a network namespace whose host sends nothing of its own.
// It ends with the test's thread.
func newHost(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: network namespaces and interfaces")
	}
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	check(t, unix.Unshare(unix.CLONE_NEWNET))
	check(t, os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0))
}

// twoVeths are devices by AF_XDP, whose cables end in the interfaces that the TAPs
// of twoTAPs are.
func twoVeths(t testing.TB) [2]netback.Device {
	t.Helper()
	newHost(t)
	var devices [2]netback.Device
	for i, name := range []string{"tapa", "tapb"} {
		a := netlink.NewLinkAttrs()
		a.Name, a.NumRxQueues, a.NumTxQueues = "xdp"+name, 1, 1
		check(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: a, PeerName: name}))
		for _, end := range []string{name, a.Name} {
			link, err := netlink.LinkByName(end)
			check(t, err)
			check(t, netlink.LinkSetUp(link))
		}
		d, err := netback.OpenXDP(a.Name, netback.Options{})
		if errors.Is(err, unix.EAFNOSUPPORT) {
			t.Skipf("needs AF_XDP: %v", err)
		}
		check(t, err)
		t.Cleanup(func() { d.Close() })
		devices[i] = d
	}
	return devices
}

// packetSocket sends and receives frames of our type at the host's side of an
// interface.
func packetSocket(t testing.TB, name string) int {
	t.Helper()
	return packetSocketOf(t, name, 0xb588) // 0x88b5 in network order
}

// packetSocketOf is one for frames of another type, in network order.
func packetSocketOf(t testing.TB, name string, proto uint16) int {
	t.Helper()
	link, err := netlink.LinkByName(name)
	check(t, err)
	s, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(proto))
	check(t, err)
	t.Cleanup(func() { unix.Close(s) })
	check(t, unix.SetsockoptTimeval(s, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}))
	check(t, unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20))
	check(t, unix.Bind(s, &unix.SockaddrLinklayer{Protocol: proto, Ifindex: link.Attrs().Index}))
	return s
}

// read is unix.Read that signals do not end.
func read(fd int, p []byte) (n int, err error) {
	for {
		if n, err = unix.Read(fd, p); err != unix.EINTR {
			return n, err
		}
	}
}

func numbered(i int) []byte {
	f := make([]byte, 60)
	copy(f, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5})
	binary.BigEndian.PutUint32(f[20:], uint32(i))
	return f
}

// startForwarding has a guest send all it receives out of the other device, until
// end, which tells how many frames that were, or the end of the test.
func (r *rig) startForwarding(t testing.TB) (end func() int) {
	stop, ended := make(chan struct{}), make(chan int)
	go func() { ended <- r.forward(t, stop) }()
	end = sync.OnceValue(func() int {
		close(stop)
		return <-ended
	})
	t.Cleanup(func() { end() })
	return end
}

func (r *rig) forward(t testing.TB, stop <-chan struct{}) int {
	a, b := r.guest.Port(1), r.guest.Port(2)
	frames, total := make([]umem.Frame, 64), 0
	for {
		n := a.Receive(frames)
		total += b.Send(frames[:n])
		m := b.Receive(frames)
		total += a.Send(frames[:m])
		if n+m > 0 {
			r.kick(t)
			continue
		}
		a.Reclaim()
		b.Reclaim()
		a.Lend()
		b.Lend()
		select {
		case <-stop:
			return total
		default:
			runtime.Gosched()
		}
	}
}

func TestForward(t *testing.T) {
	for name, devices := range map[string]func(testing.TB) [2]netback.Device{
		"io_uring": taps(false), "plain": taps(false), "io_uring with headers": taps(true), "plain with headers": taps(true), "AF_XDP": twoVeths,
	} {
		plain := strings.HasPrefix(name, "plain")
		t.Run(name, func(t *testing.T) {
			r := newRig(t, plain, asSlice(devices(t))...)
			if !plain && r.thread.ring == nil {
				t.Skip("no io_uring here")
			}
			from, to := packetSocket(t, "tapa"), packetSocket(t, "tapb")
			end := r.startForwarding(t)
			const count, ahead = 20000, 200
			var came atomic.Int64
			go func() {
				for i := range count {
					// A TAP's queue is short, and this machine may be busy.
					for int64(i)-came.Load() > ahead && !t.Failed() {
						time.Sleep(100 * time.Microsecond)
					}
					if _, err := unix.Write(from, numbered(i)); err != nil {
						t.Error(err)
						return
					}
				}
			}()
			var p [100]byte
			for i := range count {
				n, err := read(to, p[:])
				if err != nil {
					t.Fatalf("frame %d: %v; %d received, %d sent, %d refused", i, err,
						r.thread.Counters(0).Received.Load(), r.thread.Counters(1).Sent.Load(), r.thread.Counters(1).NotSent())
				}
				if got := binary.BigEndian.Uint32(p[20:n]); got != uint32(i) {
					t.Fatalf("frame %d is number %d", i, got)
				}
				came.Add(1)
			}
			if n := end(); n < count {
				t.Errorf("%d frames forwarded", n)
			}
		})
	}
}

func asSlice(d [2]netback.Device) []netback.Device { return d[:] }

// BenchmarkForward floods one TAP; the time is per frame that came out of the
// other.
func BenchmarkForward(b *testing.B) {
	for _, c := range []struct {
		name    string
		plain   bool
		devices func(testing.TB) [2]netback.Device
	}{{"io_uring", false, taps(false)}, {"plain", true, taps(false)}, {"headers", false, taps(true)}, {"AF_XDP", false, twoVeths}} {
		b.Run(c.name, func(b *testing.B) {
			r := newRig(b, c.plain, asSlice(c.devices(b))...)
			from := packetSocket(b, "tapa")
			end := r.startForwarding(b)
			f := numbered(1)
			b.ResetTimer()
			for r.thread.Counters(1).Sent.Load() < uint64(b.N) && len(r.failed) == 0 {
				for range 64 {
					unix.Write(from, f)
				}
			}
			b.StopTimer()
			end()
		})
	}
}

func TestLayout(t *testing.T) {
	for _, c := range []struct {
		ports int
		bytes uint64
		slots uint32
	}{{1, 16 << 20, 1024}, {2, 16 << 20, 1024}, {2, 4 << 20, 256}, {1, 600 << 10, 64 * 2}, {63, 64 << 20, 256}} {
		l, err := NewLayout(c.ports, c.bytes)
		check(t, err)
		if l.slots != c.slots || l.Bytes() > c.bytes || l.Bytes()%abi.PageSize != 0 {
			t.Errorf("%d devices in %d bytes: %d slots, %d bytes; want %d slots", c.ports, c.bytes, l.slots, l.Bytes(), c.slots)
		}
	}
	for _, c := range []struct {
		ports int
		bytes uint64
	}{{0, 1 << 30}, {64, 1 << 30}, {1, 64 << 10}, {1, 0}} {
		if _, err := NewLayout(c.ports, c.bytes); err == nil {
			t.Errorf("%d devices in %d bytes: no error", c.ports, c.bytes)
		}
	}
}
