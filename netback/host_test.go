package netback

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// etherType is one of the two for local experiments, so that what the host
// itself sends through a new interface can be told from a test's frames.
const etherType = 0x88b5

// newHost moves the test into a network namespace of its own, which ends with
// the test's thread. Subtests need their own call.
func newHost(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: network namespaces and TAPs")
	}
	if _, err := os.Stat(tunPath); err != nil {
		t.Skipf("needs TAPs: %v", err)
	}
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("needs network namespaces: %v", err)
	}
}

// dropCap takes a capability below 32 from this thread, which ends with the
// test.
func dropCap(t testing.TB, capability int) {
	t.Helper()
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	check(t, unix.Capget(&head, &caps[0]))
	caps[0].Effective &^= 1 << capability
	check(t, unix.Capset(&head, &caps[0]))
}

// addTAP makes a TAP that is up and has the given MTU.
func addTAP(t testing.TB, name string, mtu int) netlink.Link {
	t.Helper()
	addLink(t, &netlink.Tuntap{LinkAttrs: attrs(name), Mode: netlink.TUNTAP_MODE_TAP})
	link, err := netlink.LinkByName(name)
	check(t, err)
	check(t, netlink.LinkSetMTU(link, mtu))
	check(t, netlink.LinkSetUp(link))
	return link
}

func addLink(t testing.TB, link netlink.Link) {
	t.Helper()
	check(t, netlink.LinkAdd(link))
}

func attrs(name string) netlink.LinkAttrs {
	a := netlink.NewLinkAttrs()
	a.Name = name
	return a
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// hostEnd is a packet socket on the host's side of an interface.
func hostEnd(t testing.TB, link netlink.Link) int {
	t.Helper()
	var proto [2]byte
	binary.BigEndian.PutUint16(proto[:], etherType)
	wire := binary.NativeEndian.Uint16(proto[:])
	s, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(wire))
	check(t, err)
	t.Cleanup(func() { unix.Close(s) })
	check(t, unix.Bind(s, &unix.SockaddrLinklayer{Protocol: wire, Ifindex: link.Attrs().Index}))
	return s
}

// testFrame is an Ethernet broadcast of n bytes with a payload that seed
// determines.
func testFrame(n int, seed byte) []byte {
	f := make([]byte, n)
	copy(f, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1})
	binary.BigEndian.PutUint16(f[12:], etherType)
	for i := 14; i < n; i++ {
		f[i] = byte(i)*31 + seed
	}
	return f
}

// waitReadable polls fd for a second.
func waitReadable(t testing.TB, fd int) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		n, err := unix.Poll(fds, 100)
		if err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
		if n == 1 && fds[0].Revents&unix.POLLIN != 0 {
			return
		}
	}
	t.Fatal("descriptor does not become readable")
}

// readTestFrame reads the next frame of ours into p.
func readTestFrame(t testing.TB, d Device, p []byte) int {
	t.Helper()
	for {
		waitReadable(t, d.FD())
		n, err := d.ReadFrame(p)
		if err == unix.EAGAIN {
			continue
		}
		check(t, err)
		if n >= 14 && binary.BigEndian.Uint16(p[12:]) == etherType {
			return n
		}
	}
}

// drain reads until nothing waits, and bounds what the host sends by itself.
func drain(t testing.TB, d Device) {
	t.Helper()
	p := make([]byte, 1<<16)
	for range 1000 {
		_, err := d.ReadFrame(p)
		if err == unix.EAGAIN {
			return
		}
		check(t, err)
	}
	t.Fatal("frames keep coming")
}

// exchange sends frames of several sizes both ways.
func exchange(t testing.TB, d Device, link netlink.Link) {
	t.Helper()
	host := hostEnd(t, link)
	p := make([]byte, 1<<16)
	for i, size := range []int{14, 60, 500, d.MTU() + 14} {
		out := testFrame(size, byte(i))
		if _, err := unix.Write(host, out); err != nil {
			t.Fatalf("host sends %d bytes: %v", size, err)
		}
		if n := readTestFrame(t, d, p); !bytes.Equal(p[:n], out) {
			t.Errorf("guest got %d bytes, not the %d that the host sent", n, size)
		}
		in := testFrame(size, ^byte(i))
		if err := d.WriteFrame(in); err != nil {
			t.Fatalf("guest sends %d bytes: %v", size, err)
		}
		waitReadable(t, host)
		n, err := unix.Read(host, p)
		check(t, err)
		if !bytes.Equal(p[:n], in) {
			t.Errorf("host got %d bytes, not the %d that the guest sent", n, size)
		}
	}
}

// sh runs a command line in the thread's network namespace.
func sh(t testing.TB, line string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", line).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

// quoted is the first command in backquotes of an error message.
func quoted(t testing.TB, err error) string {
	t.Helper()
	parts := strings.Split(err.Error(), "`")
	if len(parts) < 3 {
		t.Fatalf("no command in %q", err)
	}
	return parts[1]
}

// openFDs is the set of this process's descriptors, by what they refer to.
func openFDs(t testing.TB) map[string]string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	check(t, err)
	fds := map[string]string{}
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			fds[e.Name()] = target
		}
	}
	return fds
}
