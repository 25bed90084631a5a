package reliability

import (
	"math/rand/v2"
	"net"
	"regexp"

	"tender/guest/net/nettest"
	"tender/guest/net/wire"
)

// strangers is the network that the guest's client routes to nowhere.
const strangers = 0x0b000000 // 11.0.0.0/8

// station makes frames for the guest.
type station struct {
	*guest
	ether  nettest.Ether
	ip     nettest.IP  // from the client
	ip6    nettest.IP6 // from the client
	random *rand.Rand
}

var macLine = regexp.MustCompile(` mac ([0-9a-f:]{17}) `)

// station knows the guest's address from its first line.
func (g *guest) station() *station {
	g.t.Helper()
	m := macLine.FindStringSubmatch(g.console.String())
	if m == nil {
		g.t.Fatal("the guest did not print its Ethernet address")
	}
	mac, err := net.ParseMAC(m[1])
	must(g.t, err)
	return &station{
		guest: g, ether: nettest.Ether{Dst: wire.MAC(mac), Src: wire.MAC{2, 0, 0, 0, 0, 9}},
		ip:     nettest.IP{Src: nettest.Addr(clientIPv4), Dst: nettest.Addr(guestIPv4)},
		ip6:    nettest.IP6{Src: nettest.Addr6(clientIPv6), Dst: nettest.Addr6(guestIPv6)},
		random: rand.New(rand.NewPCG(*seed, 3)),
	}
}

// send gives the guest a frame.
func (s *station) send(frame []byte) {
	s.t.Helper()
	if err := s.relay.inject(frame); err != nil {
		s.t.Fatalf("sending %d bytes: %v", len(frame), err)
	}
}

// syn is the first segment of a connection from anywhere.
func (s *station) syn(port uint16) []byte {
	ip := s.ip
	ip.Src = wire.Addr4(strangers | s.random.Uint32N(1<<24))
	return nettest.TCP(s.ether, ip, nettest.Segment{
		SrcPort: uint16(s.random.Uint32() | 1), DstPort: port, Seq: s.random.Uint32(), Flags: wire.TCPSyn, Window: 1000,
	})
}

// fragment is the first piece of a datagram whose others never come. Pieces of
// IPv6 datagrams are kept for a minute, which only the long form waits for.
func (s *station) fragment() []byte {
	payload := s.bytes(1024)
	if *long && s.random.IntN(2) == 0 {
		return nettest.Fragment6(s.ether, s.ip6, wire.ProtoUDP, payload, 0, true, s.random.Uint32())
	}
	ip := s.ip
	ip.ID = uint16(s.random.Uint32())
	return nettest.Fragment(s.ether, ip, wire.ProtoUDP, payload, 0, true)
}

func (s *station) bytes(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(s.random.Uint32())
	}
	return p
}

// nonsense is a frame of any protocol, right in everything, cut off, with bits
// turned over, or with random bytes from some point on.
func (s *station) nonsense() []byte {
	frame := s.anything()
	switch s.random.IntN(5) {
	case 0:
		return frame[:1+s.random.IntN(len(frame))]
	case 1:
		tail := frame[s.random.IntN(len(frame)):]
		copy(tail, s.bytes(len(tail)))
	case 2:
		for range 1 + s.random.IntN(4) {
			frame[s.random.IntN(len(frame))] ^= 1 << s.random.IntN(8)
		}
	}
	return frame
}

// anything is a frame with right lengths and checksums.
func (s *station) anything() []byte {
	r, e := s.random, s.ether
	payload := s.bytes(r.IntN(300))
	ip, ip6 := s.ip, s.ip6
	if r.IntN(4) == 0 {
		ip.Src, ip6.Src = wire.Addr4(r.Uint32()), wire.Addr{Hi: r.Uint64(), Lo: r.Uint64()}
	}
	if r.IntN(10) == 0 {
		ip.Dst, ip6.Dst = wire.Addr4(r.Uint32()), wire.Addr{Hi: r.Uint64(), Lo: r.Uint64()}
	}
	word := func() uint16 { return uint16(r.Uint32()) }
	port := [...]uint16{80, 443, 68, 546, word()}[r.IntN(5)]
	segment := nettest.Segment{
		SrcPort: word(), DstPort: port, Seq: r.Uint32(), Ack: r.Uint32(), Flags: uint8(r.Uint32()), Window: word(), Data: payload,
	}
	switch r.IntN(14) {
	case 0:
		return nettest.UDP(e, ip, word(), port, payload)
	case 1:
		segment.Options = s.bytes(4 * r.IntN(11))
		return nettest.TCP(e, ip, segment)
	case 2:
		return nettest.ICMP(e, ip, uint8(r.IntN(20)), uint8(r.IntN(6)), r.Uint32(), payload)
	case 3:
		// What an error message quotes is a datagram of ours.
		quoted := nettest.IP{Src: s.ip.Dst, Dst: s.ip.Src}
		return nettest.ICMP(e, ip, wire.ICMPUnreachable, uint8(r.IntN(6)), r.Uint32N(2000),
			nettest.TCP(e, quoted, nettest.Segment{SrcPort: 80, DstPort: word()})[wire.EthernetLen:])
	case 4:
		return nettest.Fragment(e, ip, wire.ProtoUDP, payload, r.IntN(100)*8, r.IntN(2) == 0)
	case 5:
		// Nobody has the addresses of the upper half: a mistake about the
		// client's would be a mistake of the network.
		return nettest.ARP(wire.BroadcastMAC, uint16(r.IntN(3)), e.Src, ip.Dst|128+wire.Addr4(r.IntN(64)), wire.MAC{}, ip.Dst+wire.Addr4(r.IntN(4)))
	case 6:
		return nettest.Datagram(e, ip, uint8(r.Uint32()), payload)
	case 7:
		return nettest.UDP6(e, ip6, word(), port, payload)
	case 8:
		return nettest.TCP6(e, ip6, segment)
	case 9:
		return nettest.ICMP6(e, ip6, uint8(r.Uint32()), uint8(r.IntN(6)), r.Uint32(), payload)
	case 10:
		return nettest.Fragment6(e, ip6, wire.ProtoUDP, payload, r.IntN(100)*8, r.IntN(2) == 0, r.Uint32N(64))
	case 11:
		target := wire.Addr{Hi: ip6.Dst.Hi, Lo: uint64(r.IntN(8) + 2)}
		return nettest.Neighbour(e, ip6, uint8(wire.ICMP6NeighbourSolicit+r.IntN(2)), r.Uint32()&^(1<<29), target, e.Src)
	case 12:
		// A chain of extension headers.
		headers := []uint8{wire.ExtHopByHop, wire.ExtRouting, wire.ExtDestination, wire.ExtFragment}
		var chain []byte
		for range r.IntN(12) {
			chain = append(chain, headers[r.IntN(len(headers))], 0, byte(r.Uint32()), byte(r.IntN(5)), 0, 0, 0, 0)
		}
		return nettest.Datagram6(e, ip6, headers[r.IntN(len(headers))], append(chain, payload...))
	default:
		return nettest.Datagram6(e, ip6, uint8(r.Uint32()), payload)
	}
}
