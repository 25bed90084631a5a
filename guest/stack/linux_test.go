package stack

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// station is a network namespace with one TAP, whose other end is a device: a real
// Linux host on a cable. The namespace goes when the test ends, with all that is
// in it.
type station struct {
	tap  *os.File
	work chan func()
}

// newStation makes a host at 10.0.0.1 and fd00::1.
func newStation(t *testing.T) *station {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make a network namespace and a TAP")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skipf("needs TAPs: %v", err)
	}
	s := &station{work: make(chan func())}
	ready := make(chan error)
	go func() {
		// The thread is never unlocked, so it ends with the goroutine and
		// takes the namespace along.
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			err = s.configure()
		}
		ready <- err
		for f := range s.work {
			f()
		}
	}()
	t.Cleanup(func() { close(s.work) })
	if err := <-ready; err != nil {
		t.Fatalf("making a network namespace with a TAP: %v", err)
	}
	return s
}

func (s *station) configure() error {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	request, err := unix.NewIfreq("tap0")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		return err
	}
	s.tap = os.NewFile(uintptr(fd), "tap0")
	link, err := netlink.LinkByName("tap0")
	if err != nil {
		return err
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	errs := []error{netlink.LinkSetUp(lo), netlink.LinkSetUp(link)}
	for _, text := range []string{"10.0.0.1/24", "fd00::1/64"} {
		a, err := netlink.ParseAddr(text)
		if err != nil {
			return err
		}
		a.Flags = unix.IFA_F_NODAD
		errs = append(errs, netlink.AddrAdd(link, a))
	}
	return errors.Join(errs...)
}

// do runs f on a thread in the namespace; sockets and commands that f makes belong
// to it.
func (s *station) do(f func()) {
	done := make(chan struct{})
	s.work <- func() {
		defer close(done)
		f()
	}
	<-done
}

// command starts a command in the namespace and ends it with the test.
func (s *station) command(t *testing.T, name string, args ...string) *lines {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("needs %s: %v", name, err)
	}
	out := new(lines)
	c := exec.Command(path, args...)
	c.Stdout, c.Stderr = out, out
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.do(func() { err = c.Start() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
		if t.Failed() {
			t.Logf("%s: %s", name, out)
		}
	})
	return out
}

// tapNIC is the guest's end of a station's cable.
type tapNIC struct{ *os.File }

func (tapNIC) MAC() [6]byte                      { return [6]byte{2, 0, 0, 0, 0, 9} }
func (tapNIC) MTU() int                          { return 1500 }
func (tapNIC) Name() string                      { return "net0" }
func (n tapNIC) ReadFrame(p []byte) (int, error) { return n.Read(p) }
func (n tapNIC) WriteFrame(p []byte) (err error) { _, err = n.Write(p); return err }
func (n tapNIC) TryReadFrame(p []byte) (size int, ok bool, err error) {
	raw, err := n.SyscallConn()
	if err != nil {
		return 0, false, err
	}
	err = errors.Join(raw.Read(func(fd uintptr) bool {
		size, err = unix.Read(int(fd), p)
		return true
	}), err)
	if errors.Is(err, unix.EAGAIN) {
		return 0, false, nil
	}
	return size, err == nil, err
}

// startOn starts a stack on a station's cable.
func startOn(t *testing.T, s *station, args ...string) (*Net, *lines) {
	t.Helper()
	cfg, _, err := Parse(args, []string{"net0"})
	if err != nil {
		t.Fatal(err)
	}
	log := new(lines)
	n, err := Start([]NIC{tapNIC{s.tap}}, cfg, NewLogger(log, cfg.Level))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n, log
}

// Linux and the stack speak TCP and ICMP over both versions of IP.
func TestLinuxHost(t *testing.T) {
	s := newStation(t)
	n, _ := startOn(t, s, "--ipv4=10.0.0.2/24", "--ipv6=fd00::2/64")
	echoServer(t, n, "10.0.0.2:7")
	echoServer(t, n, "[fd00::2]:7")
	for _, at := range []string{"10.0.0.2", "fd00::2"} {
		var c net.Conn
		var err error
		s.do(func() { c, err = net.DialTimeout("tcp", net.JoinHostPort(at, "7"), 10*time.Second) })
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		checkHello(t, c)

		var text []byte
		s.do(func() {
			text, err = exec.Command("ping", "-n", "-c", "3", "-i", "0.1", "-s", "3000", at).CombinedOutput()
		})
		if errors.Is(err, exec.ErrNotFound) {
			t.Skipf("needs ping: %v", err)
		}
		if err != nil || !strings.Contains(string(text), " 3 received") {
			t.Errorf("ping: %v\n%s", err, text)
		}
	}
}

// dnsmasq gives the guest its addresses, by DHCP and by router advertisements.
func TestDnsmasq(t *testing.T) {
	s := newStation(t)
	out := s.command(t, "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--interface=tap0", "--bind-interfaces",
		"--user=root", "--pid-file=", "--dhcp-leasefile="+filepath.Join(t.TempDir(), "leases"), "--log-dhcp",
		"--dhcp-range=10.0.0.50,10.0.0.60,255.255.255.0,2m", "--dhcp-host=02:00:00:00:00:09,10.0.0.55,web", "--dhcp-authoritative",
		"--dhcp-option=option:mtu,1400", "--dhcp-option=option:classless-static-route,10.9.8.0/24,10.0.0.7,0.0.0.0/0,10.0.0.1",
		"--domain=example.org", "--enable-ra", "--dhcp-range=fd00::,ra-only,64,10m", "--dhcp-option=option6:dns-server,[fd00::53]",
		"--address=/guest.example/10.1.2.3", "--dhcp-no-override")
	waitFor(t, "dnsmasq", func() bool { return strings.Contains(out.String(), "started") })
	n, log := startOn(t, s, "--dhcp", "--accept-router-advertisements")
	for _, want := range []string{"net0: 10.0.0.55/24 gateway 10.0.0.1 fd00::ff:fe00:9/64 gateway fe80::", " dns 10.0.0.1 dns fd00::53 mac",
		"mtu 1400 (dhcp, lease 120 s; slaac)\n"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("logged %q\nwithout %q", log, want)
		}
	}
	if want := "search example.org\nnameserver 10.0.0.1\nnameserver fd00::53\n"; string(n.ResolvConf()) != want {
		t.Errorf("resolv.conf %q", n.ResolvConf())
	}
	if n.Hostname() != "web" {
		t.Errorf("hostname %q", n.Hostname())
	}
	l := n.ifaces[0].lease
	if l == nil || l.server != netip.MustParseAddr("10.0.0.1") || len(l.routes) != 2 {
		t.Errorf("lease %+v", l)
	}

	// The name server answers, over TCP.
	c := dial(t, n, "10.0.0.1:53")
	defer c.Close()
	query := "\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05guest\x07example\x00\x00\x01\x00\x01"
	fmt.Fprintf(c, "\x00%c%s", len(query), query)
	answer := make([]byte, 512)
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	size, err := bufio.NewReader(c).Read(answer)
	if err != nil || !strings.HasSuffix(string(answer[:size]), "\x0a\x01\x02\x03") {
		t.Errorf("%d bytes % x: %v", size, answer[:size], err)
	}
}
