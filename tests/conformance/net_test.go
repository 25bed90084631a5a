package conformance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"tender/abi"
)

// newNetwork moves the test into a network namespace of its own, where IPv6
// sends nothing by itself. It ends with the test's thread. Processes that the
// test starts are in it too.
func newNetwork(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: network namespaces and TAPs")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skipf("needs TAPs: %v", err)
	}
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	check(t, unix.Unshare(unix.CLONE_NEWNET))
	for _, iface := range []string{"all", "default"} {
		path := "/proc/sys/net/ipv6/conf/" + iface + "/disable_ipv6"
		if err := os.WriteFile(path, []byte("1"), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// wire sends frames to a guest as the host's side of a TAP, and sees the
// frames that the guest sends.
type wire struct {
	fd int
	to unix.SockaddrLinklayer
}

// addTAP makes a TAP that is up, and its wire.
func addTAP(t testing.TB, name string, mtu int) *wire {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	check(t, netlink.LinkAdd(&netlink.Tuntap{LinkAttrs: attrs, Mode: netlink.TUNTAP_MODE_TAP}))
	link, err := netlink.LinkByName(name)
	check(t, err)
	check(t, netlink.LinkSetMTU(link, mtu))
	check(t, netlink.LinkSetUp(link))

	const every = unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8 // in network order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, every)
	check(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	w := &wire{fd, unix.SockaddrLinklayer{Protocol: every, Ifindex: link.Attrs().Index}}
	check(t, unix.Bind(fd, &w.to))
	limit := unix.NsecToTimeval(int64(timeLimit / 2))
	check(t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit))
	return w
}

func (w *wire) send(frame []byte) error { return unix.Sendto(w.fd, frame, 0, &w.to) }

// receive waits for the next frame of the guest.
func (w *wire) receive(buf []byte) ([]byte, error) {
	for {
		n, from, err := unix.Recvfrom(w.fd, buf, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("no frame from the guest: %w", err)
		}
		if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Pkttype != unix.PACKET_OUTGOING {
			return buf[:n], nil
		}
	}
}

// tender is a command that runs beside the test.
type tender struct {
	cmd           *exec.Cmd
	out, messages bytes.Buffer
	lines         *bufio.Reader // of its output as it comes
}

func start(t testing.TB, args ...string) *tender {
	t.Helper()
	path, err := tenderPath()
	check(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
	p := &tender{cmd: exec.CommandContext(ctx, path, args...)}
	p.cmd.Stderr = &p.messages
	out, err := p.cmd.StdoutPipe()
	check(t, err)
	p.lines = bufio.NewReader(out)
	check(t, p.cmd.Start())
	t.Cleanup(func() {
		cancel()
		if p.cmd.ProcessState == nil {
			p.cmd.Wait()
		}
	})
	return p
}

// line waits for a line of output.
func (p *tender) line(t testing.TB) string {
	t.Helper()
	line, err := p.lines.ReadString('\n')
	if err != nil {
		status := shellStatus(t, p.cmd, p.cmd.Wait())
		t.Fatalf("the tender ended: %v, status %d, stdout %q, stderr %q", err, status, line, p.messages.String())
	}
	return line
}

// finish waits for the end.
func (p *tender) finish(t testing.TB) outcome {
	t.Helper()
	rest, err := p.lines.ReadString(0)
	if err == nil {
		t.Error("the guest printed a NUL")
	}
	return outcome{shellStatus(t, p.cmd, p.cmd.Wait()), rest, withoutNotice(p.messages.String())}
}

// Two devices in one set of yield: each with its handle, address and MTU.
func TestNetworkDevices(t *testing.T) {
	onEach(t, func(t *testing.T, target string) {
		newNetwork(t)
		first, second := addTAP(t, "tap0", 1500), addTAP(t, "tap1", 9000)
		p := start(t, "--mem=4", "--net:service1=tap1", "--net-mac:service1=02:00:00:00:00:09",
			"--net-mac:service0=02:00:00:00:00:01", "--net:service0=tap0", guest(t, "nics", target))
		for _, want := range []string{"mac 2 0 0 0 0 1 mtu 1500\n", "mac 2 0 0 0 0 9 mtu 9000\n"} {
			if got := p.line(t); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
		frame := make([]byte, 60)
		check(t, second.send(frame))
		if got := p.line(t); got != "ready 4\n" {
			t.Errorf("%q with a frame for the second", got)
		}
		check(t, first.send(frame))
		if got := p.line(t); got != "ready 6\n" {
			t.Errorf("%q with a frame for each", got)
		}
		end{}.compare(t, p.finish(t))
	})
}

// An address that nobody gave is unicast, local, and another one every time.
func TestRandomAddress(t *testing.T) {
	onEach(t, func(t *testing.T, target string) {
		newNetwork(t)
		one, two := addTAP(t, "tap0", 1500), addTAP(t, "tap1", 68)
		p := start(t, "--mem=4", "--net:service0=tap0", "--net:service1=tap1", guest(t, "nics", target))
		seen := map[string]bool{}
		for _, mtu := range []int{1500, 68} {
			line := p.line(t)
			var mac [6]byte
			var got int
			_, err := fmt.Sscanf(line, "mac %d %d %d %d %d %d mtu %d", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5], &got)
			if err != nil || mac[0]&3 != 2 || seen[string(mac[:])] || got != mtu {
				t.Errorf("%q", line)
			}
			seen[string(mac[:])] = true
		}
		for _, w := range []*wire{one, two} {
			check(t, w.send(make([]byte, 60)))
		}
		for line := ""; line != "ready 6\n"; { // one or both at first
			line = p.line(t)
		}
		end{}.compare(t, p.finish(t))
	})
}

// Frames of every size come back whole and in order, on two devices at once.
func TestEcho(t *testing.T) {
	const mtu, rounds, window, kind = 9000, 200, 8, 0x88b5 // a type for experiments
	onEach(t, func(t *testing.T, target string) {
		newNetwork(t)
		wires := []*wire{addTAP(t, "tap0", mtu), addTAP(t, "tap1", mtu)}
		p := start(t, "--mem=4", "--net:service0=tap0", "--net:service1=tap1", guest(t, "echo", target))
		if got := p.line(t); got != "READY\n" {
			t.Fatalf("%q", got)
		}
		begun := time.Now()
		results := make(chan error)
		for i, w := range wires {
			go func() { results <- echo(w, byte(i), mtu, rounds, window, kind) }()
		}
		for range wires {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		t.Logf("%d frames there and back in %v", len(wires)*rounds*window, time.Since(begun))
		check(t, wires[1].send(make([]byte, abi.EtherHeaderSize)))
		success.compare(t, p.finish(t))
	})
}

// echo sends windows of frames and checks what comes back.
func echo(w *wire, id byte, mtu, rounds, window int, kind uint16) error {
	buf := make([]byte, mtu+abi.EtherHeaderSize)
	for round := range rounds {
		frames := make([][]byte, window)
		for i := range frames {
			number := round*window + i
			size := abi.EtherHeaderSize + 1 + number*(mtu-1)/(rounds*window-1)
			f := make([]byte, size)
			copy(f, []byte{2, 1, 1, 1, 1, id, 2, 2, 2, 2, 2, id})
			binary.BigEndian.PutUint16(f[12:], kind)
			for j := range f[14:] {
				f[14+j] = byte(number + j*7 + int(id))
			}
			frames[i] = f
			if err := w.send(f); err != nil {
				return fmt.Errorf("frame %d of %d bytes: %w", number, size, err)
			}
		}
		for i, f := range frames {
			got, err := w.receive(buf)
			if err != nil {
				return err
			}
			want := bytes.Clone(f)
			copy(want, f[6:12])
			copy(want[6:], f[:6])
			if !bytes.Equal(got, want) {
				return fmt.Errorf("frame %d of %d bytes came back as %d bytes that differ", round*window+i, len(f), len(got))
			}
		}
	}
	return nil
}

// Calls without a frame and of handles that are none. Source: solo5-abi 2.5.
func TestNetCalls(t *testing.T) {
	need(t, "hvt")
	newNetwork(t)
	addTAP(t, "tap0", 1500)
	disk := file(t, "disk", make([]byte, 512))
	got := run(t, "--mem=4", "--net:service0=tap0", "--block:storage="+disk, guest(t, "netcalls", "hvt"))
	end{out: "1 2 1 2 2 "}.compare(t, got)
}

// A tender may offer the ring, which then is behind the memory that the guest
// is told of, and takes from the largest.
func TestRingOffer(t *testing.T) {
	need(t, "hvt")
	newNetwork(t)
	addTAP(t, "tap0", 1500)
	const mib = 1 << 20
	for _, size := range []uint64{4, 512, 4096} {
		got := run(t, fmt.Sprintf("--mem=%d", size), "--net:service0=tap0", guest(t, "ring", "hvt"))
		var mem, features, ring uint64
		_, err := fmt.Sscan(got.out, &mem, &features, &ring)
		offered := features&abi.HostRingIO != 0
		want, at := size*mib, uint64(0)
		if offered {
			want, at = min(want, abi.HVTMaxMem-2*mib), min(want, abi.HVTMaxMem-2*mib)
		}
		if err != nil || got.status != 0 || mem != want || ring != at {
			t.Errorf("--mem=%d: %+v, want memory %d, ring at %d", size, got, want, at)
		}
	}
}

// Network devices that a tender refuses before the guest starts.
func TestBadNetworks(t *testing.T) {
	onEach(t, func(t *testing.T, target string) {
		newNetwork(t)
		addTAP(t, "tap0", 1500)
		image, both := guest(t, "nics", target), []string{"--net:service0=tap0", "--net:service1=tap1"}
		for _, c := range []struct {
			what string
			args []string
			says string
		}{
			{"none", nil, "not attached"},
			{"one of two", both[:1], "service1"},
			{"interface that is not there", both, "tap1"},
			{"not declared", append(both[:1:1], "--net:service2=tap0"), "service2"},
			{"of the other type", append(both[:1:1], "--block:service1="+file(t, "disk", make([]byte, 512))), "service1"},
			{"not a TAP", []string{"--net:service0=lo", both[1]}, "lo"},
			{"address that is none", append(both[:1:1], "--net-mac:service0=02:00"), "02:00"},
			{"name too long", []string{"--net:service0=" + strings.Repeat("x", 16), both[1]}, "15"},
			{"descriptor that is not open", []string{"--net:service0=@99", both[1]}, "@99"},
		} {
			got := run(t, append(append([]string{"--mem=4"}, c.args...), image)...)
			if got.err == "" {
				t.Errorf("%s: nothing is said", c.what)
			}
			t.Run(c.what, func(t *testing.T) { refused(c.says).compare(t, got) })
		}
	})
}
