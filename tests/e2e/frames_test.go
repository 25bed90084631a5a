package e2e

import (
	"encoding/binary"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/guest/net/nettest"
	"tender/guest/net/wire"
	"tender/tests/rig"
)

// station is one end of the firewall's cable, as a packet socket on the
// host's TAP: what is sent here, the firewall receives.
type station struct {
	l       *lab
	ns      *rig.Namespace
	tap     string
	fd      int
	ether   nettest.Ether // to the firewall
	sent    int
	taken   int  // how many frames the firewall had taken before
	lossy   bool // the TAP may drop frames, and not all that it takes are from here
	buffer  []byte
	address unix.SockaddrLinklayer
}

// stations are both ends.
func (l *lab) stations() (outside, inside *station) {
	l.t.Helper()
	return l.station(l.Outside, l.OutsideTAP, "outside"), l.station(l.Inside, l.InsideTAP, "inside")
}

func (l *lab) station(ns *rig.Namespace, tap, iface string) *station {
	l.t.Helper()
	s := &station{l: l, ns: ns, tap: tap, fd: -1, buffer: make([]byte, 1<<16)}
	s.ether = nettest.Ether{Dst: l.mac(iface), Src: l.tapMAC(ns, tap)}
	l.must(ns.Do(func() error {
		device, err := net.InterfaceByName(tap)
		if err != nil {
			return err
		}
		all := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
		s.address = unix.SockaddrLinklayer{Protocol: all, Ifindex: device.Index}
		if s.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all)); err != nil {
			return err
		}
		return unix.Bind(s.fd, &s.address)
	}))
	l.t.Cleanup(func() { unix.Close(s.fd) })
	link, err := ns.Link(tap)
	l.must(err)
	s.taken = link.TxFrames
	return s
}

// unread is how many frames may wait for the firewall: less than a TAP's queue.
const unread = 300

// send gives frames to the firewall, not faster than it takes them.
func (s *station) send(frames ...[]byte) {
	s.l.t.Helper()
	for _, frame := range frames {
		if err := unix.Sendto(s.fd, frame, 0, &s.address); err != nil {
			s.l.t.Fatalf("sending %d bytes on %s: %v", len(frame), s.tap, err)
		}
		if s.sent++; s.sent%unread == 0 {
			s.flush()
		}
	}
}

// flush waits until the firewall has taken all that was sent here.
func (s *station) flush() {
	s.l.t.Helper()
	s.l.eventually(30*time.Second, "the firewall takes its frames", func() bool {
		link, err := s.ns.Link(s.tap)
		s.l.must(err)
		if link.TxDropped != 0 && !s.lossy {
			s.l.t.Fatalf("%s dropped %d frames", s.tap, link.TxDropped)
		}
		return link.TxFrames+link.TxDropped >= s.taken+s.sent
	})
}

// receive returns the next frame from the firewall that matches, or nil if none
// comes within the limit.
func (s *station) receive(limit time.Duration, matches func(frame []byte) bool) []byte {
	s.l.t.Helper()
	for deadline := time.Now().Add(limit); ; {
		left := time.Until(deadline)
		if left <= 0 {
			return nil
		}
		tv := unix.NsecToTimeval(int64(max(left, time.Millisecond)))
		s.l.must(unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
		n, from, err := unix.Recvfrom(s.fd, s.buffer, 0)
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		s.l.must(err)
		if from.(*unix.SockaddrLinklayer).Pkttype == unix.PACKET_OUTGOING || n < wire.EthernetLen {
			continue
		}
		if frame := s.buffer[:n]; matches(frame) {
			return append([]byte(nil), frame...)
		}
	}
}

// datagram returns the IPv4 header and payload of a frame with a datagram
// from src to dst, of a protocol.
func datagram(frame []byte, proto uint8, src, dst string) (wire.IPv4, bool) {
	if wire.Ethernet(frame).Type() != wire.TypeIPv4 {
		return nil, false
	}
	ip, err := wire.ParseIPv4(frame[wire.EthernetLen:])
	ok := err == nil && ip.Protocol() == proto && ip.Src() == nettest.Addr(src) && ip.Dst() == nettest.Addr(dst)
	return ip, ok
}

func parseMAC(t testing.TB, text string) wire.MAC {
	t.Helper()
	m, err := net.ParseMAC(text)
	if err != nil || len(m) != 6 {
		t.Fatalf("%q is no Ethernet address: %v", text, err)
	}
	return wire.MAC(m)
}

// toInside and toOutside are between the two hosts.
var (
	toInside  = nettest.IP{Src: nettest.Addr(rig.OutsideHost), Dst: nettest.Addr(rig.InsideHost)}
	toOutside = nettest.IP{Src: toInside.Dst, Dst: toInside.Src}
)
