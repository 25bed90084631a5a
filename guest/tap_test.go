//go:build !tender

package guest

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// newTAPs moves the test into a network namespace of its own, with two TAPs
// that are up, one that is down, and nothing that talks by itself.
func newTAPs(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make a network namespace and TAPs")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skipf("needs TAPs: %v", err)
	}
	runtime.LockOSThread() // and never unlocked: the namespace ends with the thread
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{
		"tuntap add dev tap0 mode tap", "tuntap add dev tap1 mode tap", "tuntap add dev dark mode tap",
		"link set tap0 addrgenmode none up", "link set tap1 addrgenmode none mtu 9000 up", "link set lo up",
	} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", args, err, out)
		}
	}
	t.Setenv("TENDER_NET", "outside=tap0,inside=tap1,dark=dark,gone=gone0,lo=lo,long=sixteen-chars-xx")
}

// send makes the host send a frame out of a TAP.
func send(t *testing.T, iface string, frame []byte) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	var r ifreq
	copy(r.name[:], iface)
	if err := r.ioctl(fd, syscall.SIOCGIFINDEX); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Sendto(fd, frame, 0, &syscall.SockaddrLinklayer{Ifindex: int(*r.number())}); err != nil {
		t.Fatal(err)
	}
}

func mustOpen(t *testing.T, name string) *NIC {
	t.Helper()
	n, err := OpenNIC(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

func TestTAPErrors(t *testing.T) {
	newTAPs(t)
	n := mustOpen(t, "outside")
	for name, want := range map[string]string{
		"outside": "device or resource busy", "dark": "ip link set dark up", "gone": "ip tuntap add dev gone0", "lo": "is it a TAP", "long": "at most 15",
	} {
		if _, err := OpenNIC(name); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v; want %q", name, err, want)
		}
	}
	if _, err := OpenNIC("outside"); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("opened twice: %v", err)
	}
	if n.Close() != nil {
		t.Error("close")
	}
	if mustOpen(t, "outside").MTU() != 1500 || mustOpen(t, "inside").MTU() != 9000 {
		t.Error("MTU")
	}
	if n.MAC()[0]&3 != 2 {
		t.Errorf("address %x", n.MAC())
	}
}

func TestTAPFrames(t *testing.T) {
	newTAPs(t)
	outside, inside := mustOpen(t, "outside"), mustOpen(t, "inside")
	p, err := NewPoller(outside, inside)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	buf := make([]byte, 2000)
	if ready, err := p.Wait(time.Now().Add(20 * time.Millisecond)); ready != 0 || err != nil {
		t.Fatalf("at rest: %b, %v", ready, err)
	}
	if _, ok, err := inside.TryReadFrame(buf); ok || err != nil {
		t.Fatalf("no frame: %t, %v", ok, err)
	}
	frame := bytes.Repeat([]byte{2}, 60)
	done := make(chan error)
	go func() { // wakes Wait after it has parked
		time.Sleep(30 * time.Millisecond)
		done <- inside.WriteFrame(frame) // the host drops it
	}()
	send(t, "tap1", frame)
	for range 2 { // it stays ready until it has been read
		if ready, err := p.Wait(time.Time{}); ready != 2 || err != nil {
			t.Fatalf("ready %b, %v", ready, err)
		}
	}
	if n, ok, err := inside.TryReadFrame(buf); !ok || err != nil || !bytes.Equal(buf[:n], frame) {
		t.Fatalf("frame %x, %t, %v", buf[:n], ok, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	send(t, "tap0", frame)
	if n, err := outside.ReadFrame(buf[:20]); n != 20 || err != nil {
		t.Errorf("cut off: %d, %v", n, err)
	}
	if allocs := testing.AllocsPerRun(20, func() { p.Wait(time.Unix(1, 0)) }); allocs > 1 { // the error of the deadline
		t.Errorf("Wait allocates %v times", allocs)
	}
	if err := outside.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := outside.ReadFrame(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
	time.AfterFunc(20*time.Millisecond, func() { inside.Close() })
	if _, err := inside.ReadFrame(buf); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// A frame that wakes a parked Wait.
func TestTAPWake(t *testing.T) {
	newTAPs(t)
	outside := mustOpen(t, "outside")
	p, err := NewPoller(outside)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	woken := make(chan uint64)
	buf := make([]byte, 2000)
	// A TAP drops what it is given until the kernel has noticed its carrier.
	for arrived := false; !arrived; {
		send(t, "tap0", make([]byte, 60))
		if err := outside.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, err := outside.ReadFrame(buf)
		arrived = err == nil && n == 60 && bytes.Equal(buf[:n], make([]byte, 60))
	}
	if err := outside.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	for ok := true; ok; {
		if _, ok, err = outside.TryReadFrame(buf); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		go func() {
			ready, err := p.Wait(time.Now().Add(10 * time.Second))
			if err != nil {
				ready = 0
			}
			woken <- ready
		}()
		time.Sleep(time.Millisecond)
		send(t, "tap0", make([]byte, 60))
		if ready := <-woken; ready != 1 {
			t.Fatalf("ready %b", ready)
		}
		for ok := true; ok; {
			if _, ok, err = outside.TryReadFrame(buf); err != nil {
				t.Fatal(err)
			}
		}
	}
}
