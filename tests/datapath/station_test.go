package datapath

import (
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"tender/guest/net/nettest"
	"tender/guest/net/wire"
)

// station is the host at a TAP: a socket for what it sends, and one for what
// comes from the guest. It answers when it is asked for its address, and has
// nothing to say but that and what a test has it send.
type station struct {
	l      *lab
	device string
	mac    wire.MAC
	ip     wire.Addr4
	out    int
	in     int
	// guest is the address of the guest at the device.
	guest atomic.Pointer[wire.MAC]
	// sent are frames that the host's kernel took, refused those it did not: its
	// own queue before that of the TAP was full, or the interface was down. What was
	// sent for ARP is also counted in arps.
	sent, refused, arps atomic.Uint64
	// came are frames of the guest, all of them; nonsense those of EtherType
	// 0x88b5.
	came, nonsense atomic.Uint64
	// unread are frames that came and were not read, as far as that is known.
	unread uint64
	mu     sync.Mutex
	// streams end here, by their numbers.
	streams map[uint16]*stream
	stop    atomic.Bool
	reading sync.WaitGroup
}

// receiveBytes is the room for frames that have come and are not read yet.
const receiveBytes = 64 << 20

// newStation opens a host at a device, with an address, until the test ends.
func newStation(l *lab, device, ip string) *station {
	l.t.Helper()
	s := &station{l: l, device: device, ip: nettest.Addr(ip), streams: map[uint16]*stream{}}
	must(l.t, l.hub.Do(func() error {
		link, err := net.InterfaceByName(device)
		if err != nil {
			return err
		}
		s.mac = wire.MAC(link.HardwareAddr)
		if s.out, err = openPacket(link.Index, 0); err != nil {
			return err
		}
		s.in, err = openPacket(link.Index, unix.ETH_P_ALL)
		return err
	}))
	must(l.t, unix.SetsockoptInt(s.in, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBytes))
	must(l.t, unix.SetsockoptTimeval(s.in, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 20_000}))
	s.reading.Go(s.read)
	l.t.Cleanup(s.close)
	return s
}

// openPacket opens a packet socket of an interface, which does not see what this
// host sends.
func openPacket(index int, protocol uint16) (fd int, err error) {
	network := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, protocol))
	if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		return fd, err
	}
	if err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: network, Ifindex: index})
	}
	if err != nil {
		unix.Close(fd)
	}
	return fd, err
}

func (s *station) close() {
	s.stop.Store(true)
	s.reading.Wait()
	unix.Close(s.in)
	unix.Close(s.out)
}

// send gives a frame to the host's interface. It reports whether that is to
// account for it: one that is down refuses frames.
func (s *station) send(frame []byte) bool {
	_, err := unix.Write(s.out, frame)
	switch err {
	case nil: // what a TAP's full queue drops is sent, and counted there
		s.sent.Add(1)
		return true
	case unix.ENOBUFS, unix.ENETDOWN, unix.ENXIO, unix.EMSGSIZE:
		s.refused.Add(1)
	default:
		s.l.t.Errorf("sending %d bytes on %s: %v", len(frame), s.device, err)
	}
	return false
}

// read takes what comes until close.
func (s *station) read() {
	buffer := make([]byte, 1<<16)
	for !s.stop.Load() {
		n, err := unix.Read(s.in, buffer)
		switch err {
		case nil:
		case unix.EAGAIN, unix.EINTR, unix.ENETDOWN:
			continue
		default:
			s.l.t.Errorf("receiving on %s: %v", s.device, err)
			return
		}
		s.came.Add(1)
		frame := buffer[:n]
		switch {
		case n < wire.EthernetLen:
			s.l.t.Errorf("%s: a frame of %d bytes", s.device, n)
		case wire.Ethernet(frame).Type() == wire.TypeARP:
			s.answer(frame)
		case wire.Ethernet(frame).Type() == 0x88b5:
			s.nonsense.Add(1)
		default:
			s.deliver(frame)
		}
	}
}

// answer answers a request for the station's address.
func (s *station) answer(frame []byte) {
	m, ok := wire.ParseARP(wire.Ethernet(frame).Payload())
	if ok && m.Op() == wire.ARPRequest && m.TargetIP() == s.ip && s.send(nettest.ARP(m.SenderMAC(), wire.ARPReply, s.mac, s.ip, m.SenderMAC(), m.SenderIP())) {
		s.arps.Add(1)
	}
}

// deliver hands a datagram to its stream.
func (s *station) deliver(frame []byte) {
	number, ok := streamOf(frame)
	s.mu.Lock()
	stream := s.streams[number]
	s.mu.Unlock()
	if !ok || stream == nil {
		s.l.t.Errorf("%s: a frame of %d bytes is none of those that were sent: % x", s.device, len(frame), frame[:min(len(frame), 96)])
		return
	}
	stream.receive(frame)
}

// lost is how many frames came and found no room to be read from.
func (s *station) lost() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats, err := unix.GetsockoptTpacketStats(s.in, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		s.l.t.Errorf("the counters of a packet socket: %v", err)
		return 0
	}
	s.unread += uint64(stats.Drops) // since the last time
	return s.unread
}
