package e2e

import (
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/guest/net/nettest"
	"tender/guest/net/wire"
	"tender/tests/rig"
	"tender/tests/rig/suite"
)

// inherit opens a TAP in a namespace and gives its descriptor to the tender
// as number 3.
func (l *lab) inherit(ns *rig.Namespace, tap string) {
	l.t.Helper()
	f, err := ns.OpenTAP(tap)
	l.must(err)
	l.tender.ExtraFiles = []*os.File{f}
	l.t.Cleanup(func() { f.Close() })
}

// TestInherited gives the outer TAP to the tender as an open descriptor.
func TestInherited(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "ping")
	n := newNetwork(t)
	l := prepareLab(t, n, []string{"--net:outside=@3", "--net:inside=" + n.InsideTAP}, "--allow=icmp,type=echo-request")
	l.inherit(n.Outside, n.OutsideTAP)
	l.start()
	l.ping(l.Outside, rig.InsideHost)
	l.ping(l.Outside, rig.OutsideRouter)
	l.accounts()
}

// TestInheritedSocket has no host outside at all, but this test on a pair of
// sockets: frames of every length reach the firewall as they are.
func TestInheritedSocket(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	l := prepareLab(t, n, []string{"--net:outside=@3", "--net:inside=" + n.InsideTAP}, "--allow=any", "--exit-after=3s")
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	l.must(err)
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	defer ours.Close()
	l.tender.ExtraFiles = []*os.File{theirs}
	l.must(l.tender.Start())
	theirs.Close()
	l.must(l.console.Await(l.ctx, "firewall: ready "))
	e := nettest.Ether{Dst: l.mac("outside"), Src: wire.MAC{2, 0, 0, 0, 0, 1}}
	want := map[string]int{}
	for size := 1; size <= 1600; size++ {
		frame := make([]byte, size)
		if size >= wire.EthernetLen {
			wire.Ethernet(frame).SetHeader(e.Dst, e.Src, wire.TypeIPv4)
		}
		switch {
		case size < wire.EthernetLen:
			want["drop_frame_short"]++
		case size > wire.EthernetLen+1500:
			want["drop_frame_long"]++
		default:
			want["drop_ip_header"]++
		}
		_, err := ours.Write(frame)
		l.must(err)
	}
	if status := l.ended(20 * time.Second); status.ExitStatus() != 0 {
		t.Errorf("the tender ended with status %d", status.ExitStatus())
	}
	c, _ := l.console.Counters("outside")
	for fate, n := range want {
		if c[fate] != n {
			t.Errorf("%s=%d, want %d", fate, c[fate], n)
		}
	}
	if c["rx"] != 1600 || fates(c) != 1600 {
		t.Errorf("the counters: %s", changes(nil, c))
	}
	_, err = io.Copy(io.Discard, ours) // its announcement, and the end
	l.must(err)
}

// TestTwoFirewalls runs two at once, with the same addresses in two networks.
func TestTwoFirewalls(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "ncat", "ss")
	first, second := newLab(t, "--allow=tcp,in=outside,dport=7000"), newLab(t, "--allow=tcp,in=outside,dport=7001")
	done := make(chan bool)
	go func() {
		defer close(done)
		first.transfer(first.Outside, first.Inside, rig.InsideHost, "7000", data(6, 3<<20))
	}()
	second.transfer(second.Outside, second.Inside, rig.InsideHost, "7001", data(7, 3<<20))
	<-done
	for _, l := range []*lab{first, second} {
		if c := l.counters("flows"); c["begun"] != 1 {
			t.Errorf("the flow counters: %s, want one begun", changes(nil, c))
		}
		l.accounts()
	}
	first.client(first.Outside, []string{"TIMEOUT"}, "ncat", "--recv-only", "-w", "1", rig.InsideHost, "7001")
}

// TestDownAndUp takes a TAP down and up again while the firewall forwards.
func TestDownAndUp(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "ping")
	l := newLab(t, "--allow=icmp,type=echo-request")
	for range 2 {
		l.ping(l.Outside, rig.InsideHost)
		l.must(l.Inside.IP("link", "set", l.InsideTAP, "down"))
		l.noPing(l.Outside, rig.InsideHost)
		l.ping(l.Outside, rig.OutsideRouter) // the other side is as it was
		l.must(l.Inside.IP("link", "set", l.InsideTAP, "up"))
		l.must(l.Inside.IP("route", "replace", "default", "via", rig.InsideRouter))
	}
	l.ping(l.Inside, rig.OutsideHost)
	l.must(l.Outside.IP("link", "set", l.OutsideTAP, "down"))
	l.ping(l.Inside, rig.InsideRouter)
	l.must(l.Outside.IP("link", "set", l.OutsideTAP, "up"))
	l.ping(l.Outside, rig.OutsideRouter)
}

// TestVanished removes a TAP while the firewall runs: the guest is told, and
// ends.
func TestVanished(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.must(l.Inside.IP("link", "del", l.InsideTAP))
	if status := l.ended(10 * time.Second); status.ExitStatus() != 1 {
		t.Errorf("the tender ended with status %d, want 1:\n%s", status.ExitStatus(), l.console.Tail())
	}
}
