package engine

import (
	"encoding/binary"
	"testing"

	"tender/guest/net/flow"
	"tender/guest/net/nettest"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// FuzzFrames runs a script of frames through an engine. The rig checks after
// each that what came out is well-formed and that the counters add up.
//
// A script is a list of records: flags, two bytes of length, the frame. Flag 1
// chooses the interface, 2 puts the right Ethernet addresses in, 4 mends the IP
// header, 8 the transport checksum, 16 lets a second pass, 32 a Tick. With flag 128
// something is left to do for the frame, which offloadOf reads before the length.
func FuzzFrames(f *testing.F) {
	record := func(flags byte, frame []byte) []byte {
		b := binary.BigEndian.AppendUint16([]byte{flags}, uint16(len(frame)))
		return append(b, frame...)
	}
	script := func(records ...[]byte) {
		var all []byte
		for _, r := range records {
			all = append(all, r...)
		}
		f.Add(all)
	}
	segment := func(answer bool, flags uint8, seq, ack uint32, data string) []byte {
		from, frame := tcp(answer, 80, flags, seq, ack, data)
		return record(byte(from.iface), frame)
	}
	ping := nettest.Echo(client.ether(), client.to(server), wire.ICMPEchoRequest, 1, 1, []byte("x"))
	pong := nettest.Echo(server.ether(), server.to(client), wire.ICMPEchoReply, 1, 1, []byte("x"))
	ip := client.to(server)
	ip.TTL = 1
	payload := nettest.UDPPayload(ip, 1, 53, make([]byte, 1400))
	script(record(0, ping), record(1, nettest.ARP(insideMAC, wire.ARPReply, server.mac, server.ip, insideMAC, insideIP)), record(1, pong))
	script(segment(false, wire.TCPSyn, 1, 0, ""), segment(true, wire.TCPSyn|wire.TCPAck, 9, 2, ""), segment(false, wire.TCPAck, 2, 10, "data"), segment(true, wire.TCPRst, 10, 0, ""))
	script(record(0, nettest.UDP(client.ether(), ip, 1, 53, nil)), record(32, nil))
	ip.TTL = 9
	script(record(0, nettest.Fragment(client.ether(), ip, wire.ProtoUDP, payload[:704], 0, true)), record(0, nettest.Fragment(client.ether(), ip, wire.ProtoUDP, payload[704:], 704, false)))
	script(record(0, nettest.UDP(client.ether(), ip, 1, 53, nil)), record(1, nettest.ICMP(server.ether(), server.to(client), 3, 3, 0, nettest.UDP(client.ether(), ip, 1, 53, nil)[14:])))
	script(record(0, nettest.ICMP(client.ether(), nettest.IP{Src: client.ip, Dst: outsideIP}, 8, 0, 1, []byte("us"))))
	script(record(0, nettest.ARP(wire.BroadcastMAC, wire.ARPRequest, client.mac, client.ip, wire.MAC{}, outsideIP)), record(16|32, nil))
	script(record(2|4|8, ping), record(2|4|8|1, pong))
	// With IPv6, VLANs and translation.
	rich := func(records ...[]byte) { script(append([][]byte{record(64, nil)}, records...)...) }
	us := nettest.IP{Src: client.ip, Dst: outsideIP, ID: 3}
	out := nettest.UDP(client.ether(), nettest.IP{Src: outsideIP, Dst: client.ip}, 7, 53, nil)
	translated := nettest.UDPPayload(us, 4000, 8053, make([]byte, 1400))
	rich(record(0, nettest.UDP(client.ether(), us, 4000, 8053, nil)), record(1, nettest.UDP(server.ether(), server.to(client), 53, 4000, nil)))
	rich(record(0, nettest.Fragment(client.ether(), us, wire.ProtoUDP, translated[:704], 0, true)), record(0, nettest.Fragment(client.ether(), us, wire.ProtoUDP, translated[704:], 704, false)))
	rich(record(1, nettest.UDP(server.ether(), server.to(client), 7, 53, nil)), record(0, nettest.ICMP(client.ether(), us, 3, 3, 0, out[14:])))
	rich(record(1, nettest.Tag(nettest.UDP(left.ether(), left.to(client), 1, 2, nil), 10)), record(0, nettest.UDP(client.ether(), us, 2, 1, nil)))
	rich(record(0, nettest.Echo6(client.ether(), to6(client6, server6), wire.ICMP6EchoRequest, 1, 1, nil)),
		record(1, nettest.Neighbour(server.ether(), to6(server6, inside6), wire.ICMP6NeighbourAdvert, wire.FlagSolicited, server6, server.mac)),
		record(1, nettest.Echo6(server.ether(), to6(server6, client6), wire.ICMP6EchoReply, 1, 1, nil)))
	rich(record(0, nettest.Neighbour(client.ether(), to6(client6, outside6), wire.ICMP6NeighbourSolicit, 0, outside6, client.mac)))
	rich(record(0, nettest.TCP6(client.ether(), to6(client6, server6), nettest.Segment{SrcPort: 1, DstPort: 80, Flags: wire.TCPSyn})))
	rich(record(0, nettest.Fragment6(client.ether(), to6(client6, server6), 17, nettest.UDPPayload6(to6(client6, server6), 1, 2, make([]byte, 8)), 0, true, 5)))
	later := func(flags byte, start, offset, segment, head uint16, frame []byte) []byte {
		b := []byte{flags | 128}
		for _, v := range []uint16{start, offset, segment, head, uint16(len(frame))} {
			b = binary.BigEndian.AppendUint16(b, v)
		}
		return append(b, frame...)
	}
	shake := join(segment(false, wire.TCPSyn, 100, 0, ""), [][]byte{segment(true, wire.TCPSyn|wire.TCPAck, 500, 101, "")})
	for _, segment := range []uint16{0, 500, 1400} {
		for _, head := range []uint16{54, 1900} {
			seed := large(3000, nil)
			nettest.Partial(seed)
			script(shake, later(0, 34, 16, segment, head, seed))
			script(record(32, nil), later(32, 34, 16, segment, head, seed))
			masked := nettest.TCP(server.ether(), server.to(client), nettest.Segment{SrcPort: 5, DstPort: 6, Flags: wire.TCPSyn})
			nettest.Partial(masked)
			rich(later(1, 34, 16, segment, head, masked))
		}
	}
	script(later(0, 34, 2, 0, 60, ping), later(1, 20, 2, 10, 60, pong), later(0, 0, 0, 0, 20, ping), later(0, 65535, 65535, 65535, 0, ping))
	f.Fuzz(func(t *testing.T, script []byte) {
		isRich := len(script) > 0 && script[0]&64 != 0
		r := newRig(t, func(c *Config) {
			c.Flows, c.Fragments, c.Neighbours, c.Waiting = 4, 2, 4, 4
			if !isRich {
				c.Interfaces[inside].MTU = 576
				return
			}
			c.Ports = flow.Ports{First: 5000, Last: 5001}
			c.Interfaces = append(c.Interfaces, Interface{Name: "v10", VLAN: 10, Parent: trunk, Addrs: []wire.Prefix4{nettest.Prefix("172.30.10.1/24")}})
			ipv6(c)
			forwarding(c)
			masquerading(c)
		})
		r.know()
		r.ports[outside].offloads, r.ports[inside].offloads = isRich, !isRich
		for len(script) >= 3 {
			flags := script[0]
			o, head := packet.Offload{}, 1<<16
			if flags&128 != 0 && len(script) >= 11 {
				o, head = offloadOf(script[1:])
				script = script[8:]
			}
			size := int(binary.BigEndian.Uint16(script[1:]))
			script = script[3:]
			frame := append([]byte(nil), script[:min(size, len(script))]...)
			script = script[len(frame):]
			from := []host{client, server}[flags&1]
			repair(frame, from, flags)
			if flags&16 != 0 {
				r.now += second
			}
			if flags&32 != 0 {
				r.Tick(r.now)
			}
			if flags&8 == 0 {
				// The engine leaves the checksums of data to the receiver.
				r.ports[0].unchecked, r.ports[1].unchecked = true, true
			}
			if o.ChecksumStart > 0 {
				// What is in the checksum's place is the sender's matter.
				r.ports[0].unchecked, r.ports[1].unchecked = true, true
			}
			head = min(head, len(frame))
			for rest := frame[head:]; len(rest) > 0; rest = rest[min(len(rest), 700):] {
				o.Rest = append(o.Rest, rest[:min(len(rest), 700)])
			}
			r.sendOffload(from, frame[:head:head], o)
			if d := r.Deadline(); flags&32 != 0 && d <= r.now {
				t.Fatalf("deadline %d at %d after Tick", d, r.now)
			}
		}
	})
}

// offloadOf reads what is left to do for a frame, and how long its first piece
// is, from 8 bytes.
func offloadOf(b []byte) (o packet.Offload, head int) {
	at := func(i int) int { return int(int16(binary.BigEndian.Uint16(b[i:]))) }
	return packet.Offload{ChecksumStart: at(0), ChecksumOffset: at(2), Segment: at(4)}, int(binary.BigEndian.Uint16(b[6:]))
}

// repair makes parts of a frame right.
func repair(frame []byte, from host, flags byte) {
	if len(frame) < wire.EthernetLen+wire.IPv4MinLen {
		return
	}
	if e := from.ether(); flags&2 != 0 {
		wire.Ethernet(frame).SetHeader(e.Dst, e.Src, wire.TypeIPv4)
	}
	b := frame[wire.EthernetLen:]
	if flags&4 != 0 {
		b[0] = 0x40 | max(5, b[0]&15)
		if int(b[0]&15)*4 > len(b) {
			b[0] = 0x45
		}
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	}
	if header := int(b[0]&15) * 4; flags&8 != 0 && header >= 20 && header < len(b) {
		repairTransport(wire.IPv4(b))
	}
	if flags&4 != 0 {
		mend(frame)
	}
}

func repairTransport(ip wire.IPv4) {
	payload := ip.Payload()
	at, pseudo := -1, wire.PseudoSum(ip.Src(), ip.Dst(), ip.Protocol(), len(payload))
	switch ip.Protocol() {
	case wire.ProtoICMP:
		at, pseudo = 2, 0
	case wire.ProtoTCP:
		at = 16
	case wire.ProtoUDP:
		at = 6
		if len(payload) >= wire.UDPLen {
			binary.BigEndian.PutUint16(payload[4:], uint16(len(payload)))
		}
	}
	if at < 0 || len(payload) < at+2 {
		return
	}
	payload[at], payload[at+1] = 0, 0
	binary.BigEndian.PutUint16(payload[at:], ^wire.Sum(payload, pseudo))
}
