package nacl

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"tender/guest/net/nettest"
	"tender/guest/net/wire"
)

var (
	questionPorts = []int{22, 53, 80, closed, 443}
	clientPorts   = []int{1000, 8000, 8080}
	ports         = slices.Concat(questionPorts, clientPorts)
	ttls          = []int{2, 10, 32, 63, 64, 128, 200}
)

// closed is a port that refuses connections.
const closed = 81

// packet is one that a side sends: 0 is outside, 1 inside.
type packet struct {
	side         int
	ip           nettest.IP
	protocol     uint8
	sport, dport uint16 // for ICMP, type and identifier
	flags        uint8
	seq, ack     uint32
	data         []byte
	quoted       []byte // by an ICMP error
	heard        []byte // the datagram, if it is one that has been heard
}

// String is for people.
func (p *packet) String() string {
	s := fmt.Sprintf("id %d from %s %v > %v ttl %d length %d", p.ip.ID, [2]string{"outside", "inside"}[p.side], p.ip.Src, p.ip.Dst, p.ip.TTL, len(p.frame())-wire.EthernetLen)
	switch p.protocol {
	case wire.ProtoTCP:
		return s + fmt.Sprintf(" TCP %d > %d flags %#x seq %d ack %d", p.sport, p.dport, p.flags, p.seq, p.ack)
	case wire.ProtoUDP:
		return s + fmt.Sprintf(" UDP %d > %d", p.sport, p.dport)
	case wire.ProtoICMP:
		return s + fmt.Sprintf(" ICMP type %d id %d quoting % x", p.sport, p.dport, p.quoted)
	}
	return s + fmt.Sprintf(" protocol %d", p.protocol)
}

// frame is the packet without Ethernet addresses.
func (p *packet) frame() []byte {
	switch p.protocol {
	case wire.ProtoTCP:
		return nettest.TCP(nettest.Ether{}, p.ip, nettest.Segment{SrcPort: p.sport, DstPort: p.dport, Seq: p.seq, Ack: p.ack, Flags: p.flags, Window: 8000, Data: p.data})
	case wire.ProtoUDP:
		return nettest.UDP(nettest.Ether{}, p.ip, p.sport, p.dport, p.data)
	case wire.ProtoICMP:
		if p.quoted != nil {
			return nettest.ICMP(nettest.Ether{}, p.ip, uint8(p.sport), 1, 0, p.quoted)
		}
		return nettest.Echo(nettest.Ether{}, p.ip, uint8(p.sport), p.dport, 1, p.data)
	}
	return nettest.Datagram(nettest.Ether{}, p.ip, p.protocol, p.data)
}

// crowd makes random packets, of which many answer those that have been heard. It
// does not do what no host does and we judge otherwise than Linux, on purpose: a
// SYN from the other side of a connection, or anything but a new SYN after one
// was refused, is for the hosts to judge.
type crowd struct {
	*rand.Rand
	// heard are packets that have come to a side and have no answer yet.
	heard [2][]*packet
	id    uint16
	// apart is for connections that are translated. Clients of UDP then have
	// other ports than servers, as those of TCP always have; and errors come from
	// who was asked: those of others keep their source here, while Linux makes
	// it that of who was asked.
	apart bool
}

// burst is what a side sends next.
func (c *crowd) burst() []*packet {
	side := c.IntN(2)
	var all []*packet
	for range 1 + c.IntN(30) {
		var p *packet
		if heard := c.heard[side]; len(heard) > 0 && c.IntN(2) == 0 {
			i := c.IntN(len(heard))
			p = c.answer(heard[i])
			c.heard[side] = slices.Delete(heard, i, i+1)
		}
		if p == nil {
			p = c.question(side)
		}
		c.id++
		p.ip.ID, p.ip.TTL = c.id, uint8(ttls[c.IntN(len(ttls))])
		all = append(all, p)
	}
	return all
}

func (c *crowd) port(of []int) uint16 { return uint16(of[c.IntN(len(of))]) }

// hear lets a side hear a datagram.
func (c *crowd) hear(side int, datagram []byte) {
	ip := wire.IPv4(datagram)
	p := &packet{side: 1 - side, ip: nettest.IP{Src: ip.Src(), Dst: ip.Dst(), ID: ip.ID(), TTL: ip.TTL()}, protocol: ip.Protocol(), heard: datagram}
	switch payload := ip.Payload(); p.protocol {
	case wire.ProtoTCP:
		t := wire.TCP(payload)
		p.sport, p.dport, p.flags, p.seq, p.ack = t.SrcPort(), t.DstPort(), t.Flags(), t.Seq(), t.Ack()
	case wire.ProtoUDP:
		p.sport, p.dport, p.data = wire.UDP(payload).SrcPort(), wire.UDP(payload).DstPort(), payload[wire.UDPLen:]
	case wire.ProtoICMP:
		m := wire.ICMP(payload)
		p.sport, p.dport, p.data = uint16(m.Type()), m.ID(), payload[wire.ICMPLen:]
	default:
		p.data = payload
	}
	if p.refused() {
		// A SYN that was sent twice is refused once.
		c.heard[side] = slices.DeleteFunc(c.heard[side], func(q *packet) bool {
			return q.refused() && q.ip.Src == p.ip.Src && q.ip.Dst == p.ip.Dst && q.sport == p.sport && q.dport == p.dport
		})
	}
	c.heard[side] = append(c.heard[side], p)
}

// refused reports a SYN to a closed port.
func (p *packet) refused() bool {
	return p.protocol == wire.ProtoTCP && p.flags == wire.TCPSyn && (p.dport == closed || p.dport == closed+otherPort)
}

// question is a packet that begins something, or nothing.
func (c *crowd) question(side int) *packet {
	p := &packet{side: side, data: make([]byte, 2*c.IntN(6))}
	p.ip.Src = networks[side] + wire.Addr4(1+c.IntN(hosts))
	p.ip.Dst = networks[1-side] + wire.Addr4(1+c.IntN(hosts))
	switch c.IntN(8) {
	case 0, 1, 2:
		// Who asks has other ports than who is asked, so that SYNs do not come from
		// both sides of a connection.
		p.protocol, p.sport, p.dport, p.flags, p.seq, p.data = wire.ProtoTCP, c.port(clientPorts), c.port(questionPorts), wire.TCPSyn, 1000, nil
		if c.IntN(8) == 0 { // belongs to nothing
			p.sport, p.flags, p.ack = 9999, []uint8{wire.TCPAck, wire.TCPRst, wire.TCPSyn | wire.TCPAck, 0}[c.IntN(4)], 5001
		}
	case 3, 4, 5:
		p.protocol, p.sport, p.dport = wire.ProtoUDP, c.port(ports), c.port(ports)
		if c.apart {
			p.sport, p.dport = c.port(clientPorts), c.port(questionPorts)
		}
	case 6:
		p.protocol, p.sport, p.dport = wire.ProtoICMP, []uint16{8, 8, 8, 13, 0, 14}[c.IntN(6)], uint16(c.IntN(3))
	case 7:
		// An error quotes eight bytes at least.
		p.protocol, p.data = 253, make([]byte, 8+c.IntN(6))
	}
	return p
}

// answer is what the receiver of a packet may send, or nil.
func (c *crowd) answer(q *packet) *packet {
	p := &packet{side: 1 - q.side, ip: nettest.IP{Src: q.ip.Dst, Dst: q.ip.Src}, protocol: q.protocol, sport: q.dport, dport: q.sport, data: q.data}
	isError := q.protocol == wire.ProtoICMP && (q.sport == 3 || q.sport == 11 || q.sport == 12)
	if c.IntN(6) == 0 && !isError && !q.refused() {
		if c.IntN(4) == 0 && !c.apart {
			p.ip.Src = networks[p.side] + wire.Addr4(1+c.IntN(hosts)) // a router on the way
		}
		p.protocol, p.sport, p.quoted = wire.ProtoICMP, []uint16{3, 11, 12}[c.IntN(3)], q.heard
		return p
	}
	switch q.protocol {
	case wire.ProtoTCP:
		switch {
		case q.refused():
			p.flags, p.ack = wire.TCPRst|wire.TCPAck, q.seq+1
		case q.flags == wire.TCPSyn:
			p.flags, p.seq, p.ack = wire.TCPSyn|wire.TCPAck, 5000, q.seq+1
		case q.flags == wire.TCPSyn|wire.TCPAck:
			p.flags, p.seq, p.ack = wire.TCPAck, q.ack, q.seq+1
		default:
			return nil
		}
	case wire.ProtoICMP:
		if isError || q.sport != 8 && q.sport != 13 {
			return nil
		}
		p.sport, p.dport = map[uint16]uint16{8: 0, 13: 14}[q.sport], q.dport
	}
	return p
}
