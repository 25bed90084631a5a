package netback

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestTAPFrames(t *testing.T) {
	for _, c := range []struct {
		name string
		mtu  int
	}{{"tap0", 1500}, {"a", 576}, {"jumbo-frames-15", 9000}} {
		t.Run(c.name, func(t *testing.T) {
			newHost(t)
			link := addTAP(t, c.name, c.mtu)
			mac := [6]byte{2, 0, 0, 0, 0, 7}
			d, err := OpenTAP(c.name, Options{MAC: mac})
			check(t, err)
			defer d.Close()
			if d.MTU() != c.mtu || d.MAC() != mac || d.Name() != c.name {
				t.Errorf("MTU %d, MAC %x, name %q", d.MTU(), d.MAC(), d.Name())
			}
			exchange(t, d, link)
		})
	}
}

func TestTAPRandomMAC(t *testing.T) {
	newHost(t)
	addTAP(t, "tap0", 1500)
	seen := map[[6]byte]bool{}
	for range 20 {
		d, err := OpenTAP("tap0", Options{})
		check(t, err)
		mac := d.MAC()
		check(t, d.Close())
		if mac[0]&3 != 2 || seen[mac] {
			t.Errorf("MAC %x", mac)
		}
		seen[mac] = true
	}
}

func TestTAPCutsFrames(t *testing.T) {
	newHost(t)
	host := hostEnd(t, addTAP(t, "tap0", 1500))
	d, err := OpenTAP("tap0", Options{})
	check(t, err)
	defer d.Close()
	cutsFrames(t, d, host)
}

// cutsFrames sends a device two frames from the host's end and reads the beginning of
// each.
func cutsFrames(t *testing.T, d Device, host int) {
	t.Helper()
	for seed, size := range []int{1000, 60} {
		_, err := unix.Write(host, testFrame(size, byte(seed)))
		check(t, err)
	}
	p := make([]byte, 20)
	for range 2 { // the rest of the first frame is not read as the second
		if n := readTestFrame(t, d, p); n != len(p) {
			t.Errorf("%d bytes of a frame cut to %d", n, len(p))
		}
	}
}

func TestTAPRefusals(t *testing.T) {
	tap := func(t *testing.T) { addTAP(t, "tap0", 1500) }
	for _, c := range []struct {
		what    string
		name    string
		prepare func(t *testing.T)
		errno   unix.Errno
		says    string
	}{
		{"missing", "tap0", nil, unix.ENOENT, "ip tuntap add dev tap0 mode tap && ip link set tap0 up"},
		{"too long", "sixteen-chars-xx", tap, unix.ENAMETOOLONG, "at most 15"},
		{"absurdly long", strings.Repeat("x", 1<<16), tap, unix.ENAMETOOLONG, "at most 15"},
		{"pattern", "tap%d", tap, unix.EINVAL, "not an interface name"},
		{"empty", "", tap, unix.EINVAL, "not an interface name"},
		{"path", "../tap0", tap, unix.EINVAL, "not an interface name"},
		{"NUL", "tap0\x00", tap, unix.EINVAL, "not an interface name"},
		{"down", "tap0", func(t *testing.T) {
			tap(t)
			check(t, netlink.LinkSetDown(&netlink.Tuntap{LinkAttrs: attrs("tap0")}))
		}, unix.ENETDOWN, "ip link set tap0 up"},
		{"veth", "veth0", func(t *testing.T) {
			addLink(t, &netlink.Veth{LinkAttrs: attrs("veth0"), PeerName: "veth1"})
		}, unix.ENODEV, "it is a veth interface"},
		{"loopback", "lo", nil, unix.ENODEV, "not a TAP"},
		{"TUN", "tun0", func(t *testing.T) {
			addLink(t, &netlink.Tuntap{LinkAttrs: attrs("tun0"), Mode: netlink.TUNTAP_MODE_TUN})
		}, unix.ENODEV, "it is a TUN interface"},
		{"several queues", "tap0", func(t *testing.T) {
			sh(t, "ip tuntap add dev tap0 mode tap multi_queue && ip link set tap0 up")
		}, unix.EINVAL, "one queue"},
		{"busy", "tap0", func(t *testing.T) {
			tap(t)
			d, err := OpenTAP("tap0", Options{})
			check(t, err)
			t.Cleanup(func() { check(t, d.Close()) })
		}, unix.EBUSY, "another process has attached it"},
		{"second name", "green", func(t *testing.T) {
			tap(t)
			sh(t, "ip link property add dev tap0 altname green")
		}, unix.EINVAL, "another name of interface tap0"},
		{"somebody else's", "tap0", func(t *testing.T) {
			sh(t, "ip tuntap add dev tap0 mode tap user 12345 && ip link set tap0 up")
			dropCap(t, unix.CAP_NET_ADMIN)
		}, unix.EPERM, "run as root"},
		{"no driver", "tap0", func(t *testing.T) {
			tap(t)
			emptyDevNet(t)
		}, unix.ENOENT, "modprobe tun"},
		{"no permission", "tap0", func(t *testing.T) {
			tap(t)
			emptyDevNet(t)
			check(t, unix.Mknod(tunPath, unix.S_IFCHR, int(unix.Mkdev(10, 200))))
			dropCap(t, unix.CAP_DAC_OVERRIDE)
		}, unix.EACCES, "no permission to open /dev/net/tun"},
	} {
		t.Run(c.what, func(t *testing.T) {
			newHost(t)
			if c.prepare != nil {
				c.prepare(t)
			}
			links := interfaces(t)
			d, err := OpenTAP(c.name, Options{})
			if err == nil || d != nil {
				t.Fatalf("opened, error %v", err)
			}
			if !errors.Is(err, c.errno) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v does not wrap %v or say %q", err, c.errno, c.says)
			}
			if !strings.Contains(err.Error(), c.name) || strings.Contains(err.Error(), "\n") {
				t.Errorf("not one line with the interface's name: %q", err)
			}
			if now := interfaces(t); now != links {
				t.Errorf("interfaces are %s, were %s", now, links)
			}
		})
	}
}

// interfaces lists the namespace's interfaces.
func interfaces(t *testing.T) string {
	t.Helper()
	links, err := netlink.LinkList()
	check(t, err)
	var names []string
	for _, l := range links {
		names = append(names, l.Attrs().Name)
	}
	return strings.Join(names, " ")
}

// emptyDevNet hides the directory of tunPath from this thread, which ends with
// the test.
func emptyDevNet(t *testing.T) {
	t.Helper()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Skipf("needs mount namespaces: %v", err)
	}
	check(t, unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""))
	check(t, unix.Mount("tmpfs", filepath.Dir(tunPath), "tmpfs", 0, ""))
}

func TestTAPWithoutPrivilege(t *testing.T) {
	newHost(t)
	link := addTAP(t, "tap0", 1500)
	host := hostEnd(t, link)
	dropCap(t, unix.CAP_NET_ADMIN)
	d, err := OpenTAP("tap0", Options{})
	check(t, err)
	defer d.Close()
	_, err = unix.Write(host, testFrame(60, 1))
	check(t, err)
	if n := readTestFrame(t, d, make([]byte, 100)); n != 60 {
		t.Errorf("frame of %d bytes", n)
	}
}

// A queue of the usual length becomes a long one where that is asked for and allowed.
func TestTAPQueue(t *testing.T) {
	for _, c := range []struct {
		name       string
		set, want  int // 0 leaves it
		long, drop bool
	}{
		{"long", 0, longQueue, true, false}, {"not asked for", 0, usualQueue, false, false},
		{"not allowed", 0, usualQueue, true, true}, {"shorter", 500, 500, true, false}, {"longer", 10000, 10000, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			newHost(t)
			link := addTAP(t, "tap0", 1500)
			if c.set > 0 {
				check(t, netlink.LinkSetTxQLen(link, c.set))
			}
			if c.drop {
				dropCap(t, unix.CAP_NET_ADMIN)
			}
			d, err := OpenTAP("tap0", Options{LongQueue: c.long})
			check(t, err)
			defer d.Close()
			now, err := netlink.LinkByName("tap0")
			check(t, err)
			if got := now.Attrs().TxQLen; got != c.want {
				t.Errorf("the queue holds %d frames, want %d", got, c.want)
			}
		})
	}
}

// The commands that messages give do what they promise.
func TestTAPMendingCommands(t *testing.T) {
	for _, c := range []struct{ name, breakage string }{
		{"missing", "true"},
		{"down", "ip tuntap add dev tap0 mode tap"},
		{"TUN", "ip tuntap add dev tap0 mode tun && ip link set tap0 up"},
		{"several queues", "ip tuntap add dev tap0 mode tap multi_queue && ip link set tap0 up"},
	} {
		t.Run(c.name, func(t *testing.T) {
			newHost(t)
			sh(t, c.breakage)
			_, err := OpenTAP("tap0", Options{})
			if err == nil {
				t.Fatal("opened what should be broken")
			}
			sh(t, quoted(t, err))
			d, err := OpenTAP("tap0", Options{})
			check(t, err)
			defer d.Close()
			_, busy := OpenTAP("tap0", Options{})
			// grep's status tells of processes that ended meanwhile, too.
			self := fmt.Sprintf("/proc/%d/fdinfo/%d", os.Getpid(), d.FD())
			if out := sh(t, quoted(t, busy)+" || true"); !strings.Contains(out, self+"\n") {
				t.Errorf("%q finds %q, not %s", busy, out, self)
			}
		})
	}
}

func TestTAPOffloadsOff(t *testing.T) {
	if _, err := exec.LookPath("ethtool"); err != nil {
		t.Skipf("needs ethtool: %v", err)
	}
	newHost(t)
	addTAP(t, "tap0", 1500)
	sh(t, "ethtool -K tap0 gro on gso on")
	d, err := OpenTAP("tap0", Options{})
	check(t, err)
	defer d.Close()
	out := sh(t, "ethtool -k tap0")
	for _, want := range []string{
		"generic-segmentation-offload: off", "generic-receive-offload: off",
		"tcp-segmentation-offload: off", "tx-checksumming: off",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// An interface that goes down and up again under a running guest costs it
// frames, not its life; one that is deleted is an error.
func TestTAPDownUpAndGone(t *testing.T) {
	newHost(t)
	link := addTAP(t, "tap0", 1500)
	d, err := OpenTAP("tap0", Options{})
	check(t, err)
	defer d.Close()
	check(t, netlink.LinkSetDown(link))
	if err := d.WriteFrame(testFrame(60, 0)); err != nil {
		t.Errorf("write while down: %v", err)
	}
	drain(t, d)
	check(t, netlink.LinkSetUp(link))
	exchange(t, d, link)
	check(t, netlink.LinkDel(link))
	if _, err := d.ReadFrame(make([]byte, 100)); err == nil || err == unix.EAGAIN {
		t.Errorf("read of a deleted interface: %v", err)
	}
	if err := d.WriteFrame(testFrame(60, 0)); err == nil {
		t.Error("write to a deleted interface succeeds")
	}
	fds := []unix.PollFd{{Fd: int32(d.FD()), Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, 0); n != 1 || fds[0].Revents&unix.POLLERR == 0 {
		t.Errorf("poll of a deleted interface: %d, %v, events %#x", n, err, fds[0].Revents)
	}
}

func TestTAPFrameLimits(t *testing.T) {
	newHost(t)
	addTAP(t, "tap0", 1500)
	d, err := OpenTAP("tap0", Options{})
	check(t, err)
	defer d.Close()
	for _, c := range []struct {
		bytes int
		want  error
	}{{0, unix.EINVAL}, {13, unix.EINVAL}, {14, nil}, {maxFrameBytes, nil}, {maxFrameBytes + 1, unix.EMSGSIZE}, {1 << 20, unix.EMSGSIZE}} {
		if err := d.WriteFrame(make([]byte, c.bytes)); err != c.want {
			t.Errorf("%d bytes: %v, want %v", c.bytes, err, c.want)
		}
	}
	drain(t, d)
	if n, err := d.ReadFrame(nil); n != 0 || err != unix.EAGAIN {
		t.Errorf("read into nothing: %d, %v", n, err)
	}
}

func TestTAPClose(t *testing.T) {
	newHost(t)
	addTAP(t, "tap0", 1500)
	warm, err := OpenTAP("tap0", Options{})
	check(t, err)
	check(t, warm.Close())
	before := openFDs(t)
	for range 10 {
		d, err := OpenTAP("tap0", Options{})
		check(t, err)
		if flags, err := unix.FcntlInt(uintptr(d.FD()), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("not close-on-exec: %#x, %v", flags, err)
		}
		if _, err := OpenTAP("tap0", Options{}); !errors.Is(err, unix.EBUSY) {
			t.Errorf("second open: %v", err)
		}
		check(t, d.Close())
		if err := d.Close(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("second close: %v", err)
		}
		if _, err := d.ReadFrame(make([]byte, 1)); err != unix.EBADF {
			t.Errorf("read after close: %v", err)
		}
		if err := d.WriteFrame(make([]byte, 14)); err != unix.EBADF || d.FD() != -1 {
			t.Errorf("write after close: %v, descriptor %d", err, d.FD())
		}
	}
	if after := openFDs(t); !maps.Equal(before, after) {
		t.Errorf("descriptors left: before %v, after %v", before, after)
	}
}

func TestTAPAllocates(t *testing.T) {
	newHost(t)
	host := hostEnd(t, addTAP(t, "tap0", 1500))
	d, err := OpenTAP("tap0", Options{})
	check(t, err)
	defer d.Close()
	drain(t, d)
	out, in := testFrame(1514, 0), make([]byte, 1514)
	if n := testing.AllocsPerRun(200, func() {
		if _, err := unix.Write(host, out); err != nil {
			t.Error(err)
		}
		for {
			if _, err := d.ReadFrame(in); err == unix.EAGAIN {
				break
			}
		}
		if err := d.WriteFrame(out); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for two frames", n)
	}
}

func BenchmarkTAPWriteFrame(b *testing.B) {
	newHost(b)
	addTAP(b, "tap0", 1500)
	d, err := OpenTAP("tap0", Options{})
	check(b, err)
	defer d.Close()
	frame := testFrame(60, 0)
	for b.Loop() {
		if err := d.WriteFrame(frame); err != nil {
			b.Fatal(err)
		}
	}
}
