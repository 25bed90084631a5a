package datapath

import (
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tender/guest/net/nettest"
	"tender/guest/net/wire"
)

// stream is datagrams from one station to another, of many flows, numbered in
// each, of random sizes and contents, and with a checksum over all of it.
type stream struct {
	t        testing.TB
	number   uint16
	from, to *station
	ports    func(flow uint16) (from, to uint16)

	sending sync.Mutex
	random  *rand.Rand
	most    int // bytes of a payload
	made    uint32
	sent    atomic.Int64

	// last is the number of the datagram that came last, and one more.
	last [flows]uint32
	came atomic.Int64
	// arrived is told of datagrams that come.
	arrived chan struct{}
	// excused are datagrams that nobody waits for any more.
	excused int64
}

const (
	// flows is how many there are in a stream: they take turns.
	flows = 50
	// headBytes are the stream's number, the flow's, the datagram's number in
	// it, and the checksum.
	headBytes = 12
	// payloadAt is where a datagram's payload is in its frame.
	payloadAt = wire.EthernetLen + wire.IPv4MinLen + wire.UDPLen
)

// asking has each flow begin at its sender; answering are their answers.
func asking(flow uint16) (from, to uint16)    { return 20000 + flow, 1000 + flow }
func answering(flow uint16) (from, to uint16) { return 1000 + flow, 20000 + flow }

// newStream makes a stream between the stations of two devices.
func newStream(l *lab, from, to string, ports func(flow uint16) (from, to uint16)) *stream {
	s := &stream{t: l.t, from: l.stations[from], to: l.stations[to], ports: ports, most: dataOf(1500), arrived: make(chan struct{}, 1)}
	s.to.mu.Lock()
	defer s.to.mu.Unlock()
	s.number = uint16(len(s.to.streams) + 1)
	s.to.streams[s.number] = s
	s.random = rand.New(rand.NewPCG(uint64(s.number), uint64(s.to.ip)))
	return s
}

// dataOf is the most that a datagram carries where the MTU is this.
func dataOf(mtu int) int { return mtu - wire.IPv4MinLen - wire.UDPLen }

// streamOf is the number of the stream that a frame claims to be of.
func streamOf(frame []byte) (number uint16, ok bool) {
	if len(frame) < payloadAt+headBytes {
		return 0, false
	}
	return binary.BigEndian.Uint16(frame[payloadAt:]), true
}

// frame is the next datagram, with a payload of n bytes.
func (s *stream) frame(n int) []byte {
	flow := uint16(s.made % flows)
	data := make([]byte, n, n+8)
	for i := headBytes; i < n; i += 8 {
		binary.NativeEndian.PutUint64(data[i:i+8:cap(data)], s.random.Uint64())
	}
	binary.BigEndian.PutUint16(data, s.number)
	binary.BigEndian.PutUint16(data[2:], flow)
	binary.BigEndian.PutUint32(data[4:], s.made/flows)
	binary.BigEndian.PutUint32(data[8:], checksum(data))
	s.made++
	from, to := s.ports(flow)
	return nettest.UDP(nettest.Ether{Dst: *s.from.guest.Load(), Src: s.from.mac}, nettest.IP{Src: s.from.ip, Dst: s.to.ip}, from, to, data)
}

// checksum is over all of a payload but the checksum.
func checksum(data []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(data[:8]), crc32.IEEETable, data[headBytes:])
}

// burst sends datagrams of any size as fast as it can.
func (s *stream) burst(count int) {
	s.sending.Lock()
	defer s.sending.Unlock()
	frames := make([][]byte, count)
	for i := range frames {
		frames[i] = s.frame(headBytes + s.random.IntN(s.most-headBytes+1))
	}
	s.send(frames...)
}

// sized sends datagrams with a payload of n bytes.
func (s *stream) sized(count, n int) {
	s.sending.Lock()
	defer s.sending.Unlock()
	for range count {
		s.send(s.frame(n))
	}
}

func (s *stream) send(frames ...[]byte) {
	for _, f := range frames {
		if s.from.send(f) {
			s.sent.Add(1)
		}
	}
}

// window is how many datagrams may be on their way, so that no queue is full.
const window = 100

// pace sends while a condition holds, not faster than datagrams arrive. Those that
// do not within some time are lost; audit says where.
func (s *stream) pace(condition func() bool) {
	for condition() {
		for patience := time.Now().Add(50 * time.Millisecond); s.away() > window; time.Sleep(50 * time.Microsecond) {
			if time.Now().After(patience) {
				s.excused += s.away()
			}
		}
		s.burst(1)
	}
}

// paced is pace for so many.
func (s *stream) paced(count int64) {
	end := s.sent.Load() + count
	s.pace(func() bool { return s.sent.Load() < end })
}

// away is how many datagrams are on their way.
func (s *stream) away() int64 {
	away := s.sent.Load() - s.came.Load() - s.excused
	if away < 0 { // they came, but late
		s.excused += away
		return 0
	}
	return away
}

// passes waits until a datagram arrives that is sent from now on.
func (s *stream) passes(limit time.Duration) {
	s.t.Helper()
	start := time.Now()
	for came := s.came.Load(); s.came.Load() == came; time.Sleep(5 * time.Millisecond) {
		s.burst(1)
		if time.Since(start) > limit {
			s.t.Fatalf("%s > %s: nothing passes within %v", s.from.device, s.to.device, limit)
		}
	}
}

// receive checks a frame that is of this stream.
func (s *stream) receive(frame []byte) {
	if err := nettest.CheckFrame(frame); err != nil {
		s.t.Errorf("%s > %s: a frame is wrong: %v", s.from.device, s.to.device, err)
		return
	}
	e, ip, data := wire.Ethernet(frame), wire.IPv4(frame[wire.EthernetLen:]), frame[payloadAt:]
	flow, number := binary.BigEndian.Uint16(data[2:]), binary.BigEndian.Uint32(data[4:])
	if checksum(data) != binary.BigEndian.Uint32(data[8:]) || flow >= flows {
		s.t.Errorf("%s > %s: a datagram of %d bytes is altered: % x", s.from.device, s.to.device, len(data), data[:headBytes])
		return
	}
	from, to := s.ports(flow)
	ether, ttl := nettest.Ether{Src: *s.to.guest.Load(), Dst: s.to.mac}, uint8(63)
	if s.to.l.guest.relays {
		ether, ttl = nettest.Ether{Src: s.from.mac, Dst: *s.from.guest.Load()}, 64
	}
	udp := wire.UDP(ip.Payload())
	if ip.Src() != s.from.ip || ip.Dst() != s.to.ip || udp.SrcPort() != from || udp.DstPort() != to || ip.Protocol() != wire.ProtoUDP ||
		ip.TTL() != ttl || e.Src() != ether.Src || e.Dst() != ether.Dst {
		s.t.Errorf("%s > %s: a datagram of flow %d has altered headers: % x", s.from.device, s.to.device, flow, frame[:payloadAt])
		return
	}
	if number < s.last[flow] {
		s.t.Errorf("%s > %s: datagram %d of flow %d came after %d", s.from.device, s.to.device, number, flow, s.last[flow]-1)
		return
	}
	s.last[flow] = number + 1
	s.came.Add(1)
	select {
	case s.arrived <- struct{}{}:
	default:
	}
}
