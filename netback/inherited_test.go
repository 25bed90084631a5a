package netback

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// attached is a descriptor of a TAP as a parent process might leave it.
func attached(t *testing.T, name string, flags uint16) int {
	t.Helper()
	fd, err := unix.Open(tunPath, unix.O_RDWR, 0)
	check(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	req, err := unix.NewIfreq(name)
	check(t, err)
	req.SetUint16(flags)
	check(t, unix.IoctlIfreq(fd, unix.TUNSETIFF, req))
	return fd
}

// dup gives a descriptor away, so that the cleanup of the original one never
// closes the number that another test has got since.
func dup(t *testing.T, fd int) int {
	t.Helper()
	n, err := unix.Dup(fd)
	check(t, err)
	return n
}

func TestInheritedTAP(t *testing.T) {
	newHost(t)
	link := addTAP(t, "tap0", 9000)
	d, err := FromFD(dup(t, attached(t, "tap0", unix.IFF_TAP|unix.IFF_NO_PI)), Options{})
	check(t, err)
	defer d.Close()
	if d.MTU() != 9000 || d.MAC()[0]&3 != 2 {
		t.Errorf("MTU %d, MAC %x", d.MTU(), d.MAC())
	}
	if flags, err := unix.FcntlInt(uintptr(d.FD()), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("not close-on-exec: %#x, %v", flags, err)
	}
	drain(t, d) // would block for ever on a blocking descriptor
	exchange(t, d, link)
}

// The interface is looked up where it lives, not where a namesake does.
func TestInheritedTAPOfAnotherNamespace(t *testing.T) {
	newHost(t)
	addTAP(t, "tap0", 9000)
	fd := attached(t, "tap0", unix.IFF_TAP|unix.IFF_NO_PI)
	newHost(t)
	addTAP(t, "tap0", 1400)
	d, err := FromFD(dup(t, fd), Options{})
	check(t, err)
	defer d.Close()
	if d.MTU() != 9000 {
		t.Errorf("MTU %d", d.MTU())
	}
}

func TestInheritedTAPWithoutPrivilege(t *testing.T) {
	newHost(t)
	addTAP(t, "tap0", 9000)
	fd := attached(t, "tap0", unix.IFF_TAP|unix.IFF_NO_PI)
	dropCap(t, unix.CAP_NET_ADMIN)
	d, err := FromFD(dup(t, fd), Options{})
	check(t, err)
	defer d.Close()
	if d.MTU() != 9000 {
		t.Errorf("MTU %d", d.MTU())
	}
}

func TestInheritedSocket(t *testing.T) {
	for _, kind := range []int{unix.SOCK_DGRAM, unix.SOCK_SEQPACKET} {
		fds, err := unix.Socketpair(unix.AF_UNIX, kind, 0)
		check(t, err)
		mac := [6]byte{2, 1, 2, 3, 4, 5}
		d, err := FromFD(fds[0], Options{MAC: mac})
		check(t, err)
		if d.MTU() != DefaultMTU || d.MAC() != mac {
			t.Errorf("MTU %d, MAC %x", d.MTU(), d.MAC())
		}
		p := make([]byte, 100)
		if _, err := d.ReadFrame(p); err != unix.EAGAIN {
			t.Errorf("read: %v", err)
		}
		_, err = unix.Write(fds[1], testFrame(60, 0))
		check(t, err)
		if n, err := d.ReadFrame(p); n != 60 || err != nil {
			t.Errorf("read %d bytes, %v", n, err)
		}
		check(t, d.Close())
		check(t, unix.Close(fds[1]))
	}
}

func TestInheritedRefusals(t *testing.T) {
	open := func(path string) func(*testing.T) int {
		return func(t *testing.T) int {
			f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
			check(t, err)
			t.Cleanup(func() { f.Close() })
			return int(f.Fd())
		}
	}
	tap := func(flags uint16) func(*testing.T) int {
		return func(t *testing.T) int {
			newHost(t)
			return attached(t, "tap0", flags)
		}
	}
	for _, c := range []struct {
		what  string
		fd    func(t *testing.T) int
		mac   [6]byte
		errno unix.Errno
		says  string
	}{
		{what: "negative", fd: func(*testing.T) int { return -1 }, errno: unix.EBADF, says: "@-1: no open descriptor"},
		{what: "not open", fd: func(*testing.T) int { return 1 << 20 }, errno: unix.EBADF, says: "@1048576: no open descriptor"},
		{what: "file", fd: open(filepath.Join(t.TempDir(), "file")), errno: unix.EINVAL, says: "neither an attached TAP nor a socket"},
		{what: "null", fd: open("/dev/null"), errno: unix.EINVAL, says: "neither an attached TAP nor a socket"},
		{what: "FIFO", fd: func(t *testing.T) int {
			r, w, err := os.Pipe()
			check(t, err)
			t.Cleanup(func() { r.Close(); w.Close() })
			return int(r.Fd())
		}, errno: unix.EINVAL, says: "neither an attached TAP nor a socket"},
		{what: "stream socket", fd: func(t *testing.T) int {
			fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			check(t, err)
			t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
			return fds[0]
		}, errno: unix.EINVAL, says: "stream socket"},
		{what: "no interface yet", fd: func(t *testing.T) int {
			newHost(t)
			return open(tunPath)(t)
		}, errno: unix.EINVAL, says: "TUNSETIFF"},
		{what: "TUN", fd: tap(unix.IFF_TUN | unix.IFF_NO_PI), errno: unix.EINVAL, says: "interface tap0"},
		{what: "packet information", fd: tap(unix.IFF_TAP), errno: unix.EINVAL, says: "interface tap0"},
		{what: "virtio header", fd: tap(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR), errno: unix.EINVAL, says: "no IFF_VNET_HDR"},
		{what: "group address", fd: tap(unix.IFF_TAP | unix.IFF_NO_PI), mac: [6]byte{1, 2, 3, 4, 5, 6}, says: "group address"},
	} {
		t.Run(c.what, func(t *testing.T) {
			fd := c.fd(t)
			d, err := FromFD(fd, Options{MAC: c.mac})
			if err == nil || d != nil {
				t.Fatalf("accepted, error %v", err)
			}
			if c.errno != 0 && !errors.Is(err, c.errno) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v does not wrap %v or say %q", err, c.errno, c.says)
			}
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil && c.errno != unix.EBADF {
				t.Errorf("the caller's descriptor is gone: %v", err)
			}
		})
	}
}
