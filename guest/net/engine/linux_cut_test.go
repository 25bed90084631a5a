package engine

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"tender/guest/net/nettest"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// bridge puts a station's TAP into a bridge with another, which has no offloads
// and whose descriptor it returns.
func (s *station) bridge() (tap int, err error) {
	s.do(func() {
		if tap, err = openTap("tap1", false); err != nil {
			return
		}
		b := &netlink.Bridge{LinkAttrs: netlink.NewLinkAttrs()}
		b.Name = "bridge0"
		if err = netlink.LinkAdd(b); err != nil {
			return
		}
		for _, name := range []string{"tap0", "tap1"} {
			link, e := netlink.LinkByName(name)
			if e == nil {
				e = errors.Join(netlink.LinkSetMaster(link, b), netlink.LinkSetUp(link))
			}
			err = errors.Join(err, e)
		}
		err = errors.Join(err, netlink.LinkSetUp(b))
	})
	return tap, err
}

// TestLinuxCutsAlike has Linux cut large segments, with tags and without, and
// compares what comes out with what nettest.Cut says, to which
// TestOffloadProperty holds the engine. So a TAP takes tags before large
// segments, too.
func TestLinuxCutsAlike(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make network namespaces and TAPs")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skipf("needs TAPs: %v", err)
	}
	s := newStation(t, client.mac, 1500, true, "10.0.0.1/24", "10.0.0.2")
	tap, err := s.bridge()
	if errors.Is(err, unix.EOPNOTSUPP) {
		t.Skipf("needs bridges: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(tap)
	from := &tapPort{t: t, fd: s.tap, offloads: true, tags: true}
	to := &tapPort{t: t, fd: tap}
	next := func(deadline time.Time) []byte {
		for time.Now().Before(deadline) {
			unix.Poll([]unix.PollFd{{Fd: int32(tap), Events: unix.POLLIN}}, 20)
			if frame, _, err := to.next(); err == nil && wire.Ethernet(frame).Dst() == insideMAC {
				return frame
			}
		}
		return nil
	}
	rng := rand.New(rand.NewPCG(4, 4))
	for i := range 200 {
		g := nettest.Segment{SrcPort: 5, DstPort: 6, Seq: rng.Uint32(), Ack: 7, Window: 8, Flags: wire.TCPAck, Data: make([]byte, 1+rng.IntN(60000))}
		for n := range g.Data {
			g.Data[n] = byte(rng.Uint32())
		}
		for _, flag := range []uint8{wire.TCPFin, wire.TCPPsh, wire.TCPEce, wire.TCPCwr} {
			if rng.IntN(2) == 0 {
				g.Flags |= flag
			}
		}
		var frame []byte
		if rng.IntN(2) == 0 {
			frame = nettest.TCP6(server.ether(), to6(server6, client6), g)
		} else {
			if rng.IntN(2) == 0 {
				g.Options = []byte{1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}
			}
			frame = nettest.TCP(server.ether(), nettest.IP{Src: server.ip, Dst: client.ip, ID: uint16(rng.Uint32()), DF: rng.IntN(2) == 0}, g)
		}
		if rng.IntN(2) == 0 {
			frame = nettest.Tag(frame, 10)
		}
		segment := 200 + rng.IntN(1200)
		if len(g.Data) <= segment {
			segment = 0
		}
		want := nettest.Cut(frame, segment)
		start, offset := nettest.Partial(frame)
		o := packet.Offload{ChecksumStart: start, ChecksumOffset: offset, Segment: segment}
		if err := from.WriteOffload(frame, o); err != nil {
			t.Fatal(err)
		}
		for j, w := range want {
			got := next(time.Now().Add(2 * time.Second))
			if !bytes.Equal(got, w) {
				t.Fatalf("%d: frame %d of %d is\n% x, want\n% x", i, j, len(want), got, w)
			}
		}
	}
}
