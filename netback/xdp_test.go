package netback

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// addVeth makes the two ends of a cable, both up.
func addVeth(t testing.TB, name, peer string, mtu int) (a, b netlink.Link) {
	t.Helper()
	own := attrs(name)
	own.MTU, own.NumRxQueues, own.NumTxQueues = mtu, 1, 1
	addLink(t, &netlink.Veth{LinkAttrs: own, PeerName: peer, PeerMTU: uint32(mtu)})
	var ends [2]netlink.Link
	for i, n := range []string{name, peer} {
		link, err := netlink.LinkByName(n)
		check(t, err)
		check(t, netlink.LinkSetUp(link))
		ends[i] = link
	}
	awaitCarrier(t, name, peer)
	return ends[0], ends[1]
}

// awaitCarrier waits until the kernel knows that interfaces are up: it drops what
// is sent before, and may take its time.
func awaitCarrier(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			link, err := netlink.LinkByName(name)
			check(t, err)
			if link.Attrs().OperState == netlink.OperUp {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s is %v ten seconds after it was brought up", name, link.Attrs().OperState)
			}
		}
	}
}

// openXDPTest opens an XDP device that the test closes.
func openXDPTest(t testing.TB, name string, opts Options) *XDP {
	t.Helper()
	x, err := OpenXDP(name, opts)
	if errors.Is(err, unix.EAFNOSUPPORT) {
		t.Skipf("needs AF_XDP: %v", err)
	}
	check(t, err)
	t.Cleanup(func() { x.Close() })
	return x
}

// Frames of all sizes go both ways, through chunks of either size.
func TestXDP(t *testing.T) {
	for _, mtu := range []int{1500, mostXDPMTU} {
		newHost(t)
		own, peer := addVeth(t, "eth1", "far", mtu)
		x := openXDPTest(t, "eth1", Options{})
		if got := x.MAC(); !bytes.Equal(got[:], own.Attrs().HardwareAddr) || x.MTU() != mtu || x.Name() != "eth1" {
			t.Errorf("%x, %d, %s", got, x.MTU(), x.Name())
		}
		exchange(t, x, peer)
	}
}

// Many more frames than there are chunks go through, in order, whole, and with a
// call for many of them.
func TestXDPBatches(t *testing.T) {
	newHost(t)
	_, peer := addVeth(t, "eth1", "far", 1500)
	x := openXDPTest(t, "eth1", Options{})
	host := hostEnd(t, peer)
	check(t, unix.SetsockoptInt(host, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 32<<20))
	p := make([]byte, 2048)
	drain(t, x)
	const batch = 100
	for round := range 3*xdpFrames/batch + 1 {
		for i := range batch {
			check(t, x.QueueFrame(testFrame(60+i, byte(round))))
		}
		if x.Flush() {
			t.Fatalf("round %d: frames are left", round)
		}
		for i := range batch {
			waitReadable(t, host)
			n, err := unix.Read(host, p)
			check(t, err)
			if !bytes.Equal(p[:n], testFrame(60+i, byte(round))) {
				t.Fatalf("round %d: frame %d is another one, of %d bytes", round, i, n)
			}
			if _, err := unix.Write(host, p[:n]); err != nil {
				t.Fatal(err)
			}
		}
		for i := range batch {
			n := readTestFrame(t, x, p)
			if !bytes.Equal(p[:n], testFrame(60+i, byte(round))) {
				t.Fatalf("round %d: frame %d came back as another one, of %d bytes", round, i, n)
			}
		}
	}
}

// Neither an idle device nor a busy one makes garbage.
func TestXDPAllocations(t *testing.T) {
	newHost(t)
	addVeth(t, "eth1", "far", 1500)
	x := openXDPTest(t, "eth1", Options{})
	frame, p := testFrame(60, 1), make([]byte, 2048)
	if n := testing.AllocsPerRun(5000, func() {
		_ = x.QueueFrame(frame)
		x.Flush()
		_, _ = x.ReadFrame(p)
	}); n != 0 {
		t.Errorf("%v allocations for a frame", n)
	}
}

// More than can wait is lost, but nothing else: what was received first comes, and
// then what is sent later.
func TestXDPOverflow(t *testing.T) {
	newHost(t)
	_, peer := addVeth(t, "eth1", "far", 1500)
	x := openXDPTest(t, "eth1", Options{})
	host := hostEnd(t, peer)
	drain(t, x)
	const sent = xdpFrames + 500
	for i := range sent {
		if _, err := unix.Write(host, testFrame(100, byte(i))); err != nil {
			t.Fatal(err)
		}
	}
	p := make([]byte, 2048)
	for i := range xdpFrames - 100 { // others may have sent some, too
		if n := readTestFrame(t, x, p); !bytes.Equal(p[:n], testFrame(100, byte(i))) {
			t.Fatalf("frame %d is another one", i)
		}
	}
	drain(t, x)
	exchange(t, x, peer)
}

// A frame that is no frame, or longer than a chunk, is refused, as is one for an
// interface that is gone. While it is down frames are lost, but for the first.
func TestXDPRefuses(t *testing.T) {
	newHost(t)
	own, peer := addVeth(t, "eth1", "far", 1500)
	x := openXDPTest(t, "eth1", Options{})
	for size, want := range map[int]error{0: unix.EINVAL, 13: unix.EINVAL, 14: nil, 2048: nil, 2049: unix.EMSGSIZE} {
		if err := x.WriteFrame(make([]byte, size)); err != want {
			t.Errorf("%d bytes: %v, not %v", size, err, want)
		}
	}
	if n, err := x.ReadFrame(nil); n != 0 || err != unix.EAGAIN {
		t.Errorf("no room: %d, %v", n, err)
	}
	check(t, netlink.LinkSetDown(own))
	check(t, x.WriteFrame(testFrame(60, 1))) // waits
	check(t, x.WriteFrame(testFrame(60, 2))) // is lost
	if err := x.QueueFrame(testFrame(60, 3)); err != unix.EIO {
		t.Errorf("down: %v", err)
	}
	check(t, netlink.LinkSetUp(own))
	awaitCarrier(t, "eth1", "far")
	if x.Flush() {
		t.Error("a frame is left")
	}
	drain(t, x)
	exchange(t, x, peer)
	check(t, netlink.LinkDel(own))
	check(t, x.WriteFrame(testFrame(60, 1)))
	if _, err := x.ReadFrame(make([]byte, 60)); err != unix.ENODEV || x.WriteFrame(testFrame(60, 1)) != unix.ENODEV {
		t.Errorf("gone: %v", err)
	}
	check(t, x.Close())
	if err := x.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("second close: %v", err)
	}
	if _, err := x.ReadFrame(make([]byte, 60)); err != unix.EBADF || x.WriteFrame(testFrame(60, 1)) != unix.EBADF || x.Flush() || x.FD() != -1 {
		t.Errorf("after the end: %v", err)
	}
}

// The host has its interface while no device has it.
func TestXDPGivesBack(t *testing.T) {
	newHost(t)
	own, peer := addVeth(t, "eth1", "far", 1500)
	x := openXDPTest(t, "eth1", Options{MAC: [6]byte{2, 0, 0, 0, 0, 9}})
	if x.MAC() != [6]byte{2, 0, 0, 0, 0, 9} {
		t.Errorf("MAC %x", x.MAC())
	}
	host, far := hostEnd(t, own), hostEnd(t, peer)
	arrives := func() bool {
		if _, err := unix.Write(far, testFrame(60, 7)); err != nil {
			t.Fatal(err)
		}
		fds := []unix.PollFd{{Fd: int32(host), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 100)
		check(t, err)
		return n == 1
	}
	promiscuous := func() int {
		link, err := netlink.LinkByName("eth1")
		check(t, err)
		return link.Attrs().Promisc
	}
	if arrives() || promiscuous() != 1 {
		t.Errorf("the host gets the guest's frames, or the guest does not get all: promiscuous %d", promiscuous())
	}
	check(t, x.Close())
	for end := time.Now().Add(2 * time.Second); !arrives(); {
		if time.Now().After(end) {
			t.Fatal("the host does not get its interface back")
		}
	}
	openXDPTest(t, "eth1", Options{})
	if promiscuous() != 0 {
		t.Error("promiscuous for nothing")
	}
}

// What cannot be taken over is refused, with what to do.
func TestXDPErrors(t *testing.T) {
	newHost(t)
	addVeth(t, "eth1", "far", 1500)
	openXDPTest(t, "eth1", Options{})
	addVeth(t, "large", "far2", mostXDPMTU+1)
	down, _ := addVeth(t, "down", "far3", 1500)
	check(t, netlink.LinkSetDown(down))
	many := attrs("many")
	many.NumRxQueues, many.NumTxQueues = 4, 4
	addLink(t, &netlink.Veth{LinkAttrs: many, PeerName: "far4"})
	sh(t, "ip link set many up && ethtool -L many rx 4 tx 4")
	for _, c := range []struct {
		name  string
		opts  Options
		errno unix.Errno
		says  string
	}{
		{"none", Options{}, unix.ENOENT, "ip link"},
		{"eth1", Options{}, unix.EBUSY, "XDP"},
		{"large", Options{}, unix.ERANGE, "ip link set dev large mtu 1500"},
		{"down", Options{}, unix.ENETDOWN, "ip link set down up"},
		{"many", Options{}, unix.EINVAL, "ethtool -L many"},
		{"lo", Options{}, unix.ENODEV, "Ethernet"},
		{"", Options{}, unix.EINVAL, "ip link"},
		{strings.Repeat("x", 16), Options{}, unix.ENAMETOOLONG, "15 characters"},
	} {
		x, err := OpenXDP(c.name, c.opts)
		if err == nil {
			x.Close()
		}
		if !errors.Is(err, c.errno) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %v with %q", c.name, err, c.errno, c.says)
		}
	}
	if x, err := OpenXDP("far", Options{MAC: [6]byte{1}}); err == nil || !strings.Contains(err.Error(), "group address") {
		t.Errorf("group address: %v, %v", x, err)
	}
	for _, capability := range []int{unix.CAP_NET_RAW} {
		dropCap(t, capability)
		if _, err := OpenXDP("far", Options{}); !errors.Is(err, unix.EPERM) {
			t.Errorf("without capability %d: %v", capability, err)
		}
	}
}
